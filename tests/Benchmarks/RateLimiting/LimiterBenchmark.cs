using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Tests.Shared.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace ClaudeManager.Benchmarks.RateLimiting;

/// <summary>A decision in the process in nanoseconds, and decisions through Redis against <c>redis-benchmark</c> sending the very script, as often at once. Rounds alternate.</summary>
internal static class LimiterBenchmark
{
    private const int Rounds = 5;
    private const int Decisions = 2_000_000;
    private const int Calls = 50_000;
    private const int AtOnce = 50;
    private const int Clients = 1_000;

    public static async Task<int> RunAsync(CancellationToken ct)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var telemetry = new LimiterTelemetry(services.GetRequiredService<IMeterFactory>());
        foreach (var scopes in (int[])[1, 4])
        {
            var requests = Requests(scopes);
            var limiter = new InProcessRateLimiter(TimeProvider.System, telemetry);
            var nanoseconds = new List<double>();
            for (var round = 0; round <= Rounds; round++)
            {
                var started = Stopwatch.GetTimestamp();
                for (var i = 0; i < Decisions; i++)
                {
                    _ = await limiter.AcquireAsync(requests[i % Clients], ct);
                }

                nanoseconds.Add(Stopwatch.GetElapsedTime(started).TotalNanoseconds / Decisions);
            }

            Print($"in the process, {scopes} scope(s): {Median(nanoseconds.Skip(1)):0} ns a decision (best {nanoseconds.Min():0}, worst {nanoseconds.Skip(1).Max():0})");
        }

        await using var server = await RedisServer.StartAsync(ct);
        await using var redis = await ConnectionMultiplexer.ConnectAsync(server.Address + ",allowAdmin=true");
        var sha = Convert.ToHexStringLower(await redis.GetServers()[0].ScriptLoadAsync(RedisRateLimiter.AcquireScript));
        foreach (var scopes in (int[])[1, 4])
        {
            var requests = Requests(scopes);
            await using var limiter = new FailoverRateLimiter(
                new RedisRateLimiter(RedisRateLimiter.Options(server.Address), "bench", TimeProvider.System), () => LiveInstances.Alone, TimeProvider.System, telemetry, NullLogger<FailoverRateLimiter>.Instance);
            List<double> ours = [], raw = [];
            var left = 0;
            while (ours.Count <= Rounds)
            {
                // On a machine so busy that Redis misses the budget, a round is decided without it, and says nothing.
                var before = limiter.State;
                var mine = await OursAsync(limiter, requests, ct);
                if (before.Source != LimiterSource.Shared || limiter.State != before)
                {
                    left++;
                    await Task.Delay(FailoverRateLimiter.TrialInterval, TimeProvider.System, ct);
                    continue;
                }

                ours.Add(mine);
                raw.Add(await RawAsync(server, sha, requests[0], ct));
            }

            var (us, them) = (Median(ours.Skip(1)), Median(raw.Skip(1)));
            Print($"in Redis, {scopes} scope(s), {AtOnce} at once: {us:0}/s / redis-benchmark {them:0}/s = {us / them:0.00} (ours {ours.Skip(1).Min():0} to {ours.Skip(1).Max():0}, raw {raw.Skip(1).Min():0} to {raw.Skip(1).Max():0}), {left} round(s) void");
        }

        return 0;
    }

    private static RateScope[][] Requests(int scopes)
        => [.. Enumerable.Range(0, Clients).Select(client => Enumerable.Range(0, scopes).Select(scope => new RateScope($"client:203.0.113.{client}:{scope}", new RateLimit(10_000, TimeSpan.FromSeconds(1), 1_000))).ToArray())];

    private static async Task<double> OursAsync(FailoverRateLimiter limiter, RateScope[][] requests, CancellationToken ct)
    {
        var left = Calls;
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            int next;
            while ((next = Interlocked.Decrement(ref left)) >= 0)
            {
                await limiter.AcquireAsync(requests[next % Clients], ct);
            }
        }));
        return Calls / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> RawAsync(RedisServer server, string sha, RateScope[] request, CancellationToken ct)
    {
        var limit = request[0].Limit;
        var start = new ProcessStartInfo(
            "redis-benchmark",
            ["-p", server.Address.Split(':')[1], "-c", Text(AtOnce), "-n", Text(Calls), "-r", Text(Clients), "--csv", "EVALSHA", sha, Text(request.Length),
                .. request.Select(scope => $"{{bench}}:rate:{limit.Interval}:{limit.Burst}:client:203.0.113.__rand_int__:{scope.Key[^1]}"),
                .. request.SelectMany(_ => new[] { Text(limit.Tolerance), Text(limit.Interval) })])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        // "test","rps",… and under it the figures.
        var line = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        return double.Parse(line.Split("\",\"")[1], CultureInfo.InvariantCulture);
    }

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(Rounds / 2);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
