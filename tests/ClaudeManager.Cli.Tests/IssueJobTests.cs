using System.Globalization;
using System.Text.Json;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Cli.Tests;

/// <summary><c>claude-manager execute</c> and <c>tasks new</c> as a job on GitHub runs them: a configuration, a token, no server, and an empty data directory each time.</summary>
public sealed class IssueJobTests : IAsyncLifetime
{
    private const string Manager = "acme/manager";
    private const string Approved = "approved-for-dev";

    private readonly TemporaryDirectory _directory = new();
    private LoopbackGitHub _github = null!;
    private int _jobs;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private GitHubIssue Issue => Assert.Single(_github.Repository(Manager).Issues, i => i.Pull is null);

    public async ValueTask InitializeAsync()
    {
        _github = await LoopbackGitHub.StartAsync(Ct);
        _github.Repository(Manager).Collaborator("service", GitHubRole.Write).Collaborator("alice", GitHubRole.Write).Collaborator("trudy", GitHubRole.Triage);
        await _github.Repository("acme/app").Collaborator("service", GitHubRole.Write).CommitAsync("First", [("src/sum.sh", "#!/bin/sh\n# TODO: add both numbers\necho 0\n")], Ct);
    }

    [Fact]
    public async Task TasksNew_ForARepositoryOnGitHub_FilesAnIssueThatSaysEverything()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "new", "--repo", "acme/app", "--title", "Add a licence", "--description", "MIT, please.", "--executor", "claude-code"));
        Assert.StartsWith("**Repository:** acme/app\n\nMIT, please.", Issue.Body, StringComparison.Ordinal);
        Assert.Equal(["claude-code-task", "manual-task"], Issue.Labels.Select(l => l.Name).Order());
    }

    [Fact]
    public async Task Execute_LabelBySomebodyWhoMayNotApprove_IsDenied_AndSaidOnTheIssue()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("scan"));
        Issue.Label("trudy", Approved);
        Assert.Equal(ExitCode.Denied, await ExecuteAsync());
        Assert.Contains("triage", Assert.Single(Issue.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_NoLabel_IsDenied_AndNothingIsSaid()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("scan"));
        Assert.Equal(ExitCode.Denied, await ExecuteAsync());
        Assert.Empty(Issue.Comments);
    }

    [Fact]
    public async Task Execute_LabelByAPersonWhoMay_RunsToTheEnd()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("scan"));
        Issue.Label("alice", Approved);
        Assert.Equal(ExitCode.Ok, await ExecuteAsync());
        Assert.True(Issue.IsOpen);
    }

    [Fact]
    public async Task Execute_AgentThatIsMentioned_IsAskedOnceAndTheJobIsDone()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("scan"));
        Issue.Label("alice", "terragon-task");
        Issue.Label("alice", Approved);

        Assert.Equal(ExitCode.Ok, await ExecuteAsync());
        Assert.StartsWith("@helper - please begin work on the following task.", Assert.Single(Issue.Comments).Body, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Denied, await ExecuteAsync());
        Assert.Single(Issue.Comments);
    }

    [Fact]
    public async Task Execute_NothingNamed_IsAUsageError()
        => Assert.Equal(ExitCode.Usage, await RunAsync("execute"));

    public async ValueTask DisposeAsync()
    {
        await _github.DisposeAsync();
        _directory.Dispose();
    }

    private async Task<int> ExecuteAsync()
    {
        using var terminal = Terminal(("ISSUE_NUMBER", Issue.Number.ToString(CultureInfo.InvariantCulture)), ("REPOSITORY_NAME", Manager));
        return await RunAsync(terminal, "execute");
    }

    private async Task<int> RunAsync(params string[] args)
    {
        using var terminal = Terminal();
        return await RunAsync(terminal, args);
    }

    private async Task<int> RunAsync(RecordedTerminal terminal, params string[] args)
    {
        var code = await terminal.RunAsync([.. args, "--config", Configure(), "--data", _directory.Combine(FormattableString.Invariant($"job{++_jobs}"))]);
        TestContext.Current.TestOutputHelper?.WriteLine(terminal.Out + terminal.Error);
        return code;
    }

    private RecordedTerminal Terminal(params (string Name, string Value)[] variables)
        => new(_directory.Path, variables: variables.Append(("GITHUB_TOKEN", _github.Token("service"))).ToDictionary(v => v.Item1, v => v.Item2));

    private string Configure()
    {
        var file = _directory.Combine("config.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            github = new { username = "service", managerRepo = Manager, reposToScan = new[] { "acme/app" }, baseUrl = _github.BaseAddress },
            analyzer = new { scanForTodos = true, scanOpenIssues = false },
            executor = new
            {
                defaultExecutor = "command:test",
                sandbox = "off",
                terragonUsername = "@helper",
                commands = new { test = new { program = "sh", args = new[] { "-c", "sed -i 's/# TODO: add both numbers/# Adds both numbers./' src/sum.sh" } } },
                verify = new Dictionary<string, string[][]> { ["*"] = [["true"]] },
            },
        }));
        return file;
    }
}
