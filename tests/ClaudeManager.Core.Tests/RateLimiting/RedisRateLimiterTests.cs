using System.Globalization;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.RateLimiting;
using StackExchange.Redis;

namespace ClaudeManager.Core.Tests.RateLimiting;

public sealed class RedisRateLimiterTests : RateLimiterConformance, IAsyncLifetime
{
    private readonly string _prefix = "test-" + Guid.CreateVersion7().ToString("N");
    private RedisRateLimiter? _limiter;
    private ConnectionMultiplexer? _redis;

    protected override IRateLimiter Limiter => _limiter!;

    private IDatabase Redis => _redis!.GetDatabase();

    private IServer Server => _redis!.GetServers()[0];

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(RedisServer.Shared is null, RedisServer.Missing);
        _limiter = new RedisRateLimiter(RedisRateLimiter.Options(RedisServer.Shared), _prefix, TimeProvider.System);
        _redis = await ConnectionMultiplexer.ConnectAsync(RedisServer.Shared + ",allowAdmin=true");
    }

    public async ValueTask DisposeAsync()
    {
        if (_limiter is not null && _redis is not null)
        {
            await Redis.KeyDeleteAsync([.. Server.Keys(pattern: $"{{{_prefix}}}*")]);
            await _limiter.DisposeAsync();
            await _redis.DisposeAsync();
        }
    }

    protected override async Task EventuallyAsync(Func<Task<bool>> look)
    {
        using var limit = new CancellationTokenSource(Eventually.Patience, TimeProvider.System);
        while (!await look())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    [Fact]
    public async Task Acquire_SeveralScopes_IsOneCall()
    {
        await using var own = await RedisServer.StartAsync(Ct);
        await using var limiter = new RedisRateLimiter(RedisRateLimiter.Options(own.Address), _prefix, TimeProvider.System);
        await using var redis = await ConnectionMultiplexer.ConnectAsync(own.Address + ",allowAdmin=true");
        await limiter.AcquireAsync(new[] { Scope("a", 50) }, Ct);
        await redis.GetServers()[0].ConfigResetStatisticsAsync();

        for (var i = 0; i < 7; i++)
        {
            await limiter.AcquireAsync(new[] { Scope("a", 50), Scope("b", 50), Scope("c", 50), Scope("d", 50) }, Ct);
        }

        var calls = (await redis.GetServers()[0].InfoAsync("commandstats"))[0].ToDictionary(s => s.Key, s => s.Value);
        Assert.StartsWith("calls=7,", calls["cmdstat_evalsha"], StringComparison.Ordinal);
        Assert.DoesNotContain("cmdstat_eval", calls.Keys);
        Assert.DoesNotContain("cmdstat_script|load", calls.Keys);
    }

    [Fact]
    public async Task Acquire_Charged_IsTheServersTimeAndExpiresWhenFullAgain()
    {
        var before = await MicrosecondsAsync();
        await AskAsync(Scope("a", 60, cost: 2));
        var after = await MicrosecondsAsync();

        var key = Assert.Single(Server.Keys(pattern: $"{{{_prefix}}}*"));
        var charged = (long)s_hour.TotalMicroseconds / 30;
        var full = (string)(await Redis.StringGetAsync(key))!;
        Assert.Matches("^[0-9]{16}$", full);
        Assert.InRange(long.Parse(full, CultureInfo.InvariantCulture), before + charged, after + charged);
        var left = (await Redis.KeyTimeToLiveAsync(key))!.Value;
        Assert.InRange(left, TimeSpan.FromMinutes(1.5), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Enter_Taken_ExpiresWithTheLastLease()
    {
        await Limiter.EnterAsync(new SlotScope("agents", 2, TimeSpan.FromMinutes(2)), "one", Ct);
        await Limiter.EnterAsync(new SlotScope("agents", 2, TimeSpan.FromMinutes(1)), "two", Ct);

        var key = Assert.Single(Server.Keys(pattern: $"{{{_prefix}}}*"));
        Assert.InRange((await Redis.KeyTimeToLiveAsync(key))!.Value, TimeSpan.FromMinutes(1.5), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Acquire_NothingLeftToRemember_LeavesNoKey()
    {
        await AskAsync(new RateScope("a", new RateLimit(100, TimeSpan.FromSeconds(1), 1)));

        await EventuallyAsync(() => Task.FromResult(!Server.Keys(pattern: $"{{{_prefix}}}*").Any()));
    }

    /// <summary>An account that is charged up to a time farther away than its burst can reach is what a clock set back leaves behind.</summary>
    [Fact]
    public async Task Acquire_ServersClockWasSetBack_RefusesNoLongerThanAnEmptyAccountWould()
    {
        var scope = new RateScope("a", new RateLimit(10, TimeSpan.FromMilliseconds(500), 10));
        await AskAsync(scope);
        var key = Assert.Single(Server.Keys(pattern: $"{{{_prefix}}}*"));
        await Redis.StringSetAsync(key, await MicrosecondsAsync() + (long)s_hour.TotalMicroseconds, s_hour);

        var refused = await AskAsync(scope);

        Assert.False(refused.Allowed);
        Assert.InRange(refused.RetryAfter, TimeSpan.FromMicroseconds(1), TimeSpan.FromMilliseconds(50));
        Assert.Equal((0, TimeSpan.FromMilliseconds(500)), (refused.Scopes[0].Remaining, refused.Scopes[0].Reset));
        await EventuallyAsync(async () => (await AskAsync(scope)).Allowed);
    }

    [Fact]
    public async Task Acquire_ServerForgotTheScripts_GoesOn()
    {
        Assert.True((await AskAsync(Scope("a", 3))).Allowed);
        await Server.ScriptFlushAsync();

        Assert.Equal(1, (await AskAsync(Scope("a", 3))).Scopes[0].Remaining);
        await Server.ScriptFlushAsync();
        Assert.True((await Limiter.EnterAsync(new SlotScope("agents", 1, s_hour), "one", Ct)).Taken);
    }

    [Fact]
    public async Task Acquire_OnACluster_ChargesAllScopesTogether()
    {
        await using var own = await RedisServer.StartAsync(Ct, "--cluster-enabled", "yes");
        await using (var admin = await ConnectionMultiplexer.ConnectAsync(own.Address + ",allowAdmin=true"))
        {
            await admin.GetServers()[0].ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
            await Eventually.SeeAsync(() => (string?)admin.GetServers()[0].Execute("CLUSTER", "INFO"), info => info!.Contains("cluster_state:ok", StringComparison.Ordinal), "the cluster serves", Ct);
        }

        await using var limiter = new RedisRateLimiter(RedisRateLimiter.Options(own.Address), _prefix, TimeProvider.System);

        var decision = await limiter.AcquireAsync(new[] { Scope("a", 3), Scope("b", 5), Scope("c", 7), Scope("d", 9) }, Ct);

        Assert.Equal([2, 4, 6, 8], decision.Scopes.Select(s => s.Remaining));
        Assert.True((await limiter.EnterAsync(new SlotScope("agents", 1, s_hour), "one", Ct)).Taken);
    }

    [Fact]
    public async Task Acquire_FourProcesses_NoWindowHoldsMoreThanBurstAndRate()
    {
        var total = new RateLimit(20, TimeSpan.FromSeconds(1), 100);
        var own = new RateLimit(8, TimeSpan.FromSeconds(1), 40);
        LimiterProcess[] processes = await Task.WhenAll(Enumerable.Range(0, 4).Select(i
            => LimiterProcess.StartAsync(RedisServer.Shared!, _prefix, attempts: 4_000, atOnce: 8, [new RateScope("total", total), new RateScope($"process-{i}", own)], Ct)));
        try
        {
            var histories = await Task.WhenAll(processes.Select(p => p.CollectAsync(Ct)));

            Assert.InRange(histories.Sum(h => h.Count), total.Burst, int.MaxValue);
            Assert.Null(Admissions.FindExcess(histories.SelectMany(h => h), total));
            Assert.All(histories, history => Assert.Null(Admissions.FindExcess(history, own)));
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Dispose();
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("redis:6379,nothing=1")]
    [InlineData("ssl=true")]
    public void Options_NoAddress_IsSaidWithoutQuotingIt(string connection)
    {
        var refused = Assert.Throws<FormatException>(() => RedisRateLimiter.Options(connection + ",password=hunter2"));

        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
    }

    private async Task<long> MicrosecondsAsync()
    {
        var time = (RedisValue[])(await Redis.ExecuteAsync("TIME"))!;
        return ((long)time[0] * 1_000_000) + (long)time[1];
    }
}
