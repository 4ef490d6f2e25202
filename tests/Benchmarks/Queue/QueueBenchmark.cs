using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Persistence;
using Hangfire;
using Hangfire.PostgreSql;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ClaudeManager.Benchmarks.Queue;

/// <summary>Claim and completion of runs, each with fencing, audit and event, beside jobs of Hangfire.PostgreSql that do nothing either; and how soon what one process enqueues starts in another.</summary>
internal static class QueueBenchmark
{
    private const int Runs = 2_000;
    private const int Repositories = 100;
    private const int Places = 16;
    private const int Rounds = 3;
    private const int Latencies = 500;

    private static readonly CountdownEvent s_jobs = new(1);

    /// <summary>The job: that it ran is all that counts.</summary>
    public static void Done() => s_jobs.Signal();

    public static async Task<int> RunAsync(CancellationToken ct)
    {
        await using var store = await TestStore.CreateAsync("postgresql", ct);
        if (store is null)
        {
            Console.Error.WriteLine($"{TestStore.PostgresVariable} names no server.");
            return 2;
        }

        var target = (StoreTarget.Postgres)store.Target;
        store.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = Places } });
        var repositories = new List<RepositoryEntity>();
        for (var i = 0; i < Repositories; i++)
        {
            repositories.Add(await store.RepositoryAsync($"r{i}", ct));
        }

        await using (var source = NpgsqlDataSource.Create(target.ConnectionString))
        {
            await using var command = source.CreateCommand("SELECT version(), current_setting('fsync'), current_setting('synchronous_commit')");
            await using var reader = await command.ExecuteReaderAsync(ct);
            await reader.ReadAsync(ct);
            Print($"{reader.GetString(0).Split(" on ")[0]}, fsync {reader.GetString(1)}, synchronous_commit {reader.GetString(2)}");
        }

        // The first is for the compiler.
        await OursAsync(store, repositories, workers: 1, ct);
        Theirs(target.ConnectionString, ct);
        List<double> one = [], two = [], theirs = [];
        for (var round = 0; round < Rounds; round++)
        {
            one.Add(await OursAsync(store, repositories, workers: 1, ct));
            two.Add(await OursAsync(store, repositories, workers: 2, ct));
            theirs.Add(Theirs(target.ConnectionString, ct));
            Print($"round {round + 1}: claimed and completed by one Worker {one[^1]:0}/s, by two {two[^1]:0}/s; Hangfire {theirs[^1]:0}/s");
        }

        Print($"{Runs} runs of {Repositories} repositories, {Places} places: one Worker {Median(one):0}/s, two {Median(two):0}/s; Hangfire.PostgreSql, {Places} workers, {Median(theirs):0}/s; ratio of one Worker {Median(one) / Median(theirs):0.00}");
        await LatencyAsync(store, target, repositories, ct);
        return 0;
    }

    private static async Task<double> OursAsync(TestStore store, List<RepositoryEntity> repositories, int workers, CancellationToken ct)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, Runs), new ParallelOptions { MaxDegreeOfParallelism = Places, CancellationToken = ct },
            async (i, token) => await store.QueuedRunAsync(repositories[i % Repositories], 1 + (i % 9), token));
        // As the server does by itself, but only once in a minute: a plan made for a table that was empty is nobody's.
        await store.Store.ReadAsync((db, token) => db.Database.ExecuteSqlAsync($"ANALYZE", token), ct);
        var started = Stopwatch.GetTimestamp();
        using var left = new CountdownEvent(Runs);
        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => DispatchAsync(store, $"w{worker}", workers, left, ct)));
        return Runs / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>A Worker as its dispatch loop is: claims its share of the places, carries each run out beside the loop, and looks again at the next signal, or after a second.</summary>
    private static async Task DispatchAsync(TestStore store, string owner, int workers, CountdownEvent left, CancellationToken ct)
    {
        var inHand = new ConcurrentDictionary<long, Task>();
        using var wakes = store.Signal.Listen();
        while (!left.IsSet)
        {
            var claims = inHand.Count < Places && await store.Queue.HasWaitingAsync(ct)
                ? await store.Queue.ClaimAsync(TestStore.Operation, owner, Math.Max(1, (Places / workers) - inHand.Count), _ => true, [.. inHand.Keys], ct)
                : [];
            foreach (var claim in claims)
            {
                var run = new Task<Task>(() => CarryOutAsync(claim));
                inHand[claim.Run.Id] = run.Unwrap();
                run.Start(TaskScheduler.Default);
            }

            if (claims.Count == 0)
            {
                await wakes.WaitAsync(TimeSpan.FromSeconds(1), TimeProvider.System, ct);
            }
        }

        await Task.WhenAll(inHand.Values);

        async Task CarryOutAsync(ClaimedRun claim)
        {
            await CompleteAsync(store, claim, ct);
            inHand.TryRemove(claim.Run.Id, out _);
            left.Signal();
            store.Signal.Raise();
        }
    }

    /// <summary>The last write under a lease, as the executor does it.</summary>
    private static Task CompleteAsync(TestStore store, ClaimedRun claim, CancellationToken ct)
        => store.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            var run = await claim.Lease.HoldWithItemAsync(tx, token);
            RunStateMachine.Move(tx, run, RunState.Ended, "done", RunEndReason.NoChanges);
            WorkItemStateMachine.Move(tx, run.WorkItem!, WorkItemState.Proposed, "done");
        }, ct);

    private static double Theirs(string connection, CancellationToken ct)
    {
        var storage = new PostgreSqlStorage(
            new Hangfire.PostgreSql.Factories.NpgsqlConnectionFactory(connection, new PostgreSqlStorageOptions(), null),
            new PostgreSqlStorageOptions { QueuePollInterval = TimeSpan.FromMilliseconds(50), EnableTransactionScopeEnlistment = false });
        var client = new BackgroundJobClient(storage);
        s_jobs.Reset(Runs);
        for (var i = 0; i < Runs; i++)
        {
            client.Enqueue(() => Done());
        }

        var started = Stopwatch.GetTimestamp();
        using var server = new BackgroundJobServer(new BackgroundJobServerOptions { WorkerCount = Places }, storage);
        s_jobs.Wait(ct);
        return Runs / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>One run at a time, from the call that enqueues it to its claim by a worker that hears of it through PostgreSQL alone.</summary>
    private static async Task LatencyAsync(TestStore store, StoreTarget.Postgres target, List<RepositoryEntity> repositories, CancellationToken ct)
    {
        var elsewhere = new EventSignal();
        using var here = new EventRelay(target, store.Store, store.Signal, TimeProvider.System, NullLogger<EventRelay>.Instance);
        using var there = new EventRelay(target, store.Store, elsewhere, TimeProvider.System, NullLogger<EventRelay>.Instance);
        using var wakes = elsewhere.Listen();
        await here.StartAsync(ct);
        await there.StartAsync(ct);
        var claims = System.Threading.Channels.Channel.CreateUnbounded<long>();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var worker = WorkAsync(over.Token);
        var milliseconds = new List<double>();
        for (var i = 0; i < Latencies; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await store.QueuedRunAsync(repositories[i % Repositories], 5, ct);
            milliseconds.Add(Stopwatch.GetElapsedTime(started, await claims.Reader.ReadAsync(ct)).TotalMilliseconds);
        }

        await over.CancelAsync();
        await worker;
        milliseconds.Sort();
        Print($"enqueued to claimed, {Latencies} one after the other: p50 {milliseconds[Latencies / 2]:0.0} ms, p99 {milliseconds[Latencies * 99 / 100]:0.0} ms, worst {milliseconds[^1]:0.0} ms");
        await here.StopAsync(ct);
        await there.StopAsync(ct);

        // As the dispatch loop does: what waits, then the next signal or a second.
        async Task WorkAsync(CancellationToken token)
        {
            try
            {
                while (true)
                {
                    while (await store.Queue.HasWaitingAsync(token) && await store.Queue.ClaimAsync(TestStore.Operation, "w", Places, _ => true, [], token) is { Count: > 0 } claimed)
                    {
                        var at = Stopwatch.GetTimestamp();
                        await CompleteAsync(store, claimed.Single(), token);
                        claims.Writer.TryWrite(at);
                    }

                    await wakes.WaitAsync(TimeSpan.FromSeconds(1), TimeProvider.System, token);
                }
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                // All were claimed.
            }
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(Rounds / 2);

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
