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
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ClaudeManager.Benchmarks.Queue;

/// <summary>Claim and completion of runs, each with fencing, audit and event, beside jobs of Hangfire.PostgreSql that do nothing either; and how soon what one process enqueues starts in another.</summary>
internal static class QueueBenchmark
{
    private const int Runs = 2_000;
    private const int Repositories = 100;
    private const int Workers = 8;
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
        store.Configuration.Swap(ManagerConfiguration.Default with { Executor = new ExecutorConfiguration { MaxConcurrentRuns = 1_000 } });
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

        List<double> ours = [], theirs = [];
        for (var round = 0; round < Rounds; round++)
        {
            ours.Add(await OursAsync(store, repositories, ct));
            theirs.Add(Theirs(target.ConnectionString, ct));
            Print($"round {round + 1}: claim and completion {ours[^1]:0}/s, Hangfire {theirs[^1]:0}/s");
        }

        Print($"{Runs} runs of {Repositories} repositories, {Workers} workers: {Median(ours):0}/s claimed and completed; Hangfire.PostgreSql {Median(theirs):0}/s; ratio {Median(ours) / Median(theirs):0.00}");
        await LatencyAsync(store, target, repositories, ct);
        return 0;
    }

    private static async Task<double> OursAsync(TestStore store, List<RepositoryEntity> repositories, CancellationToken ct)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, Runs), new ParallelOptions { MaxDegreeOfParallelism = Workers, CancellationToken = ct },
            async (i, token) => await store.QueuedRunAsync(repositories[i % Repositories], 1 + (i % 9), token));
        var left = Runs;
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(async worker =>
        {
            while (Volatile.Read(ref left) > 0)
            {
                if (await store.Queue.ClaimAsync(TestStore.Operation, $"w{worker}", _ => true, [], ct) is { } claim)
                {
                    await CompleteAsync(store, claim, ct);
                    Interlocked.Decrement(ref left);
                }
            }
        }));
        return Runs / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static Task CompleteAsync(TestStore store, ClaimedRun claim, CancellationToken ct)
        => store.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            var run = await claim.Lease.HoldAsync(tx, token);
            var item = await tx.Db.WorkItems.FindAsync([run.WorkItemId], token);
            RunStateMachine.Move(tx, run, RunState.Ended, "done", RunEndReason.NoChanges);
            WorkItemStateMachine.Move(tx, item!, WorkItemState.Proposed, "done");
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
        using var server = new BackgroundJobServer(new BackgroundJobServerOptions { WorkerCount = Workers }, storage);
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
                    while (await store.Queue.HasWaitingAsync(token) && await store.Queue.ClaimAsync(TestStore.Operation, "w", _ => true, [], token) is { } claim)
                    {
                        var at = Stopwatch.GetTimestamp();
                        await CompleteAsync(store, claim, token);
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
