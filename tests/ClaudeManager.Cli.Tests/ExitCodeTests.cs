using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Cli.Tests;

/// <summary>What a script learns from the exit code alone: the table of <c>docs/cli.md</c>.</summary>
public sealed class ExitCodeTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly RecordedTerminal _terminal;

    public ExitCodeTests() => _terminal = new RecordedTerminal(_directory.Path);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(HttpStatusCode.BadRequest, 2)]
    [InlineData(HttpStatusCode.Unauthorized, 6)]
    [InlineData(HttpStatusCode.Forbidden, 6)]
    [InlineData(HttpStatusCode.NotFound, 5)]
    [InlineData(HttpStatusCode.Conflict, 7)]
    [InlineData(HttpStatusCode.PreconditionFailed, 7)]
    [InlineData(HttpStatusCode.UnprocessableEntity, 2)]
    [InlineData(HttpStatusCode.TooManyRequests, 8)]
    [InlineData(HttpStatusCode.InternalServerError, 1)]
    [InlineData(HttpStatusCode.BadGateway, 69)]
    [InlineData(HttpStatusCode.ServiceUnavailable, 75)]
    [InlineData(HttpStatusCode.GatewayTimeout, 69)]
    public async Task Run_AnswerOfTheServer_HasItsExitCode(HttpStatusCode status, int expected)
    {
        await using var server = await AnsweringAsync(context => Results.Problem(title: "As asked", detail: "The words of the server.", statusCode: (int)status).ExecuteAsync(context));

        Assert.Equal(expected, await _terminal.RunAsync("tasks", "show", "1", "--server", server.Urls.Single()));

        Assert.Contains("The words of the server.", _terminal.Error, StringComparison.Ordinal);
        Assert.Empty(_terminal.Out);
    }

    [Fact]
    public async Task Run_ServerHangsUpHalfway_IsUnavailable()
    {
        await using var server = await AnsweringAsync(context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });

        Assert.Equal(69, await _terminal.RunAsync("tasks", "show", "1", "--server", server.Urls.Single()));
    }

    [Fact]
    public async Task Run_Interrupted_Is130()
    {
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await using var server = await AnsweringAsync(async context =>
        {
            await interrupt.CancelAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });

        Assert.Equal(130, await _terminal.RunAsync(interrupt.Token, "tasks", "show", "1", "--server", server.Urls.Single()));
        Assert.Empty(_terminal.Error);
    }

    [Theory]
    [InlineData("json", null)]
    [InlineData("table", null)]
    [InlineData("table", 100)]
    public async Task Status_WatchedUntilCtrlC_ShowsWhatIsNewAndEndsInterrupted(string format, int? width)
    {
        using var terminal = new RecordedTerminal(_directory.Path, width: width);
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var asked = 0;
        await using var server = await AnsweringAsync(async context =>
        {
            if (++asked == 3)
            {
                await interrupt.CancelAsync();
            }

            var instance = new InstanceStateDto("boot", "worker", "box", 40 + asked, DateTimeOffset.UnixEpoch, new LimiterStateDto("local_share", DateTimeOffset.UnixEpoch, "Redis is away"), [], new ErrorSummaryDto(0, [], []), []);
            await Results.Json(new FleetDto([instance]), ManagerJson.Options).ExecuteAsync(context);
        });

        Assert.Equal(130, await terminal.RunAsync(interrupt.Token, "status", "--watch", "--format", format, "--server", server.Urls.Single()));

        if (format == "json")
        {
            var seen = terminal.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<FleetDto>(line, ManagerJson.Options)!.Instances.Single().ProcessId);
            Assert.Equal([41, 42], seen.Take(2));
        }
        else
        {
            Assert.Matches("(?s)worker.* 41 .*local_share.*worker.* 42 ", terminal.Out);
            // On a screen the cursor goes back up and the second stands where the first did.
            Assert.Equal(width is not null, Regex.IsMatch(terminal.Out, @"\e\[\d+A"));
        }

        Assert.Empty(terminal.Error);
    }

    [Fact]
    public async Task Start_AnotherProcessIsAtWorkInTheDirectory_IsTryLater()
    {
        using var busy = Connection.DataDirectoryLock.TryAcquire(new DataDirectory(_directory.Combine("data")));

        Assert.Equal(75, await _terminal.RunAsync("start", "--data", _directory.Combine("data")));
    }

    [Theory]
    [InlineData("cat >/dev/null; exit 3", 1)]
    [InlineData("cat >/dev/null; sed -i '/TODO/d' main.sh", 0)]
    public async Task Execute_TheRunEnds_SaysWhetherAVerifiedResultIsThere(string script, int expected)
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("main.sh", "# TODO: say it louder\necho hello\n"));
        var configuration = _directory.Combine("manager.json");
        await File.WriteAllTextAsync(
            configuration,
            JsonSerializer.Serialize(new { executor = new { sandbox = "off", commands = new { agent = new { program = "sh", args = new[] { "-c", script } } }, verify = new Dictionary<string, string[][]> { ["*"] = [["sh", "main.sh"]] } } }),
            Ct);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(configuration, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        string[] common = ["--data", _directory.Combine("data"), "--config", configuration, "--format", "json"];
        Assert.Equal(0, await _terminal.RunAsync(["repos", "add", repository.Path, "--yes", .. common]));
        Assert.Equal(0, await _terminal.RunAsync(["tasks", "list", .. common]));
        var item = Assert.Single(JsonSerializer.Deserialize<Page<WorkItemDto>>(_terminal.Out, ManagerJson.Options)!.Items);

        Assert.Equal(expected, await _terminal.RunAsync(["execute", "--task-id", $"{item.Id}", "--agent", "command:agent", "--approve", "--yes", .. common]));

        var run = JsonSerializer.Deserialize<RunDetailDto>(_terminal.Out, ManagerJson.Options)!.Run;
        Assert.Equal(expected == 0 ? RunEndReason.Completed : RunEndReason.Failed, run.EndReason);
    }

    public void Dispose()
    {
        _terminal.Dispose();
        _directory.Dispose();
    }

    /// <summary>A server that says what it is, and then answers everything the same way.</summary>
    private static async Task<WebApplication> AnsweringAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = builder.Build();
        server.MapGet("/api/v1/service", () => Results.Json(new ServiceInfoDto("1.0", "boot", "embedded", "sqlite", "production", 1, DateTimeOffset.UnixEpoch), ManagerJson.Options));
        server.MapFallback(answer);
        await server.StartAsync(Ct);
        return server;
    }
}
