using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Cli.Tests;

/// <summary><c>claude-manager scan</c> as a scheduled job runs it: a configuration, a token, no server, and nothing kept from the last time.</summary>
public sealed class ScanJobTests : IAsyncLifetime
{
    private const string Manager = "acme/manager";

    private readonly TemporaryDirectory _directory = new();
    private LoopbackGitHub _github = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private IReadOnlyList<GitHubIssue> Issues => _github.Repository(Manager).Issues;

    public async ValueTask InitializeAsync()
    {
        _github = await LoopbackGitHub.StartAsync(Ct);
        _github.Repository(Manager).Collaborator("manager", GitHubRole.Write);
        await RepositoryAsync("acme/app", ("a.c", "// TODO: add both numbers\n"), ("b.c", "// FIXME: and these\n"));
    }

    [Fact]
    public async Task Scan_TwiceFromNothing_FilesEachIssueOnce()
    {
        var config = Configure("acme/app");

        Assert.Equal(ExitCode.Ok, await RunAsync(config, "first"));
        Assert.Equal(2, Issues.Count);

        Assert.Equal(ExitCode.Ok, await RunAsync(config, "second"));
        Assert.Equal(2, Issues.Count);
    }

    [Fact]
    public async Task Scan_OneRepositoryIsNotThere_FilesTheOthersAndFails()
    {
        var config = Configure("acme/app", "acme/nowhere");

        Assert.Equal(ExitCode.Failed, await RunAsync(config, "data"));

        Assert.Equal(2, Issues.Count);
    }

    [Fact]
    public async Task Scan_WithoutToken_FailsAndSaysWhatToSet()
    {
        using var terminal = new RecordedTerminal(_directory.Path);

        Assert.Equal(ExitCode.Failed, await terminal.RunAsync("scan", "--config", Configure("acme/app"), "--data", _directory.Combine("data")));

        Assert.Contains("Set GITHUB_TOKEN", terminal.Out, StringComparison.Ordinal);
        Assert.Empty(Issues);
    }

    [Fact]
    public async Task Scan_GitHubTakesNoIssueForNow_EndsAndSaysWhen()
    {
        _github.Fail("POST", $"/repos/{Manager}/issues", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(30)), times: 50);
        using var terminal = Terminal();

        Assert.Equal(ExitCode.TryLater, await terminal.RunAsync("scan", "--config", Configure("acme/app"), "--data", _directory.Combine("data")));

        Assert.Contains("not on GitHub yet", terminal.Error, StringComparison.Ordinal);
        Assert.Empty(Issues);
    }

    [Fact]
    public async Task Scan_DryRun_ShowsWhatAndWhenAndWritesNothing()
    {
        using var terminal = Terminal();

        Assert.Equal(ExitCode.Ok, await terminal.RunAsync("scan", "--dry-run", "--format", "json", "--config", Configure("acme/app"), "--data", _directory.Combine("data")));

        var preview = Assert.Single(JsonSerializer.Deserialize<ScanPreviewDto[]>(terminal.Out, ManagerJson.Options)!);
        Assert.Equal(("acme/app", 2), (preview.Repository, preview.ExpectedIssues));
        Assert.NotNull(preview.ExpectedAllThereAt);
        Assert.Empty(Issues);
        Assert.DoesNotContain(_github.Ledger.ApiRequests, r => r.Changed);
    }

    [Fact]
    public async Task ReposAdd_OwnerAndName_FilesItsProposals()
    {
        using var terminal = Terminal();
        var config = Configure("acme/other");

        Assert.Equal(ExitCode.Ok, await terminal.RunAsync("repos", "add", "acme/app", "--yes", "--config", config, "--data", _directory.Combine("data")));
        Assert.Equal(ExitCode.Ok, await terminal.RunAsync("repos", "list", "--format", "json", "--config", config, "--data", _directory.Combine("data")));

        var repository = Assert.Single(JsonSerializer.Deserialize<RepositoryDto[]>(terminal.Out, ManagerJson.Options)!);
        Assert.Equal((RepositoryKind.GitHub, "acme/app", 2), (repository.Kind, repository.Location, repository.OpenWorkItems));
    }

    public async ValueTask DisposeAsync()
    {
        await _github.DisposeAsync();
        _directory.Dispose();
    }

    private async Task<int> RunAsync(string config, string data)
    {
        using var terminal = Terminal();
        return await terminal.RunAsync("scan", "--config", config, "--data", _directory.Combine(data));
    }

    private RecordedTerminal Terminal() => new(_directory.Path, variables: new Dictionary<string, string> { ["GITHUB_TOKEN"] = _github.Token("manager") });

    private async Task RepositoryAsync(string fullName, params (string Path, string? Content)[] files)
        => await _github.Repository(fullName).Collaborator("manager", GitHubRole.Write).CommitAsync("first", files, Ct);

    private string Configure(params string[] repositories)
    {
        var file = _directory.Combine("config.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            github = new { username = "manager", managerRepo = Manager, reposToScan = repositories, baseUrl = _github.BaseAddress },
            analyzer = new { scanForTodos = true, scanOpenIssues = false },
        }));
        return file;
    }
}
