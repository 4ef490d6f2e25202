using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Core.Tests.RateLimiting;

public sealed class InProcessRateLimiterTests : RateLimiterConformance
{
    private readonly FakeTimeProvider _time = new();
    private readonly InProcessRateLimiter _limiter;

    public InProcessRateLimiterTests() => _limiter = new InProcessRateLimiter(_time, telemetry: null);

    protected override IRateLimiter Limiter => _limiter;

    protected override async Task EventuallyAsync(Func<Task<bool>> look)
    {
        for (var round = 0; round < 1_000; round++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
            if (await look())
            {
                return;
            }
        }

        Assert.Fail("Not within ten seconds of the limiter's clock.");
    }

    private static Gen<(TimeSpan Pause, int First, int Second)[]> Histories
        => Gen.Select(Gen.Int[0, 40].Select(ms => TimeSpan.FromMilliseconds(ms * 5)), Gen.Int[0, 4], Gen.Int[0, 4]).Array[1, 120];

    /// <summary>GCRA is exact: it refuses if and only if some window that ends now would hold more than burst + rate × T, in some scope.</summary>
    [Fact]
    public void Acquire_AnyHistory_IsWhatTheWindowsAllow() => Gen.Select(Histories, Gen.Int[4, 12], Gen.Int[1, 50]).Check((history, burst, permits) =>
    {
        var time = new FakeTimeProvider();
        var limiter = new InProcessRateLimiter(time, telemetry: null);
        var limits = new[] { new RateLimit(permits, TimeSpan.FromMicroseconds(permits * 20_000L), burst), new RateLimit(2, TimeSpan.FromMilliseconds(150), burst + 3) };
        var admitted = new List<(long At, int[] Costs)>();
        var now = 0L;
        foreach (var (pause, first, second) in history)
        {
            time.Advance(pause);
            now += (long)pause.TotalMicroseconds;
            int[] costs = [first, second];
            var scopes = limits.Select((limit, i) => new RateScope($"scope-{i}", limit, costs[i])).Where(s => s.Cost > 0).ToArray();
            if (scopes.Length == 0)
            {
                continue;
            }

            var expected = limits.Index().All(l => costs[l.Index] == 0 || Fits(l.Item, l.Index));
            var decision = limiter.Decide(scopes, LiveInstances.Alone);

            Assert.Equal(expected, decision.Allowed);
            Assert.Equal(decision.Allowed, decision.RetryAfter == TimeSpan.Zero);
            if (decision.Allowed)
            {
                admitted.Add((now, costs));
            }

            bool Fits(RateLimit limit, int scope)
            {
                long sum = costs[scope];
                if (sum > limit.Burst)
                {
                    return false;
                }

                for (var i = admitted.Count - 1; i >= 0; i--)
                {
                    sum += admitted[i].Costs[scope];
                    if (sum * (decimal)limit.Per.TotalMicroseconds > (limit.Burst * (decimal)limit.Per.TotalMicroseconds) + (limit.Permits * (decimal)(now - admitted[i].At)))
                    {
                        return false;
                    }
                }

                return true;
            }
        }
    }, count: 300);

    [Fact]
    public void Acquire_RefusedAndAskedAgainWhenItSaid_IsAdmittedAndNotAMicrosecondBefore() => Gen.Select(Gen.Int[1, 5_000], Gen.Int[1, 20], Gen.Int[1, 20]).Check((permits, burst, cost) =>
    {
        var time = new FakeTimeProvider();
        var limiter = new InProcessRateLimiter(time, telemetry: null);
        RateScope[] scopes = [new("a", new RateLimit(permits, TimeSpan.FromSeconds(7), burst), Math.Min(cost, burst))];
        while (limiter.Decide(scopes, LiveInstances.Alone).Allowed)
        {
        }

        time.Advance(limiter.Decide(scopes, LiveInstances.Alone).RetryAfter - TimeSpan.FromMicroseconds(1));
        Assert.False(limiter.Decide(scopes, LiveInstances.Alone).Allowed);
        time.Advance(TimeSpan.FromMicroseconds(1));
        Assert.True(limiter.Decide(scopes, LiveInstances.Alone).Allowed);
    });

    [Fact]
    public void Acquire_RateThatIsNoWholeMicrosecondApart_IsNeverExceeded()
    {
        RateScope[] scopes = [new("a", new RateLimit(7, TimeSpan.FromTicks(100), 1))];
        var admitted = 0;
        for (var i = 0; i < 1_000; i++)
        {
            admitted += _limiter.Decide(scopes, LiveInstances.Alone).Allowed ? 1 : 0;
            _time.Advance(TimeSpan.FromMicroseconds(1));
        }

        // 0.7 a microsecond, in whole microseconds: one each two.
        Assert.Equal(500, admitted);
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 1, 0)]
    [InlineData(1, 3651, 1)]
    [InlineData(10, 3650, 11)]
    public void Limit_OutsideWhatCanBeCounted_IsNone(int permits, int days, int burst) => Assert.Throws<ArgumentOutOfRangeException>(() => new RateLimit(permits, TimeSpan.FromDays(days), burst));

    [Theory]
    [InlineData(1_000_000, 3_600, 1_000_000)]
    [InlineData(int.MaxValue, 1, int.MaxValue)]
    [InlineData(1, 86_400, 3_650)]
    public void Limit_Large_IsCounted(int permits, int seconds, int burst)
        => Assert.Equal(burst - 1, _limiter.Decide([new RateScope("a", new RateLimit(permits, TimeSpan.FromSeconds(seconds), burst))], LiveInstances.Alone).Scopes[0].Remaining);

    [Fact]
    public void Acquire_IdleAccounts_Leave()
    {
        for (var i = 0; i < 10_000; i++)
        {
            _limiter.Decide([new RateScope($"client-{i}", new RateLimit(60, TimeSpan.FromMinutes(1), 10))], LiveInstances.Alone);
            _limiter.Enter(new SlotScope($"place-{i}", 1, TimeSpan.FromSeconds(30)), "holder", LiveInstances.Alone);
        }

        Assert.Equal(20_000, _limiter.AccountCount);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.True(_limiter.Decide([Scope("busy", 5)], LiveInstances.Alone).Allowed);
        Assert.Equal(1, _limiter.AccountCount);
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(3, _limiter.Decide([Scope("busy", 5)], LiveInstances.Alone).Scopes[0].Remaining);
    }

    [Fact]
    public void Acquire_MoreClientsThanItKeeps_ShareOneAccount()
    {
        for (var i = 0; i < InProcessRateLimiter.MostAccounts; i++)
        {
            Assert.True(_limiter.Decide([Scope($"client-{i}", 2)], LiveInstances.Alone).Allowed);
        }

        var more = Enumerable.Range(0, 100).Count(i => _limiter.Decide([Scope($"more-{i}", 2)], LiveInstances.Alone).Allowed);

        Assert.Equal(2, more);
        Assert.Equal(InProcessRateLimiter.MostAccounts + 1, _limiter.AccountCount);
        Assert.True(_limiter.Decide([Scope("client-7", 2)], LiveInstances.Alone).Allowed);
        Assert.False(_limiter.Decide([Scope("client-7", 2)], LiveInstances.Alone).Allowed);
    }

    [Fact]
    public void Decide_AsOneOfSeveral_AdmitsItsShareInAnyWindow() => Gen.Select(Gen.Int[1, 12], Gen.Int[1, 40]).Check((instances, burst) =>
    {
        var time = new FakeTimeProvider();
        var limiter = new InProcessRateLimiter(time, telemetry: null);
        RateScope[] scopes = [new("a", new RateLimit(10, TimeSpan.FromSeconds(1), burst))];
        var first = Admitted(1);
        Assert.Equal(Math.Max(1, burst / instances), first);
        // A hundred permits of the whole grow back in ten seconds.
        Assert.InRange(Admitted(1_000), 100 / instances - 1, (100 / instances) + 1);

        int Admitted(int rounds)
        {
            var admitted = 0;
            for (var i = 0; i < rounds; i++)
            {
                while (limiter.Decide(scopes, new LiveInstances(instances, 1)).Allowed)
                {
                    admitted++;
                }

                if (rounds > 1)
                {
                    time.Advance(TimeSpan.FromMilliseconds(10));
                }
            }

            return admitted;
        }
    });
}
