using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.RateLimiting;

namespace ClaudeManager.Tests.Shared.RateLimiting;

/// <summary>Something was admitted between two readings of the machine's monotonic clock, in microseconds: of the asking and of the answer.</summary>
public readonly record struct Admission(long Asked, long Answered);

/// <summary>What limiters admitted, by however many processes, and whether it is within a limit.</summary>
public static class Admissions
{
    public static long Now => (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds;

    /// <summary>Asks again and again, several at once, and keeps what was admitted.</summary>
    public static async Task<IReadOnlyList<Admission>> CollectAsync(IRateLimiter limiter, RateScope[] scopes, int attempts, int atOnce, CancellationToken ct)
    {
        var left = attempts;
        var loops = await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            var admitted = new List<Admission>();
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var asked = Now;
                var decision = await limiter.AcquireAsync(scopes, ct);
                if (decision.Allowed)
                {
                    admitted.Add(new Admission(asked, Now));
                }
            }

            return admitted;
        }, ct)));
        return [.. loops.SelectMany(admitted => admitted)];
    }

    /// <summary>The first window in which more was certainly admitted than burst + rate × T; null if there is none. A window holds what was asked after its start and answered before its end.</summary>
    public static string? FindExcess(IEnumerable<Admission> history, RateLimit limit)
    {
        var byStart = history.OrderByDescending(a => a.Asked).ToArray();
        var ends = new List<long>();
        foreach (var (start, end) in byStart)
        {
            var at = ends.BinarySearch(end);
            ends.Insert(at < 0 ? ~at : at, end);
            for (var i = 0; i < ends.Count; i++)
            {
                // The microsecond is what both clocks, Redis's and ours, cut off.
                var most = limit.Burst + ((decimal)limit.Permits * (ends[i] - start + 1) / (decimal)limit.Per.TotalMicroseconds);
                if (i + 1 > most)
                {
                    return string.Create(CultureInfo.InvariantCulture, $"{i + 1} admitted in the {ends[i] - start} µs from {start}, at most {most:0.0} allowed");
                }
            }
        }

        return null;
    }
}
