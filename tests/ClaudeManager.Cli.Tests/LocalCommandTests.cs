using System.Text.Json;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Cli.Tests;

/// <summary>Commands without a server: each starts the Api in this process, on a store of its own, against real git repositories.</summary>
public sealed class LocalCommandTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private TestRepository _repository = null!;
    private RecordedTerminal _terminal = null!;

    public async ValueTask InitializeAsync()
    {
        _repository = await TestRepository.CreateAsync(TestContext.Current.CancellationToken, ("src/app.py", "def f():\n    # TODO: handle an empty list\n    return 1\n"));
        _terminal = new RecordedTerminal(_repository.Path);
    }

    [Fact]
    public async Task Scan_DryRun_ShowsTheFindingAndRegistersNothing()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("scan", "--dry-run", "--format", "json"));
        var preview = Assert.Single(Result<ScanPreviewDto[]>());
        Assert.Equal("src/app.py", Assert.Single(preview.Findings).Path);

        Assert.Equal(ExitCode.Ok, await RunAsync("repos", "list", "--format", "json"));
        Assert.Empty(Result<RepositoryDto[]>());
    }

    [Fact]
    public async Task ReposAdd_WithYes_ProposesAndTheItemCanBeDecided()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("repos", "add", ".", "--yes"));

        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "list", "--format", "json"));
        var item = Assert.Single(Result<Page<WorkItemDto>>().Items);
        Assert.Equal(WorkItemState.Proposed, item.State);

        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "reject", $"{item.Id}", "--reason", "not worth it", "--format", "json"));
        Assert.Equal(WorkItemState.Rejected, Result<WorkItemDetailDto>().Item.State);

        Assert.Equal(ExitCode.Denied, await RunAsync("execute", "--task-id", $"{item.Id}"));
    }

    [Fact]
    public async Task TasksApprove_Several_AsksOnceAndSaysWhatBecameOfEach()
    {
        await AddThreeAsync();
        var ids = await IdsAsync();

        Assert.Equal(ExitCode.Usage, await RunAsync("tasks", "approve", ids[0], ids[1]));
        Assert.Contains("sh -c 'exit 0'", _terminal.Out, StringComparison.Ordinal);
        Assert.Contains("2 work items, $3.00 at most in total", await SayAsync("n", ExitCode.Denied, "tasks", "approve", ids[0], ids[1], "--budget", "1.5"), StringComparison.Ordinal);
        Assert.All((await ItemsAsync()).Items, item => Assert.Equal(WorkItemState.Proposed, item.State));

        await SayAsync("y", ExitCode.Ok, "tasks", "approve", ids[0], ids[1], "--budget", "1.5");
        Assert.Equal(ExitCode.Conflict, await RunAsync("tasks", "approve", ids[1], ids[2], "--yes", "--format", "json"));
        var result = Result<BulkResultDto>();
        Assert.Equal([(ids[2], null), (ids[1], "already_decided")], result.Items.Select(i => ($"{i.Id}", i.Refusal?.Code)));
        Assert.All((await ItemsAsync()).Items, item => Assert.Equal(WorkItemState.Queued, item.State));
        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "show", ids[0], "--format", "json"));
        Assert.Equal(1.5m, Assert.Single(Result<WorkItemDetailDto>().Approvals).BudgetUsd);
    }

    [Fact]
    public async Task TasksApprove_All_TakesOnlyWhatTheFilterLets()
    {
        await AddThreeAsync();
        var items = (await ItemsAsync()).Items;
        var least = items.Max(i => i.Score);

        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "approve", "--all", "--min-score", "9.9", "--yes", "--format", "json"));
        Assert.Equal(0, Result<BulkResultDto>().Done);
        Assert.Equal(ExitCode.NotFound, await RunAsync("tasks", "approve", "--all", "--repo", "nowhere", "--yes"));
        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "approve", "--all", "--min-score", least.ToString(System.Globalization.CultureInfo.InvariantCulture), "--repo", ".", "--yes", "--format", "json"));

        Assert.Equal(items.Where(i => i.Score >= least).Select(i => i.Id).Order(), Result<BulkResultDto>().Items.Select(i => i.Id).Order());
    }

    [Fact]
    public async Task TasksApprove_ToolTheConfigurationDoesNotAllow_IsRefused()
    {
        await AddThreeAsync();
        var id = (await IdsAsync())[0];

        Assert.Equal(ExitCode.Usage, await RunAsync("tasks", "approve", id, "--tool", "Bash(*)", "--yes"));
        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "approve", id, "--tool", "Read", "--tool", "Edit", "--yes", "--format", "json"));
        Assert.Equal(WorkItemState.Queued, Result<WorkItemDetailDto>().Item.State);
    }

    [Fact]
    public async Task TasksRejectAndSnooze_Several_DecideOnEach()
    {
        await AddThreeAsync();
        var ids = await IdsAsync();

        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "reject", ids[0], ids[1], "--reason", "later", "--format", "json"));
        Assert.Equal([WorkItemState.Rejected, WorkItemState.Rejected], Result<BulkResultDto>().Items.Select(i => i.State!.Value));
        Assert.Equal(ExitCode.Conflict, await RunAsync("tasks", "snooze", ids[1], ids[2], "--until", "2030-01-01", "--format", "json"));
        Assert.Equal(["already_decided", null], Result<BulkResultDto>().Items.Select(i => i.Refusal?.Code));
    }

    [Fact]
    public async Task ReposAdd_NobodyToAsk_RegistersNothing()
    {
        Assert.Equal(ExitCode.Usage, await RunAsync("repos", "add", "."));

        Assert.Equal(ExitCode.Ok, await RunAsync("repos", "list", "--format", "json"));
        Assert.Empty(Result<RepositoryDto[]>());
    }

    [Fact]
    public async Task Show_NoSuchItem_IsNotFound()
    {
        Assert.Equal(ExitCode.NotFound, await RunAsync("tasks", "show", "4711"));
        Assert.Empty(_terminal.Out);
    }

    [Fact]
    public async Task DbMigrate_DirectoryInUse_IsAConflict()
    {
        using (DataDirectoryLock.TryAcquire(new DataDirectory(_directory.Path)))
        {
            Assert.Equal(ExitCode.Conflict, await RunAsync("db", "migrate"));
        }

        Assert.Equal(ExitCode.Ok, await RunAsync("db", "migrate"));
        Assert.Equal(ExitCode.Ok, await RunAsync("db", "status", "--format", "json"));
        Assert.Empty(Result<DatabaseStatusDto>().Pending);
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _repository.DisposeAsync();
        _directory.Dispose();
    }

    private Task<int> RunAsync(params string[] args) => _terminal.RunAsync([.. args, .. Common]);

    /// <summary>Three proposed items, and an agent that is there.</summary>
    private async Task AddThreeAsync()
    {
        await File.WriteAllTextAsync(Settings, """{ "executor": { "defaultExecutor": "command:test", "commands": { "test": { "program": "sh", "args": ["-c", "exit 0"] } } } }""", TestContext.Current.CancellationToken);
        await _repository.Write("a.py", "# FIXME: security hole\n").Write("b.py", "# TODO: wording\n").CommitAsync("More", TestContext.Current.CancellationToken);
        Assert.Equal(ExitCode.Ok, await RunAsync("repos", "add", ".", "--yes"));
    }

    private async Task<Page<WorkItemDto>> ItemsAsync()
    {
        Assert.Equal(ExitCode.Ok, await RunAsync("tasks", "list", "--format", "json"));
        return Result<Page<WorkItemDto>>();
    }

    private async Task<string[]> IdsAsync() => [.. (await ItemsAsync()).Items.Select(item => $"{item.Id}")];

    /// <summary>The same with somebody to ask.</summary>
    private async Task<string> SayAsync(string answer, int expected, params string[] args)
    {
        using var terminal = new RecordedTerminal(_repository.Path, answer);
        Assert.Equal(expected, await terminal.RunAsync([.. args, .. Common]));
        return terminal.Out;
    }

    private string[] Common => ["--data", _directory.Path, .. File.Exists(Settings) ? ["--config", Settings] : Array.Empty<string>()];

    private string Settings => Path.Combine(_directory.Path, "settings.json");

    private T Result<T>() => JsonSerializer.Deserialize<T>(_terminal.Out, ManagerJson.Options)!;
}
