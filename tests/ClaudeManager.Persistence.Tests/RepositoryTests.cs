using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Persistence.Tests;

public abstract class RepositoryTests : StoreConformance
{
    [Fact]
    public async Task Location_RegisteredASecondTime_IsRefusedByTheStore()
    {
        await Subject.RepositoryAsync("one", Ct);

        await Assert.ThrowsAsync<DbUpdateException>(() => Subject.RepositoryAsync("one", Ct));
    }

    [Fact]
    public async Task Add_SameRepositoryFromTwoProcesses_TheLoserGetsTheRowThereIs()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var winner = Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            var row = new RepositoryEntity { Name = "winner", Location = repository.Path, CreatedAt = tx.Now, UpdatedAt = tx.Now };
            tx.Db.Repositories.Add(row);
            await tx.Db.SaveChangesAsync(ct);
            written.SetResult();
            await commit.Task.WaitAsync(ct);
            return row.Id;
        }, Ct);
        await written.Task.WaitAsync(Ct);

        var loser = Registry().AddAsync(TestStore.Operation, new AddRepositoryRequest(repository.Path), Ct);
        await UntilAnotherWriterWaitsAsync();
        commit.SetResult();

        var added = await loser;
        Assert.Null(added.Refusal);
        Assert.Equal((await winner, "winner"), (added.Value!.Id, added.Value.Name));
        Assert.Equal(1, await Subject.Store.ReadAsync((db, ct) => db.Repositories.CountAsync(ct), Ct));
    }

    [Fact]
    public async Task Progress_OfARunningScan_IsToldToReadersAndEndsWithTheScan()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var scanner = new HeldScanner();
        var registry = Registry(scanner);
        var scans = Scans(scanner);
        var id = (await registry.AddAsync(TestStore.Operation, new AddRepositoryRequest(repository.Path, Propose: true), Ct)).Value!.Id;
        await using var events = Subject.Get<Core.Events.EventFeedReader>().ReadAsync(null, Ct).GetAsyncEnumerator(Ct);
        await events.MoveNextAsync();

        var scan = scans.ScanAsync(TestStore.Operation, id, full: false, propose: null, Ct);
        var seen = await UntilToldAsync(events, registry, id, r => r.Scan is { Files: 3, TotalFiles: 12, Findings: 2 });
        Assert.Equal(RepositoryScanState.Scanning, seen.ScanState);
        Assert.True(seen.Scan is { FilesPerSecond: > 0, RemainingSeconds: > 0 });

        scanner.Go.SetResult();
        Assert.Null((await scan).Value!.Error);
        Assert.Null((await registry.GetAsync(id, Ct)).Value!.Scan);
        await UntilToldAsync(events, registry, id, r => r.Scan is null);
        Assert.Equal((0, 0), await Subject.Store.ReadAsync(async (db, ct) => (await db.RunningScans.CountAsync(ct), await db.Events.CountAsync(e => e.Type == "scan.progress", ct)), Ct));
    }

    [Fact]
    public async Task Progress_OfADeadProcess_IsNotShown_AndGoesWithTheNextScan()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var registry = Registry();
        var id = (await registry.AddAsync(TestStore.Operation, new AddRepositoryRequest(repository.Path, Propose: true), Ct)).Value!.Id;
        await LeaveScanAsync(id, TimeSpan.FromSeconds(5));
        Assert.Equal((RepositoryScanState.Scanning, 7), ((await registry.GetAsync(id, Ct)).Value!.ScanState, (await registry.GetAsync(id, Ct)).Value!.Scan?.Files));

        await LeaveScanAsync(id, TimeSpan.FromSeconds(20));
        var dead = (await registry.GetAsync(id, Ct)).Value!;
        Assert.Equal((RepositoryScanState.Never, null), (dead.ScanState, dead.Scan));

        Assert.Null((await Scans().ScanAsync(TestStore.Operation, id, full: false, propose: null, Ct)).Value!.Error);
        Assert.Equal(0, await Subject.Store.ReadAsync((db, ct) => db.RunningScans.CountAsync(ct), Ct));
    }

    /// <summary>Until the store itself holds a second writer back.</summary>
    protected abstract Task UntilAnotherWriterWaitsAsync();

    private ScanService Scans(IScanner? scanner = null) => new(Subject.Store, Subject.Get<RepositorySource>(), Subject.Get<GitHubGateway>(), Subject.Configuration, [scanner ?? new TodoCommentsScanner()], NullLogger<ScanService>.Instance);

    private RepositoryRegistry Registry(IScanner? scanner = null) => new(
        Subject.Store, Scans(scanner), Subject.Get<RepositorySource>(), Subject.Get<GitHubMirrors>(), Subject.Configuration, Subject.Get<DataDirectory>(), NullLogger<RepositoryRegistry>.Instance);

    /// <summary>What a process leaves that was killed in a scan.</summary>
    private Task LeaveScanAsync(long id, TimeSpan ago)
        => Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            var then = await tx.Db.GetDatabaseTimeAsync(Subject.Store.Time, ct) - ago;
            await tx.Db.Repositories.ExecuteUpdateAsync(u => u.SetProperty(r => r.ScanState, RepositoryScanState.Scanning), ct);
            await tx.Db.RunningScans.ExecuteDeleteAsync(ct);
            tx.Db.RunningScans.Add(new RunningScanEntity { RepositoryId = id, Files = 7, StartedAt = then, HeartbeatAt = then });
        }, Ct);

    private static async Task<RepositoryDto> UntilToldAsync(IAsyncEnumerator<ChangeEventDto> events, RepositoryRegistry registry, long id, Func<RepositoryDto, bool> wanted)
    {
        while (await events.MoveNextAsync())
        {
            if (events.Current is { Type: "scan.progress", SubjectId: var subject } && subject == id && (await registry.GetAsync(id, Ct)).Value is { } repository && wanted(repository))
            {
                return repository;
            }
        }

        throw new InvalidOperationException("The feed has ended.");
    }

    /// <summary>Comes a part of the way and waits there.</summary>
    private sealed class HeldScanner : IScanner
    {
        public TaskCompletionSource Go { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Key => "held";

        public IReadOnlyList<string> Labels => [];

        public ProposalText Describe(FindingEntity finding, ProposalPlace place) => throw new InvalidOperationException("Nothing is ever found.");

        public bool IsEnabled(AnalyzerConfiguration analyzer) => true;

        public string RulesOf(AnalyzerConfiguration analyzer) => "";

        public async Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
        {
            request.Progress.Expect(12);
            request.Progress.Done(3);
            request.Progress.Found(2);
            await Go.Task.WaitAsync(ct);
            return new ScannerResult([], null, new HashSet<string>(), new Dictionary<string, string>(), 12, 12, [], []);
        }
    }
}

public sealed class SqliteRepositoryTests : RepositoryTests
{
    protected override string Provider => "sqlite";

    /// <summary>The write gate has it wait before it has looked: there is nothing to see, and nothing that could go wrong.</summary>
    protected override Task UntilAnotherWriterWaitsAsync() => Task.CompletedTask;
}

public sealed class PostgresRepositoryTests : RepositoryTests
{
    protected override string Provider => "postgresql";

    protected override async Task UntilAnotherWriterWaitsAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1), TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, Ct);
        while (await Subject.Store.ReadAsync((db, ct) => db.Database.SqlQuery<int>($"SELECT count(*)::int AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").SingleAsync(ct), either.Token) == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, either.Token);
        }
    }
}
