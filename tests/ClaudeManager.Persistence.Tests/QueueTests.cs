using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Persistence.Tests;

public abstract class QueueTests : StoreConformance
{
    [Fact]
    public async Task Claim_ManyWorkersAtOnce_EachRunOnce_AndNeverMoreThanAllowed()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 5 } });
        for (var i = 0; i < 12; i++)
        {
            await Subject.QueuedRunAsync(await Subject.RepositoryAsync($"r{i}", Ct), 5, Ct);
        }

        var claims = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => ClaimAsync($"worker{i}"), Ct)));
        var ids = claims.OfType<ClaimedRun>().Select(c => c.Run.Id).ToList();
        Assert.Equal(5, ids.Count);
        Assert.Equal(5, ids.Distinct().Count());
    }

    [Fact]
    public async Task Claim_TakesThePinnedFirst_ThenByScore_AndOnePerRepository()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 } });
        var (a, b, c) = (await Subject.RepositoryAsync("a", Ct), await Subject.RepositoryAsync("b", Ct), await Subject.RepositoryAsync("c", Ct));
        var low = await Subject.QueuedRunAsync(a, 2, Ct);
        var high = await Subject.QueuedRunAsync(b, 9, Ct);
        var second = await Subject.QueuedRunAsync(b, 8, Ct);
        var pinned = await Subject.QueuedRunAsync(c, 1, Ct, pinned: true);

        long?[] order = [(await ClaimAsync("w"))?.Run.Id, (await ClaimAsync("w"))?.Run.Id, (await ClaimAsync("w"))?.Run.Id, (await ClaimAsync("w"))?.Run.Id];
        Assert.Equal([pinned.Id, high.Id, low.Id, null], order);
        Assert.Equal(RunState.Queued, (await RunAsync(second.Id)).State);
    }

    [Fact]
    public async Task Claim_ManyBetterRunsOfABusyRepository_KeepNoOtherWaiting()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 2 } });
        var (busy, other) = (await Subject.RepositoryAsync("busy", Ct), await Subject.RepositoryAsync("other", Ct));
        for (var i = 0; i < 60; i++)
        {
            await Subject.QueuedRunAsync(busy, 9, Ct);
        }

        var low = await Subject.QueuedRunAsync(other, 1, Ct);

        Assert.Equal(busy.Id, (await ClaimAsync("w"))?.Repository.Id);
        Assert.Equal(low.Id, (await ClaimAsync("w"))?.Run.Id);
    }

    /// <summary>One place, three repositories: after every three starts each has had its turn, whatever the scores; within a repository the score decides, then age.</summary>
    [Fact]
    public async Task Claim_RepositoriesTakeTurns_AndThePinnedGoesFirst()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 1 } });
        var repositories = new List<RepositoryEntity>();
        for (var i = 0; i < 3; i++)
        {
            var repository = await Subject.RepositoryAsync($"r{i}", Ct);
            repositories.Add(repository);
            foreach (var score in new[] { 3.0, 7.0, 7.0, 5.0 })
            {
                await Subject.QueuedRunAsync(repository, score + (3 * i), Ct);
            }
        }

        var starts = new List<RunEntity>();
        for (var i = 0; i < 12; i++)
        {
            starts.Add(await ClaimAndEndAsync());
        }

        Assert.All(starts.Chunk(3), turn => Assert.Equal(3, turn.Select(r => r.RepositoryId).Distinct().Count()));
        Assert.Equal(repositories[2].Id, starts[0].RepositoryId);
        foreach (var mine in starts.GroupBy(r => r.RepositoryId))
        {
            Assert.Equal(mine.OrderByDescending(r => r.Score).ThenBy(r => r.Id).Select(r => r.Id), mine.Select(r => r.Id));
        }

        await Subject.QueuedRunAsync(repositories[1], 9, Ct);
        var fresh = await Subject.RepositoryAsync("fresh", Ct);
        await Subject.QueuedRunAsync(fresh, 9, Ct);
        var pinned = await Subject.QueuedRunAsync(repositories[0], 1, Ct, pinned: true);
        Assert.Equal(pinned.Id, (await ClaimAndEndAsync()).Id);
        Assert.Equal(fresh.Id, (await ClaimAndEndAsync()).RepositoryId);
    }

    private async Task<RunEntity> ClaimAndEndAsync()
    {
        var claim = await ClaimAsync("w");
        Assert.NotNull(claim);
        await Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) => RunStateMachine.Move(tx, await claim.Lease.HoldAsync(tx, ct), RunState.Ended, null, RunEndReason.NoChanges), Ct);
        return claim.Run;
    }

    /// <summary>Each of them would ask, be refused and be parked too: that costs attempts and helps nobody.</summary>
    [Fact]
    public async Task Claim_UsageLimitOfAnAgent_HoldsItsRunsUntilTheResetAndNoOthers()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 } });
        var parked = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 9, Ct, agent: "claude-code");
        var held = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("b", Ct), 8, Ct, agent: "claude-code");
        var other = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("c", Ct), 1, Ct);
        await ParkAsync(parked.Id, TimeSpan.FromHours(1));

        Assert.Equal(other.Id, (await ClaimAsync("w"))?.Run.Id);
        Assert.Null(await ClaimAsync("w"));

        // The reset.
        await ParkAsync(parked.Id, TimeSpan.FromSeconds(-1));
        Assert.Equal([parked.Id, held.Id], [(await ClaimAsync("w"))!.Run.Id, (await ClaimAsync("w"))!.Run.Id]);
        Assert.Null((await RunAsync(parked.Id)).FailureClass);
    }

    /// <summary>An agent that works elsewhere is parked between two looks, and a stopping service parks what it lets go of.</summary>
    [Fact]
    public async Task Claim_RunParkedForAnotherReason_HoldsNobody()
    {
        var parked = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 9, Ct);
        var next = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("b", Ct), 8, Ct);
        await ParkAsync(parked.Id, TimeSpan.FromHours(1), failure: null);

        Assert.Equal(next.Id, (await ClaimAsync("w"))?.Run.Id);
    }

    private Task<int> ParkAsync(long run, TimeSpan until, FailureClass? failure = FailureClass.Budget)
        => Subject.Store.WriteAsync(
            TestStore.Operation,
            (tx, ct) => tx.Db.Runs.Where(r => r.Id == run)
                .ExecuteUpdateAsync(u => u.SetProperty(r => r.State, RunState.Parked).SetProperty(r => r.NotBefore, tx.Now + until).SetProperty(r => r.FailureClass, failure), ct),
            Ct);

    [Fact]
    public async Task Claim_MovesRunAndItem_AndGivesALease()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        var claim = await ClaimAsync("w1");
        Assert.NotNull(claim);
        Assert.Equal(new Lease(run.Id, "w1", 1), claim.Lease);
        Assert.Equal((RunState.Preparing, WorkItemState.Running), await Subject.Store.ReadAsync(async (db, ct) => (await db.Runs.Select(r => r.State).SingleAsync(ct), await db.WorkItems.Select(w => w.State).SingleAsync(ct)), Ct));
    }

    [Theory]
    [InlineData("budget")]
    [InlineData("prompt")]
    [InlineData("mac")]
    [InlineData("item text")]
    [InlineData("expiry")]
    public async Task Claim_ApprovalDoesNotHold_EndsTheRunAndAsksAgain(string what)
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct, validity: what == "expiry" ? TimeSpan.Zero : null);
        await Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            var approval = await tx.Db.Approvals.SingleAsync(ct);
            var item = await tx.Db.WorkItems.SingleAsync(ct);
            switch (what)
            {
                case "budget":
                    approval.BudgetMicroUsd *= 100;
                    break;
                case "prompt":
                    approval.Prompt += " And more.";
                    break;
                case "mac":
                    approval.Mac = [.. approval.Mac.Select(b => (byte)~b)];
                    break;
                case "item text":
                    item.Body += "x";
                    break;
            }
        }, Ct);

        Assert.Null(await ClaimAsync("w1"));
        var ended = await RunAsync(run.Id);
        Assert.Equal((RunState.Ended, RunEndReason.PolicyBlocked), (ended.State, ended.EndReason));
        var (state, reason) = await Subject.Store.ReadAsync(async (db, ct) => (await db.WorkItems.Select(w => w.State).SingleAsync(ct), await db.WorkItems.Select(w => w.StateReason).SingleAsync(ct)), Ct);
        Assert.Equal(WorkItemState.Proposed, state);
        Assert.False(string.IsNullOrEmpty(reason));
    }

    [Fact]
    public async Task Reap_HolderKnownDead_RequeuesAtOnce_AndFencesTheOldHolderOff()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        var old = (await ClaimAsync("dead"))!.Lease;
        Assert.Equal([run.Id], await Subject.Queue.ReapAsync(TestStore.Operation, ["dead"], expired: false, Ct));
        var fresh = (await ClaimAsync("alive"))!.Lease;
        Assert.Equal(2, fresh.Attempt);

        await Assert.ThrowsAsync<LeaseLostException>(() => Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            var held = await old.HoldAsync(tx, ct);
            RunStateMachine.Move(tx, held, RunState.Running);
        }, Ct));
        Assert.False(await RenewAsync(old));
        Assert.True(await RenewAsync(fresh));
        Assert.Equal(RunState.Preparing, (await RunAsync(run.Id)).State);
    }

    [Fact]
    public async Task Write_LeaseLostBetweenReadAndSave_ChangesNothing()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        var old = (await ClaimAsync("zombie"))!.Lease;
        await using var zombie = await Subject.Contexts.CreateDbContextAsync(Ct);
        var tracked = await zombie.Runs.SingleAsync(r => r.Id == run.Id && r.LeaseOwner == old.Owner && r.Attempt == old.Attempt, Ct);

        await Subject.Queue.ReapAsync(TestStore.Operation, ["zombie"], expired: false, Ct);
        await ClaimAsync("alive");
        tracked.Branch = "written by a zombie";
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => zombie.SaveChangesAsync(Ct));
        Assert.Null((await RunAsync(run.Id)).Branch);
    }

    [Fact]
    public async Task Renew_ExpiredLeaseNobodyTook_IsGiven()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        var lease = (await ClaimAsync("w1"))!.Lease;
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, ct) => tx.Db.Runs.ExecuteUpdateAsync(u => u.SetProperty(r => r.LeaseExpiresAt, tx.Now - TimeSpan.FromHours(1)), ct), Ct);
        Assert.True(await RenewAsync(lease));
        Assert.Empty(await Subject.Queue.ReapAsync(TestStore.Operation, [], expired: true, Ct));
        Assert.Equal(RunState.Preparing, (await RunAsync(run.Id)).State);
    }

    [Fact]
    public async Task Reap_WorkerLostTooOften_Quarantines()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        var limit = Subject.Configuration.Value.Executor.MaxAttempts;
        for (var i = 0; i <= limit; i++)
        {
            Assert.NotNull(await ClaimAsync($"w{i}"));
            await Subject.Queue.ReapAsync(TestStore.Operation, [$"w{i}"], expired: false, Ct);
        }

        Assert.Equal(RunEndReason.LeaseLost, (await RunAsync(run.Id)).EndReason);
        Assert.Equal(WorkItemState.Quarantined, await Subject.Store.ReadAsync((db, ct) => db.WorkItems.Select(w => w.State).SingleAsync(ct), Ct));
        Assert.Null(await ClaimAsync("another"));
    }

    [Fact]
    public async Task Keeper_LostLease_CancelsItsRun()
    {
        await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        var lease = (await ClaimAsync("w1"))!.Lease;
        using var held = Subject.Get<LeaseKeeper>().Hold(lease);
        Subject.Get<LeaseKeeper>().RenewAll();
        Assert.False(held.Lost.IsCancellationRequested);

        await Subject.Queue.ReapAsync(TestStore.Operation, ["w1"], expired: false, Ct);
        Subject.Get<LeaseKeeper>().RenewAll();
        Assert.True(held.Lost.IsCancellationRequested);
    }

    protected Task<ClaimedRun?> ClaimAsync(string owner) => Subject.Queue.ClaimAsync(TestStore.Operation, owner, _ => true, [], Ct);

    private Task<RunEntity> RunAsync(long id) => Subject.Store.ReadAsync((db, ct) => db.Runs.SingleAsync(r => r.Id == id, ct), Ct);

    private async Task<bool> RenewAsync(Lease lease)
    {
        await using var db = await Subject.Contexts.CreateDbContextAsync(Ct);
        return RunQueue.Renew(db, lease, await db.GetDatabaseTimeAsync(Subject.Store.Time, Ct));
    }
}

public sealed class SqliteQueueTests : QueueTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresQueueTests : QueueTests
{
    /// <summary>A worker that is paused between two statements of a claim, or whose machine is gone without a word: the server cuts it off, and the others go on.</summary>
    [Fact]
    public async Task Claim_HolderOfTheLockSaysNothingMore_OthersGoOn()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("a", Ct), 5, Ct);
        await using var silent = await Subject.Contexts.CreateDbContextAsync(Ct);
        await using var open = await silent.Database.BeginTransactionAsync(Ct);
        await silent.LockClaimsAsync(Ct);

        Assert.Equal(run.Id, (await ClaimAsync("w"))?.Run.Id);
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => silent.LockClaimsAsync(Ct));
    }

    protected override string Provider => "postgresql";
}
