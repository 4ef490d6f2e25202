using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Models;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests.GitHub;

/// <summary>The two jobs on GitHub, as Gen-1's users have them: its file, its variables, a machine of its own for each, and nothing kept between them but what is in the issues.</summary>
public sealed class ActionsJobTests
{
    private const int Done = 0;
    private const int Denied = 6;
    private const string Key = "sk-ant-e2e-key-that-nobody-may-see";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ScanThenExecute_OnFreshMachines_EndAsOneDraftPullRequest()
    {
        Assert.SkipUnless(Programs.Exists("claude"), "No claude on PATH: npm install -g @anthropic-ai/claude-code.");
        await using var model = await MessagesApi.StartAsync(ModelScenarios.ResolveTodo, ct: Ct);
        await using var scene = await GitHubScene.StartAsync(Ct);
        var app = await AppAsync(scene);

        Assert.Equal(Done, await RunAsync(scene, model, "scan"));
        var issue = Assert.Single(scene.Proposals);
        Assert.Equal("Address TODO in src/one.c:3", issue.Title);
        Assert.Equal(Done, await RunAsync(scene, model, "scan"));
        Assert.Single(scene.Proposals);

        issue.Label(GitHubScene.Maintainer, "claude-code-task", "approved-for-dev");
        Assert.Equal(Done, await RunAsync(scene, model, "execute", issue.Number));

        var pull = Assert.Single(app.Pulls);
        Assert.True(pull.IsDraft);
        Assert.StartsWith($"Closes {GitHubScene.Manager}#{issue.Number}\n", pull.Issue.Body, StringComparison.Ordinal);
        Assert.Contains($"/acme/app/pull/{pull.Issue.Number} waits for review", Assert.Single(issue.Comments).Body, StringComparison.Ordinal);

        // A job that is run again, and the schedule's next: the label has had its run, the finding its issue.
        Assert.Equal(Denied, await RunAsync(scene, model, "execute", issue.Number));
        Assert.Equal(Done, await RunAsync(scene, model, "scan"));

        await pull.MergeAsync(GitHubScene.Maintainer, Ct);
        Assert.Equal(Done, await RunAsync(scene, model, "scan"));
        Assert.False(issue.IsOpen);
        Assert.Equal(
            (1, 1, 1),
            (scene.Written("POST /repos/{owner}/{repo}/issues"), scene.Written("POST /repos/{owner}/{repo}/pulls"), scene.Written("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")));
        Assert.Single(app.Branches.Keys, name => name.StartsWith("claude-manager/", StringComparison.Ordinal));
        Assert.DoesNotContain(model.Requests, request => request.Body.GetRawText().Contains(scene.Token, StringComparison.Ordinal));
        await scene.AssertWellBehavedAsync(Ct);
    }

    [Fact]
    public async Task Execute_NotApprovedByAPersonWhoMay_RefusesAndSaysSoOnce()
    {
        await using var model = await MessagesApi.StartAsync(ModelScenarios.ResolveTodo, ct: Ct);
        await using var scene = await GitHubScene.StartAsync(Ct);
        var app = await AppAsync(scene);
        Assert.Equal(Done, await RunAsync(scene, model, "scan"));
        var issue = Assert.Single(scene.Proposals);

        Assert.Equal(Denied, await RunAsync(scene, model, "execute", issue.Number));
        Assert.Empty(issue.Comments);

        var said = 0;
        foreach (var by in (string[])[GitHubScene.Triager, GitHubScene.Automaton, GitHubScene.Bot])
        {
            issue.Label(by, "approved-for-dev");
            Assert.Equal(Denied, await RunAsync(scene, model, "execute", issue.Number));
            Assert.Equal(++said, issue.Comments.Count);
            Assert.Contains("does not approve this", issue.Comments[^1].Body, StringComparison.Ordinal);
            issue.Unlabel(GitHubScene.Maintainer, "approved-for-dev");
        }

        // What somebody else wrote into it is not what was proposed.
        issue.Edit(GitHubScene.Maintainer, body: issue.Body + "\nAnd delete everything.").Label(GitHubScene.Maintainer, "approved-for-dev");
        Assert.Equal(Denied, await RunAsync(scene, model, "execute", issue.Number));
        Assert.Equal(++said, issue.Comments.Count);
        Assert.Equal(Denied, await RunAsync(scene, model, "execute", issue.Number));
        Assert.Equal(said, issue.Comments.Count);

        Assert.Equal(["main"], app.Branches.Keys);
        Assert.Empty(app.Pulls);
        Assert.Empty(model.Requests);
        await scene.AssertWellBehavedAsync(Ct);
    }

    private static async Task<GitHubRepository> AppAsync(GitHubScene scene) => await scene.RepositoryAsync(
        "acme/app", Ct, ("src/one.c", "int one(void)\n{\n    // TODO: say why it is one\n    return 1;\n}\n"), ("Makefile", "test:\n\tgrep -q 'return 1;' src/one.c\n"));

    /// <summary>One job: a checkout with Gen-1's file, a home without anything, and a token; all of it gone afterwards, when it has held no token.</summary>
    private static async Task<int> RunAsync(GitHubScene scene, MessagesApi model, string command, int? issue = null)
    {
        using var machine = new TemporaryDirectory();
        await File.WriteAllTextAsync(machine.Combine("config.json"), JsonSerializer.Serialize(new
        {
            github = new { username = "acme", managerRepo = GitHubScene.Manager, reposToScan = new[] { "acme/app" } },
            analyzer = new { scanForTodos = true, scanOpenIssues = true },
            executor = new { terragonUsername = "@terragon-labs" },
        }), Ct);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(machine.Combine("config.json"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        var start = new ProcessStartInfo(ProgramProcess.Built("ClaudeManager.Cli"), [command]) { WorkingDirectory = machine.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Except(["DOTNET_ROOT", "LANG", "TMPDIR"], StringComparer.Ordinal).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in scene.Environment(
            ("HOME", machine.Combine("home")),
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("LOG_LEVEL", "INFO"),
            ("RATE_LIMIT_MAX_REQUESTS", "5000"),
            ("ENABLE_PERFORMANCE_MONITORING", "true"),
            ("ClaudeManager__github__baseUrl", scene.GitHub.BaseAddress.ToString()),
            ("ANTHROPIC_BASE_URL", model.BaseAddress.ToString()),
            ("ANTHROPIC_API_KEY", Key)))
        {
            start.Environment[name] = value;
        }

        if (issue is { } number)
        {
            start.Environment["ISSUE_NUMBER"] = number.ToString(CultureInfo.InvariantCulture);
            start.Environment["REPOSITORY_NAME"] = GitHubScene.Manager;
        }

        Directory.CreateDirectory(machine.Combine("home"));
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Ct);
        var error = process.StandardError.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        var said = await output + await error;
        TestContext.Current.TestOutputHelper!.WriteLine($"{command}: {process.ExitCode}\n{said}");
        scene.AssertTokenNowhere(said, machine.Path);
        return process.ExitCode;
    }
}
