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

    private Task<int> RunAsync(params string[] args) => _terminal.RunAsync([.. args, "--data", _directory.Path]);

    private T Result<T>() => JsonSerializer.Deserialize<T>(_terminal.Out, ManagerJson.Options)!;
}
