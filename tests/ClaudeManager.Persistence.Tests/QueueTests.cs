using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
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

    private async Task<RunEntity> ClaimAndEndAsync(long? costMicroUsd = null)
    {
        var claim = await ClaimAsync("w");
        Assert.NotNull(claim);
        await EndAsync(claim, costMicroUsd);
        return claim.Run;
    }

    private Task EndAsync(ClaimedRun claim, long? costMicroUsd = null)
        => Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            var run = await claim.Lease.HoldWithItemAsync(tx, ct);
            run.CostMicroUsd = costMicroUsd;
            RunStateMachine.Move(tx, run, RunState.Ended, null, RunEndReason.NoChanges);
            WorkItemStateMachine.Move(tx, run.WorkItem!, WorkItemState.Proposed, null);
        }, Ct);

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
    public async Task Claim_SeveralAtOnce_InTheOrderOfSingleClaims_OnePerRepository_AndNoMoreThanPlaces()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 } });
        var (a, b, c, d) = (await Subject.RepositoryAsync("a", Ct), await Subject.RepositoryAsync("b", Ct), await Subject.RepositoryAsync("c", Ct), await Subject.RepositoryAsync("d", Ct));
        await Subject.QueuedRunAsync(d, 9, Ct);
        await ClaimAndEndAsync();
        var low = await Subject.QueuedRunAsync(a, 2, Ct);
        await Subject.QueuedRunAsync(b, 8, Ct);
        var high = await Subject.QueuedRunAsync(b, 9, Ct);
        var pinned = await Subject.QueuedRunAsync(c, 1, Ct, pinned: true);
        var hadItsTurn = await Subject.QueuedRunAsync(d, 9, Ct);

        var first = await ClaimAsync("w", places: 3);
        Assert.Equal([pinned.Id, high.Id, low.Id], first.Select(r => r.Run.Id));
        Assert.Equal([hadItsTurn.Id], (await ClaimAsync("w", places: 3)).Select(r => r.Run.Id));
        Assert.Empty(await ClaimAsync("w", places: 3));
        Assert.All(first, r => Assert.Equal((RunState.Preparing, WorkItemState.Running, new Lease(r.Run.Id, "w", 1)), (r.Run.State, r.Item.State, r.Lease)));
        Assert.All(first, r => Assert.Equal((r.Run.WorkItemId, r.Run.ApprovalId, r.Run.RepositoryId), (r.Item.Id, r.Approval.Id, r.Repository.Id)));
    }

    [Fact]
    public async Task Claim_SeveralAtOnce_StopsAtTheMaximum()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 3 } });
        for (var i = 0; i < 5; i++)
        {
            await Subject.QueuedRunAsync(await Subject.RepositoryAsync($"r{i}", Ct), 5, Ct);
        }

        Assert.NotNull(await ClaimAsync("w1"));
        Assert.Equal(2, (await ClaimAsync("w2", places: 5)).Count);
        Assert.Empty(await ClaimAsync("w1", places: 5));
        Assert.Equal(3, await Subject.Store.ReadAsync((db, ct) => db.Runs.CountAsync(r => r.State == RunState.Preparing, ct), Ct));
    }

    [Fact]
    public async Task Claim_SeveralAtOnce_BudgetOfOneRepositoryIsSpent_TheOthersStart()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 }, Budgets = new BudgetsConfiguration { PerDayUsd = 100, PerRepositoryPerDayUsd = 5 } });
        var (spent, other, third) = (await Subject.RepositoryAsync("spent", Ct), await Subject.RepositoryAsync("other", Ct), await Subject.RepositoryAsync("third", Ct));
        await Subject.QueuedRunAsync(spent, 9, Ct);
        await ClaimAndEndAsync(costMicroUsd: 5_000_000);
        await Subject.QueuedRunAsync(spent, 9, Ct, pinned: true);
        long[] expected = [(await Subject.QueuedRunAsync(other, 4, Ct)).Id, (await Subject.QueuedRunAsync(third, 3, Ct)).Id];

        Assert.Equal(expected, (await ClaimAsync("w", places: 2)).Select(r => r.Run.Id));

        Subject.Configuration.Swap(Subject.Configuration.Value with { Budgets = new BudgetsConfiguration { PerDayUsd = 5, PerRepositoryPerDayUsd = 50 } });
        await Subject.QueuedRunAsync(await Subject.RepositoryAsync("fourth", Ct), 5, Ct);
        Assert.Empty(await ClaimAsync("w", places: 3));
    }

    [Fact]
    public async Task Claim_SeveralAtOnce_AnApprovalAmongThemDoesNotHold_IsAskedAgain_AndTheNextOfItsRepositoryStarts()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 } });
        var (a, b, c) = (await Subject.RepositoryAsync("a", Ct), await Subject.RepositoryAsync("b", Ct), await Subject.RepositoryAsync("c", Ct));
        var first = await Subject.QueuedRunAsync(a, 9, Ct);
        var stale = await Subject.QueuedRunAsync(b, 8, Ct);
        var next = await Subject.QueuedRunAsync(b, 7, Ct);
        var last = await Subject.QueuedRunAsync(c, 6, Ct);
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, ct) => tx.Db.Approvals.Where(p => p.Id == stale.ApprovalId).ExecuteUpdateAsync(u => u.SetProperty(p => p.BudgetMicroUsd, 9_000_000), ct), Ct);

        Assert.Equal([first.Id, next.Id, last.Id], (await ClaimAsync("w", places: 3)).Select(r => r.Run.Id));
        var ended = await RunAsync(stale.Id);
        Assert.Equal((RunState.Ended, RunEndReason.PolicyBlocked), (ended.State, ended.EndReason));
        Assert.Equal((WorkItemState.Proposed, ApprovalStates.Stale), await Subject.Store.ReadAsync(async (db, ct) =>
            (await db.WorkItems.Where(w => w.Id == stale.WorkItemId).Select(w => w.State).SingleAsync(ct), await db.Approvals.Where(p => p.Id == stale.ApprovalId).Select(p => p.State).SingleAsync(ct)), Ct));
    }

    [Fact]
    public async Task Claim_SeveralAtOnce_WhatIsStillInHandOrForAnotherWorkersAgent_IsPassedOver()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 } });
        var (a, b, c) = (await Subject.RepositoryAsync("a", Ct), await Subject.RepositoryAsync("b", Ct), await Subject.RepositoryAsync("c", Ct));
        var inHand = await Subject.QueuedRunAsync(a, 9, Ct);
        var next = await Subject.QueuedRunAsync(a, 8, Ct);
        await Subject.QueuedRunAsync(b, 7, Ct, agent: "command:other");
        var last = await Subject.QueuedRunAsync(c, 6, Ct);

        var claims = await Subject.Queue.ClaimAsync(TestStore.Operation, "w", 2, agent => agent == "command:test", [inHand.Id], Ct);
        Assert.Equal([next.Id, last.Id], claims.Select(r => r.Run.Id));
    }

    [Fact]
    public async Task Claim_SeveralAtOnce_EachHasALeaseOfItsOwn_AndTheOldHolderOfAllIsFencedOff()
    {
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 10 } });
        for (var i = 0; i < 3; i++)
        {
            await Subject.QueuedRunAsync(await Subject.RepositoryAsync($"r{i}", Ct), 5, Ct);
        }

        var old = await ClaimAsync("dead", places: 3);
        await EndAsync(old[0]);
        Assert.Equal(old.Skip(1).Select(c => c.Run.Id).Order(), (await Subject.Queue.ReapAsync(TestStore.Operation, ["dead"], expired: false, Ct)).Order());
        var fresh = await ClaimAsync("alive", places: 3);
        Assert.Equal(old.Skip(1).Select(c => new Lease(c.Run.Id, "alive", 2)), fresh.Select(c => c.Lease).OrderBy(l => l.RunId));
        foreach (var claim in old)
        {
            await Assert.ThrowsAsync<LeaseLostException>(() => EndAsync(claim));
        }

        await EndAsync(fresh[0]);
        await EndAsync(fresh[1]);
    }

    [Fact]
    public async Task Claim_EightWorkersTakingSeveralAtOnce_NeverMoreThanAllowed_NorTwoInARepository_AndEachRunOnce()
    {
        const int most = 5;
        Subject.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = most } });
        var queued = new List<long>();
        for (var i = 0; i < 7; i++)
        {
            var repository = await Subject.RepositoryAsync($"r{i}", Ct);
            for (var n = 0; n < 3; n++)
            {
                queued.Add((await Subject.QueuedRunAsync(repository, n, Ct)).Id);
            }
        }

        var started = new System.Collections.Concurrent.ConcurrentBag<long>();
        await Parallel.ForEachAsync(Enumerable.Range(0, 8), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Ct }, async (i, stop) =>
        {
            while (started.Count < queued.Count)
            {
                // The first that fails stops the others.
                stop.ThrowIfCancellationRequested();
                foreach (var claim in await ClaimAsync($"w{i}", places: 3))
                {
                    started.Add(claim.Run.Id);
                    var active = await Subject.Store.ReadAsync((db, ct) => db.Runs.Where(r => RunStateMachine.Active.Contains(r.State)).Select(r => r.RepositoryId).ToListAsync(ct), Ct);
                    Assert.InRange(active.Count, 1, most);
                    Assert.Equal(active.Count, active.Distinct().Count());
                    await EndAsync(claim);
                }
            }
        });

        Assert.Equal(queued.Order(), started.Order());
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

    protected async Task<ClaimedRun?> ClaimAsync(string owner) => (await ClaimAsync(owner, 1)).SingleOrDefault();

    private Task<IReadOnlyList<ClaimedRun>> ClaimAsync(string owner, int places, IReadOnlyCollection<long>? inHand = null) => Subject.Queue.ClaimAsync(TestStore.Operation, owner, places, _ => true, inHand ?? [], Ct);

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
        await silent.LockClaimsAsync(TimeProvider.System, Ct);

        Assert.Equal(run.Id, (await ClaimAsync("w"))?.Run.Id);
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => silent.LockClaimsAsync(TimeProvider.System, Ct));
    }

    protected override string Provider => "postgresql";
}
