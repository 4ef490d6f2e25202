using System.Collections.Concurrent;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Persistence.Tests;

public abstract class OutboxTests : StoreConformance
{
    private readonly Outside _outside = new();

    [Fact]
    public async Task Dispatch_ManyDispatchersAtOnce_EachEffectOnce()
    {
        for (var i = 0; i < 20; i++)
        {
            await EnqueueAsync($"k{i}");
        }

        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => DrainAsync(Dispatcher()), Ct)));

        Assert.Equal(20, _outside.Written.Count);
        Assert.Equal(20, _outside.Written.Distinct().Count());
        Assert.All(await EntriesAsync(), e => Assert.Equal((OutboxStates.Done, 1, (string?)null), (e.State, e.Attempt, e.LeaseOwner)));
        Assert.Equal(20, await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.CountAsync(a => a.Action == "outbox.done", ct), Ct));
    }

    [Fact]
    public async Task Enqueue_KeyThatIsThere_StaysOne()
    {
        await EnqueueAsync("same");
        await EnqueueAsync("same");
        await DrainAsync(Dispatcher());
        await EnqueueAsync("same");
        await DrainAsync(Dispatcher());

        Assert.Single(await EntriesAsync());
        Assert.Equal(["same"], _outside.Written);
    }

    [Fact]
    public async Task Enqueue_DecisionRolledBack_LeavesNothing()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => Subject.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            await OutboxDispatcher.EnqueueAsync(tx, Outside.Name, "k", "k", token);
            throw new InvalidOperationException("decided otherwise");
        }, Ct));

        Assert.False(await Dispatcher().DispatchAsync(TestStore.Operation, Ct));
        Assert.Empty(await EntriesAsync());
    }

    [Fact]
    public async Task Dispatch_OneWorkItem_KeepsTheOrder_EvenWhileTheFirstWaits()
    {
        await EnqueueAsync("a1", workItem: 1);
        await EnqueueAsync("a2", workItem: 1);
        await EnqueueAsync("b1", workItem: 2);
        _outside.Faults["a1"] = new OutsideException(FailureClass.Transient) { ClearsAt = Subject.Store.Time.GetUtcNow() + TimeSpan.FromMinutes(10) };
        var dispatcher = Dispatcher();
        await DrainAsync(dispatcher);
        Assert.Equal(["b1"], _outside.Written);

        await PassAsync(TimeSpan.FromMinutes(11));
        await DrainAsync(dispatcher);
        Assert.Equal(["b1", "a1", "a2"], _outside.Written);
    }

    [Fact]
    public async Task Dispatch_TransientFault_IsTriedAgain_NotBeforeItClears()
    {
        await EnqueueAsync("k");
        var clears = Subject.Store.Time.GetUtcNow() + TimeSpan.FromMinutes(30);
        _outside.Faults["k"] = new OutsideException(FailureClass.Transient) { ClearsAt = clears };
        var dispatcher = Dispatcher();
        Assert.True(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        Assert.False(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        await PassAsync(TimeSpan.FromMinutes(29));
        Assert.False(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        Assert.Equal(OutboxStates.Pending, Assert.Single(await EntriesAsync()).State);

        await PassAsync(TimeSpan.FromMinutes(2));
        Assert.True(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        Assert.Equal([1, 2], _outside.Attempts);
        Assert.Equal((OutboxStates.Done, (string?)null), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Error))));
    }

    [Theory]
    [InlineData(FailureClass.Policy)]
    [InlineData(FailureClass.Verification)]
    [InlineData(FailureClass.Budget)]
    public async Task Dispatch_FaultNoTryingHelps_GivesUp_AndSaysWhy(FailureClass failure)
    {
        await EnqueueAsync("k", workItem: 7);
        await EnqueueAsync("next", workItem: 7);
        _outside.Faults["k"] = new OutsideException(failure);
        await DrainAsync(Dispatcher());

        var entries = await EntriesAsync();
        Assert.Equal((OutboxStates.Failed, "No."), (entries[0].State, entries[0].Error));
        Assert.Equal("k: No.", await Subject.Store.ReadAsync((db, ct) => db.Settings.Where(s => s.Key == "given-up").Select(s => s.Value).SingleAsync(ct), Ct));
        Assert.Equal(["next"], _outside.Written);
        Assert.Equal(1, await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.CountAsync(a => a.Action == "outbox.given_up" && a.SubjectId == "7", ct), Ct));
    }

    [Fact]
    public async Task Dispatch_ConfigurationFault_WaitsForAPerson_AndIsNotLost()
    {
        await EnqueueAsync("k");
        _outside.Faults["k"] = new OutsideException(FailureClass.Configuration);
        await DrainAsync(Dispatcher());
        var entry = Assert.Single(await EntriesAsync());
        Assert.Equal(OutboxStates.Pending, entry.State);
        Assert.True(entry.NotBefore >= Subject.Store.Time.GetUtcNow() + TimeSpan.FromMinutes(4), $"{entry.NotBefore}");
    }

    [Theory]
    [InlineData(FailureClass.Configuration)]
    [InlineData(FailureClass.Infrastructure)]
    public async Task Dispatch_FaultThatDoesNotPass_IsBlockedAfterSomeTries_UntilSomebodySaysSo(FailureClass failure)
    {
        await EnqueueAsync("k", workItem: 7);
        await EnqueueAsync("next", workItem: 7);
        var dispatcher = Dispatcher();
        for (var hour = 0; hour < 20; hour++)
        {
            _outside.Faults["k"] = new OutsideException(failure);
            await DrainAsync(dispatcher);
            await PassAsync(TimeSpan.FromHours(1));
        }

        var entry = (await EntriesAsync())[0];
        Assert.Equal((OutboxStates.Blocked, 8, "No."), (entry.State, entry.Attempt, entry.Error));
        Assert.Empty(_outside.Written);
        Assert.Equal(1, await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.CountAsync(a => a.Action == "outbox.blocked" && a.SubjectId == "7", ct), Ct));

        await PassAsync(TimeSpan.FromHours(24));
        await DrainAsync(dispatcher);
        Assert.Equal((OutboxStates.Blocked, 9), (await EntriesAsync()).Select(e => (e.State, e.Attempt)).First());

        _outside.Faults.Clear();
        Assert.Equal(1, await dispatcher.RetryBlockedAsync(TestStore.Operation, Ct));
        await DrainAsync(dispatcher);
        Assert.Equal(["k", "next"], _outside.Written);
        Assert.All(await EntriesAsync(), e => Assert.Equal(OutboxStates.Done, e.State));
    }

    [Fact]
    public async Task Dispatch_TransientFault_IsNeverBlocked()
    {
        await EnqueueAsync("k");
        var dispatcher = Dispatcher();
        for (var hour = 0; hour < 20; hour++)
        {
            _outside.Faults["k"] = new OutsideException(FailureClass.Transient);
            await DrainAsync(dispatcher);
            await PassAsync(TimeSpan.FromHours(1));
        }

        Assert.Equal((OutboxStates.Pending, 20), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Attempt))));
    }

    [Fact]
    public async Task Dispatch_ProcessDiedAfterTheEffect_TheNextLooksFirst_AndWritesNothing()
    {
        await EnqueueAsync("k");
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        _outside.After = killed.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Dispatcher().DispatchAsync(TestStore.Operation, killed.Token));
        _outside.After = null;
        Assert.Equal(OutboxStates.Pending, Assert.Single(await EntriesAsync()).State);

        // The dead one's lease protects it until it has run out.
        var other = Dispatcher();
        Assert.False(await other.DispatchAsync(TestStore.Operation, Ct));
        await PassAsync(OutboxDispatcher.LeaseDuration + TimeSpan.FromSeconds(1));
        Assert.True(await other.DispatchAsync(TestStore.Operation, Ct));

        Assert.Equal(["k"], _outside.Written);
        Assert.Equal((OutboxStates.Done, 2), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Attempt))));
    }

    /// <summary>A process that is known to be dead holds nothing; one that is only silent may be paused, and would still send.</summary>
    [Theory]
    [InlineData("killed", true)]
    [InlineData("stopped", true)]
    [InlineData("silent", false)]
    [InlineData("killed elsewhere", false)]
    public async Task Dispatch_HolderIsGone_IsTakenOverAtOnce(string holder, bool taken)
    {
        await EnqueueAsync("k");
        var me = InstanceIdentity.Create("worker", TimeProvider.System);
        var other = InstanceIdentity.Create("worker", TimeProvider.System);
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        _outside.After = stopped.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Dispatcher(identity: other).DispatchAsync(TestStore.Operation, stopped.Token));
        _outside.After = null;
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            tx.Db.Instances.Add(new InstanceEntity
            {
                BootId = other.BootId,
                Role = other.Role,
                Host = other.Host,
                ProcessSpace = holder == "killed elsewhere" ? "elsewhere" : other.ProcessSpace,
                ProcessId = holder is "silent" or "stopped" ? RunningProcess : NoProcess,
                Version = other.Version,
                StartedAt = tx.Now,
                HeartbeatAt = tx.Now - TimeSpan.FromSeconds(60),
                StoppedAt = holder == "stopped" ? tx.Now : null,
            });
            return Task.CompletedTask;
        }, Ct);

        Assert.Equal(taken, await Dispatcher(identity: me).DispatchAsync(TestStore.Operation, Ct));

        Assert.Equal(["k"], _outside.Written);
        Assert.Equal(taken ? (OutboxStates.Done, 2) : (OutboxStates.Pending, 1), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Attempt))));
    }

    [Fact]
    public async Task Dispatch_ProcessDiedAndTheStoreIsOursAlone_IsTakenOverAtOnce()
    {
        await EnqueueAsync("k");
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        _outside.After = killed.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Dispatcher().DispatchAsync(TestStore.Operation, killed.Token));
        _outside.After = null;

        Assert.True(await Dispatcher(alone: true).DispatchAsync(TestStore.Operation, Ct));

        Assert.Equal(["k"], _outside.Written);
        Assert.Equal((OutboxStates.Done, 2), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Attempt))));
    }

    [Fact]
    public async Task Dispatch_TakenOverMeanwhile_TheZombieRecordsNothing()
    {
        await EnqueueAsync("k");
        var successor = Dispatcher();
        _outside.During = async () =>
        {
            _outside.During = null;
            await PassAsync(OutboxDispatcher.LeaseDuration + TimeSpan.FromSeconds(1));
            Assert.True(await successor.DispatchAsync(TestStore.Operation, Ct));
        };

        await Assert.ThrowsAsync<OutboxLeaseLostException>(() => Dispatcher().DispatchAsync(TestStore.Operation, Ct));

        Assert.Equal(1, await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.CountAsync(a => a.Action == "outbox.done", ct), Ct));
        Assert.Equal("2", await Subject.Store.ReadAsync((db, ct) => db.Settings.Where(s => s.Key == "recorded:k").Select(s => s.Value).SingleAsync(ct), Ct));
    }

    [Fact]
    public async Task Dispatch_EffectOfAHigherLane_GoesBeforeABatchThatWasThereFirst()
    {
        var results = new Outside { Kind = "test.result", Lane = GitHubLane.Interactive };
        for (var i = 0; i < 200; i++)
        {
            await EnqueueAsync($"k{i}");
        }

        await Subject.Store.WriteAsync(TestStore.Operation, (tx, token) => OutboxDispatcher.EnqueueAsync(tx, results.Kind, "result", "result", token), Ct);
        var dispatcher = new OutboxDispatcher(Subject.Store, [_outside, results], InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(false), new Redactor(), NullLogger<OutboxDispatcher>.Instance);

        Assert.True(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        Assert.Equal(("result", 0), (Assert.Single(results.Written), _outside.Written.Count));
        Assert.True(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        Assert.Equal("k0", Assert.Single(_outside.Written));
    }

    [Fact]
    public async Task Dispatch_WhatItWritesOutside_HasUntilItsLeaseEnds()
    {
        await EnqueueAsync("k");
        _outside.During = async () =>
        {
            var end = Assert.Single(await EntriesAsync()).LeaseExpiresAt!.Value;
            WriteDeadline.ThrowIfOver(new FakeTimeProvider(end - (OutboxDispatcher.LeaseDuration / 2)));
            Assert.Throws<WriteTooLateException>(() => WriteDeadline.ThrowIfOver(new FakeTimeProvider(end)));
        };
        await DrainAsync(Dispatcher());

        WriteDeadline.ThrowIfOver(new FakeTimeProvider(DateTimeOffset.MaxValue));
        Assert.Equal(OutboxStates.Done, Assert.Single(await EntriesAsync()).State);
    }

    /// <summary>The claim was committed, and the connection broke before its process heard of it.</summary>
    [Fact]
    public async Task Dispatch_AnswerToItsClaimWasLost_IsTakenUpAtOnce_AndOnlyThen()
    {
        await EnqueueAsync("k");
        var identity = InstanceIdentity.Create("worker", TimeProvider.System);
        await Subject.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            var entry = await tx.Db.Outbox.AsTracking().SingleAsync(token);
            (entry.Attempt, entry.LeaseOwner, entry.LeaseExpiresAt) = (1, identity.BootId, tx.Now + OutboxDispatcher.LeaseDuration);
        }, Ct);
        var dispatcher = Dispatcher(identity: identity);
        _outside.During = async () => Assert.False(await dispatcher.DispatchAsync(TestStore.Operation, Ct));

        Assert.True(await dispatcher.DispatchAsync(TestStore.Operation, Ct));
        Assert.Equal((OutboxStates.Done, 2), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Attempt))));
        Assert.Equal([2], _outside.Attempts);
    }

    [Fact]
    public async Task Dispatch_KindNobodyKnows_IsLeftForWhoDoes()
    {
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, token) => OutboxDispatcher.EnqueueAsync(tx, "from.a.newer.version", "k", "k", token), Ct);
        Assert.False(await Dispatcher().DispatchAsync(TestStore.Operation, Ct));
        Assert.Equal((OutboxStates.Pending, 0), Assert.Single((await EntriesAsync()).Select(e => (e.State, e.Attempt))));
    }

    /// <summary>Above the largest process id Linux gives out.</summary>
    private const int NoProcess = (1 << 22) + 1;

    /// <summary>The first process of the machine.</summary>
    private const int RunningProcess = 1;

    private OutboxDispatcher Dispatcher(bool alone = false, InstanceIdentity? identity = null)
        => new(Subject.Store, [_outside], identity ?? InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(alone), new Redactor(), NullLogger<OutboxDispatcher>.Instance);

    private Task EnqueueAsync(string key, long? workItem = null)
        => Subject.Store.WriteAsync(TestStore.Operation, (tx, token) => OutboxDispatcher.EnqueueAsync(tx, Outside.Name, key, key, token, workItem), Ct);

    private static async Task DrainAsync(OutboxDispatcher dispatcher)
    {
        while (await dispatcher.DispatchAsync(TestStore.Operation, Ct))
        {
        }
    }

    /// <summary>Lets time pass for what waits in the outbox, on the database's clock as on ours: everything is due, and runs out, so much earlier.</summary>
    private Task PassAsync(TimeSpan time)
        => Subject.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            foreach (var entry in await tx.Db.Outbox.AsTracking().Where(o => OutboxStates.Open.Contains(o.State)).ToListAsync(token))
            {
                (entry.NotBefore, entry.LeaseExpiresAt) = (entry.NotBefore - time, entry.LeaseExpiresAt - time);
            }
        }, Ct);

    private Task<List<OutboxEntity>> EntriesAsync() => Subject.Store.ReadAsync((db, ct) => db.Outbox.OrderBy(o => o.Id).ToListAsync(ct), Ct);

    /// <summary>Stands for the outside world: what is written there stays, whatever becomes of the writer.</summary>
    private sealed class Outside : IOutboxEffect
    {
        public const string Name = "test.write";

        private readonly ConcurrentQueue<string> _written = [];
        private readonly ConcurrentQueue<int> _attempts = [];

        public string Kind { get; init; } = Name;

        public GitHubLane Lane { get; init; } = GitHubLane.Propose;

        public IReadOnlyList<string> Written => [.. _written];

        public IReadOnlyList<int> Attempts => [.. _attempts];

        /// <summary>By key; each strikes once.</summary>
        public ConcurrentDictionary<string, Exception> Faults { get; } = [];

        /// <summary>After the write, before its writer knows.</summary>
        public Action? After { get; set; }

        public Func<Task>? During { get; set; }

        public async Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct)
        {
            _attempts.Enqueue(entry.Attempt);
            if (Faults.TryRemove(entry.Key, out var fault))
            {
                throw fault;
            }

            if (During is { } during)
            {
                await during();
            }

            if (entry.Attempt == 1 || !_written.Contains(entry.Key))
            {
                _written.Enqueue(entry.Key);
            }

            After?.Invoke();
            ct.ThrowIfCancellationRequested();
            return (tx, _) =>
            {
                tx.Db.Settings.Add(new SettingEntity { Key = "recorded:" + entry.Key, Value = entry.Attempt.ToString(System.Globalization.CultureInfo.InvariantCulture), UpdatedAt = tx.Now });
                return Task.CompletedTask;
            };
        }

        public Task GiveUpAsync(StoreTransaction tx, OutboxEntity entry, string why, CancellationToken ct)
        {
            tx.Db.Settings.Add(new SettingEntity { Key = "given-up", Value = $"{entry.Key}: {why}", UpdatedAt = tx.Now });
            return Task.CompletedTask;
        }
    }

    private sealed class OutsideException(FailureClass failure) : ClaudeManagerException(new ErrorCode("CM0000", failure, "No.", "Nothing."), "No.");
}

public sealed class SqliteOutboxTests : OutboxTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresOutboxTests : OutboxTests
{
    protected override string Provider => "postgresql";
}
