using System.Diagnostics;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ClaudeManager.Persistence.Tests;

/// <summary>What one process commits wakes the others at once; nobody here polls.</summary>
public sealed class EventRelayTests : IAsyncLifetime
{
    private static readonly TimeSpan s_never = TimeSpan.FromHours(1);

    private TestStore? _subject;
    private EventRelay? _here;
    private EventRelay? _there;
    private readonly EventSignal _elsewhere = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private TestStore Subject
    {
        get
        {
            Assert.SkipWhen(_subject is null, $"{TestStore.PostgresVariable} names no server.");
            return _subject!;
        }
    }

    private string ConnectionString => ((StoreTarget.Postgres)Subject.Target).ConnectionString;

    public async ValueTask InitializeAsync()
    {
        _subject = await TestStore.CreateAsync("postgresql", Ct);
        if (_subject is not null)
        {
            var target = (StoreTarget.Postgres)_subject.Target;
            _here = new EventRelay(target, _subject.Store, _subject.Signal, TimeProvider.System, NullLogger<EventRelay>.Instance);
            _there = new EventRelay(target, _subject.Store, _elsewhere, TimeProvider.System, NullLogger<EventRelay>.Instance);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_subject is not null)
        {
            await _here!.StopAsync(CancellationToken.None);
            await _there!.StopAsync(CancellationToken.None);
            _here.Dispose();
            _there.Dispose();
            await _subject.DisposeAsync();
        }
    }

    [Fact]
    public async Task Commit_WakesOtherProcesses_AndAgainAfterTheListeningConnectionWasLost()
    {
        using var other = await StartAsync();

        await PublishAsync();
        await other.WaitAsync(s_never, TimeProvider.System, Ct);

        await using (var source = NpgsqlDataSource.Create(ConnectionString))
        {
            Assert.Equal(2, await ListenersAsync(source, "pg_terminate_backend(pid)"));
            // Each comes back by itself, and wakes its own: something may have been committed meanwhile.
            await other.WaitAsync(s_never, TimeProvider.System, Ct);
        }

        await PublishAsync();
        await other.WaitAsync(s_never, TimeProvider.System, Ct);
    }

    /// <summary>The fallback has a name, and everybody can see since when it is in use.</summary>
    [Fact]
    public async Task Relay_CutOff_SaysThatOthersAreFoundByPollingUntilItIsBack()
    {
        await using var way = TestStore.WayToPostgres();
        Assert.SkipWhen(way is null, $"{TestStore.PostgresVariable} names no server.");
        await using var store = await TestStore.CreateAsync("postgresql", Ct, way: way);
        using var relay = new EventRelay((StoreTarget.Postgres)store!.Target, store.Store, store.Signal, TimeProvider.System, NullLogger<EventRelay>.Instance);
        using var wakes = store.Signal.Listen();
        await relay.StartAsync(Ct);
        await wakes.WaitAsync(s_never, TimeProvider.System, Ct);
        Assert.Null(store.Signal.Polling);

        way.Refuse();
        way.Reset();
        var polling = await Eventually.SeeAsync(() => store.Signal.Polling, seen => seen is not null, "it says that it polls", Ct);
        way.Accept();
        await Eventually.SeeAsync(() => store.Signal.Polling, seen => seen is null, "it listens again", Ct);

        Assert.Equal(Fallback.Polling, polling!.Name);
        await relay.StopAsync(Ct);
    }

    [Fact]
    public async Task Commits_InABurst_AreFewNotifications()
    {
        using var other = await StartAsync();
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync(Ct);
        await using (var listen = new NpgsqlCommand("LISTEN claude_manager", connection))
        {
            await listen.ExecuteNonQueryAsync(Ct);
        }

        var heard = 0;
        connection.Notification += (_, _) => heard++;
        var started = Stopwatch.GetTimestamp();
        const int Commits = 200;
        await Parallel.ForEachAsync(Enumerable.Range(0, Commits), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Ct }, async (_, _) => await PublishAsync());
        await connection.WaitAsync(Ct);
        await using (var fence = new NpgsqlCommand("SELECT 1", connection))
        {
            await fence.ExecuteNonQueryAsync(Ct);
        }

        // The wait between two is at least the spacing, less the granularity of the timer.
        var most = 2 + (Stopwatch.GetElapsedTime(started) / (EventRelay.Spacing - TimeSpan.FromMilliseconds(5)));
        Assert.InRange(heard, 1, Math.Min(most, Commits - 1));
    }

    [Fact]
    public async Task Notification_OfOnesOwn_WakesNobodyTwice()
    {
        using var other = await StartAsync();
        using var own = Subject.Signal.Listen();

        await PublishAsync();
        await other.WaitAsync(s_never, TimeProvider.System, Ct);
        await own.WaitAsync(s_never, TimeProvider.System, Ct);

        // The other's answer comes behind our own notification on the same connection: what wakes us is that answer alone.
        _elsewhere.Raise();
        await own.WaitAsync(s_never, TimeProvider.System, Ct);
        using var over = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => own.WaitAsync(over.Token));
    }

    [Fact]
    public async Task Host_OfAPostgresStore_RunsTheRelay_AndThatOfAFileDoesNot()
    {
        await using var file = await TestStore.CreateAsync("sqlite", Ct);

        Assert.Contains(Subject.Get<IEnumerable<Microsoft.Extensions.Hosting.IHostedService>>(), s => s is EventRelay);
        Assert.DoesNotContain(file!.Get<IEnumerable<Microsoft.Extensions.Hosting.IHostedService>>(), s => s is EventRelay);
    }

    /// <summary>Starts both; when it returns both listen, and the first wake of each is over.</summary>
    private async Task<EventSignal.Listener> StartAsync()
    {
        _ = Subject;
        var there = _elsewhere.Listen();
        using var here = Subject.Signal.Listen();
        await _there!.StartAsync(Ct);
        await _here!.StartAsync(Ct);
        await there.WaitAsync(s_never, TimeProvider.System, Ct);
        await here.WaitAsync(s_never, TimeProvider.System, Ct);
        return there;
    }

    private Task PublishAsync() => Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
    {
        tx.Publish("test");
        return Task.CompletedTask;
    }, Ct);

    private static async Task<int> ListenersAsync(NpgsqlDataSource source, string what)
    {
        await using var command = source.CreateCommand($"SELECT count({what}) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'claude-manager listen'");
        return (int)(long)(await command.ExecuteScalarAsync(Ct))!;
    }
}
