using System.Diagnostics.Metrics;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace ClaudeManager.Core.Tests.RateLimiting;

/// <summary>A real Redis that dies, goes silent or forgets, under load.</summary>
public sealed class RedisOutageTests : IAsyncLifetime
{
    private const int Instances = 4;

    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private RedisServer? _server;
    private CountingLimiter? _redis;
    private FailoverRateLimiter? _limiter;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private RedisServer Server => _server!;

    private CountingLimiter Redis => _redis!;

    private FailoverRateLimiter Limiter => _limiter!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(RedisServer.Shared is null, RedisServer.Missing);
        _server = await RedisServer.StartAsync(Ct);
        _redis = new CountingLimiter(new RedisRateLimiter(RedisRateLimiter.Options(Server.Address), "outage", TimeProvider.System));
        _limiter = new FailoverRateLimiter(Redis, () => new LiveInstances(Instances, 1), TimeProvider.System, new LimiterTelemetry(_services.GetRequiredService<IMeterFactory>()), NullLogger<FailoverRateLimiter>.Instance);
        await SharedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null && _limiter is not null)
        {
            await _limiter.DisposeAsync();
            await _server.DisposeAsync();
        }

        await _services.DisposeAsync();
    }

    [Fact]
    public Task Load_RedisKilled_IsDecidedByTheShareAndReturnsWithTheServer() => OutageAsync(() => Server.KillAsync(Ct), () => Server.StartAgainAsync(Ct));

    [Fact]
    public Task Load_RedisSilent_IsDecidedByTheShareAndReturnsWhenItAnswers() => OutageAsync(
        () =>
        {
            Server.Freeze();
            return Task.CompletedTask;
        },
        () =>
        {
            Server.Thaw();
            return Task.CompletedTask;
        });

    /// <summary>The same process and connection string, but no script and no key any more.</summary>
    [Fact]
    public async Task Load_RedisForgotEverything_GoesOnWithoutLeavingIt()
    {
        Assert.True((await AskAsync("a", 12)).Allowed);
        await using (var admin = await ConnectionMultiplexer.ConnectAsync(Server.Address + ",allowAdmin=true"))
        {
            await admin.GetServers()[0].ScriptFlushAsync();
            await admin.GetServers()[0].FlushAllDatabasesAsync();
        }

        await SharedAsync();
        Assert.Equal(12, await RedisAdmitsAsync("b", 12));
    }

    [Fact]
    public async Task Start_WithoutRedis_BeginsWithTheShareAndFindsItLater()
    {
        await Server.KillAsync(Ct);
        var redis = new CountingLimiter(new RedisRateLimiter(RedisRateLimiter.Options(Server.Address), "late", TimeProvider.System));
        await using var limiter = new FailoverRateLimiter(redis, () => new LiveInstances(Instances, 1), TimeProvider.System, new LimiterTelemetry(_services.GetRequiredService<IMeterFactory>()), NullLogger<FailoverRateLimiter>.Instance);

        var admitted = 0;
        while ((await limiter.AcquireAsync(Scope("a", 12), Ct)).Allowed)
        {
            admitted++;
        }

        Assert.Equal(12 / Instances, admitted);
        await Server.StartAgainAsync(Ct);
        await Eventually.SeeAsync(() => limiter.State, state => state.Source == LimiterSource.Shared, "Redis is used again", Ct);
    }

    private static RateScope[] Scope(string key, int burst) => [new(key, new RateLimit(burst, s_hour, burst))];

    private async Task OutageAsync(Func<Task> begin, Func<Task> end)
    {
        // The load goes on through all of it; every request is answered, and none by a fault.
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var load = Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
        {
            var asked = 0L;
            while (!enough.IsCancellationRequested)
            {
                await AskAsync($"load-{i}", 1_000_000);
                asked++;
                await Task.Yield();
            }

            return asked;
        }, Ct)).ToArray();
        Assert.True((await AskAsync("before", 12)).Allowed);

        await begin();
        // The load ends before it is told to only by a fault, which is then the test's.
        await await Task.WhenAny([Eventually.SeeAsync(() => Limiter.State, state => state.Source == LimiterSource.LocalShare, "Redis is left", Ct), .. load]);

        // Never open: this instance's share, less what it has admitted already.
        var (before, fresh) = (0, 0);
        while ((await AskAsync("before", 12)).Allowed)
        {
            before++;
        }

        while ((await AskAsync("fresh", 12)).Allowed)
        {
            fresh++;
        }

        Assert.Equal(((12 / Instances) - 1, 12 / Instances), (before, fresh));

        // Nobody waits, because nobody asks Redis: only trials, and each trial is one call.
        Assert.Equal(LimiterSource.LocalShare, Limiter.State.Source);
        var (calls, trials) = (Redis.Requests, Redis.Trials);
        await Eventually.SeeAsync(() => Redis.Trials, seen => seen >= trials + 2, "it is tried again", Ct);
        Assert.Equal(calls, Redis.Requests);

        await end();
        await SharedAsync();
        await enough.CancelAsync();
        Assert.All(await Task.WhenAll(load), asked => Assert.True(asked > 0));
        Assert.Equal(12, await RedisAdmitsAsync("after", 12));
        Assert.True(Redis.Requests > calls);
    }

    private async Task<RateDecision> AskAsync(string key, int burst) => await Limiter.AcquireAsync(Scope(key, burst), Ct);

    private Task<LimiterState> SharedAsync() => Eventually.SeeAsync(() => Limiter.State, state => state.Source == LimiterSource.Shared, "Redis is used", Ct);

    /// <summary>What Redis itself admits, past the failover: it works, and nothing is left over of the outage.</summary>
    private async Task<int> RedisAdmitsAsync(string key, int burst)
    {
        var admitted = 0;
        while ((await Redis.AcquireAsync(Scope(key, burst), Ct)).Allowed)
        {
            admitted++;
        }

        return admitted;
    }

    /// <summary>Counts what goes to Redis: requests, and the trials that look whether it is back.</summary>
    private sealed class CountingLimiter(RedisRateLimiter inner) : IRateLimiter, IAsyncDisposable
    {
        private long _requests;
        private long _trials;

        public LimiterState State => inner.State;

        public long Requests => Interlocked.Read(ref _requests);

        public long Trials => Interlocked.Read(ref _trials);

        public ValueTask<RateDecision> AcquireAsync(ReadOnlyMemory<RateScope> scopes, CancellationToken ct)
        {
            Interlocked.Increment(ref scopes.Span[0].Key == "trial" ? ref _trials : ref _requests);
            return inner.AcquireAsync(scopes, ct);
        }

        public ValueTask<SlotDecision> EnterAsync(SlotScope scope, string holder, CancellationToken ct) => inner.EnterAsync(scope, holder, ct);

        public ValueTask LeaveAsync(SlotScope scope, string holder, CancellationToken ct) => inner.LeaveAsync(scope, holder, ct);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
