using System.Net;
using System.Text.RegularExpressions;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>The page and every style and script it names, from each program that serves the dashboard, however it was made and whatever the environment says.</summary>
public sealed partial class StaticAssetTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ClaudeManager.Web", "Development")]
    [InlineData("ClaudeManager.Web", "Production")]
    [InlineData("ClaudeManager.Cli", "Development")]
    [InlineData("ClaudeManager.Cli", "Production")]
    [InlineData("ClaudeManager.AppHost", "Development")]
    [InlineData("ClaudeManager.AppHost", "Production")]
    public async Task Page_AsBuilt_HasEveryAsset(string project, string environment) => await AssertServesAsync(ProgramProcess.Built(project), project, environment);

    [Theory]
    [InlineData("ClaudeManager.Web", "Development")]
    [InlineData("ClaudeManager.Web", "Production")]
    [InlineData("ClaudeManager.Cli", "Development")]
    [InlineData("ClaudeManager.Cli", "Production")]
    [Trait("Category", "Long")]
    public async Task Page_AsPublished_HasEveryAsset(string project, string environment)
    {
        LongRun.Require();
        using var output = new TemporaryDirectory();
        await DotnetAsync("publish", project, "--configuration", "Release", "--output", output.Path, "--artifacts-path", output.Combine("artifacts"));
        await AssertServesAsync(output.Combine(project), project, environment);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Page_AsInstalledTool_HasEveryAsset()
    {
        LongRun.Require();
        using var output = new TemporaryDirectory();
        await DotnetAsync("pack", "ClaudeManager.Cli", "--output", output.Combine("packages"), "--artifacts-path", output.Combine("artifacts"));
        await DotnetAsync("tool", "install", "ClaudeManager.Cli", "--tool-path", output.Combine("tools"), "--source", output.Combine("packages"));
        await AssertServesAsync(output.Combine("tools", "claude-manager"), "ClaudeManager.Cli", "Production");
    }

    private static async Task AssertServesAsync(string program, string project, string environment)
    {
        using var directory = new TemporaryDirectory();
        string[] arguments = project switch
        {
            "ClaudeManager.Web" => ["--urls", "http://127.0.0.1:0"],
            "ClaudeManager.AppHost" => ["--port", "0", "--data", directory.Combine("data")],
            _ => ["start", "--port", "0", "--data", directory.Combine("data")],
        };

        // Our own idea of production needs a master key of its own, which is another test's matter.
        var variables = new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = environment, ["DOTNET_ENVIRONMENT"] = environment, ["ENVIRONMENT"] = "development" };
        await using var server = await ProgramProcess.StartAsync(program, arguments, directory.Path, variables, Ct);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Address };

        var page = await http.GetStringAsync("/", Ct);

        var assets = Named().Matches(page).Select(m => m.Groups["path"].Value).Where(path => !path.Contains("://", StringComparison.Ordinal)).Distinct().ToList();
        Assert.Contains(assets, path => path.Contains("MudBlazor", StringComparison.Ordinal) && path.EndsWith(".css", StringComparison.Ordinal));
        Assert.Contains(assets, path => path.Contains("blazor.web", StringComparison.Ordinal) && path.EndsWith(".js", StringComparison.Ordinal));
        foreach (var path in assets)
        {
            using var answer = await http.GetAsync(path, Ct);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path} answers {(int)answer.StatusCode}.\n{server.Output}");
            Assert.NotEmpty(await answer.Content.ReadAsByteArrayAsync(Ct));
            Assert.Contains(path.EndsWith(".css", StringComparison.Ordinal) ? "css" : "javascript", answer.Content.Headers.ContentType!.MediaType, StringComparison.Ordinal);
        }
    }

    private static async Task DotnetAsync(params string[] arguments)
    {
        var (exitCode, output) = await Programs.RunAsync(Programs.SourceRoot, "dotnet", arguments, Ct);
        Assert.True(exitCode == 0, output);
    }

    [GeneratedRegex("(?:href|src)=\"(?<path>[^\"]+\\.(?:css|js))\"")]
    private static partial Regex Named();
}
