using System.Globalization;
using StackExchange.Redis;

namespace ClaudeManager.Core.RateLimiting;

/// <summary>
/// Counts in Redis, on its clock, for every instance: one script and one round trip for all scopes of a request. It says nothing of outages: <see cref="FailoverRateLimiter"/> stands before it.
/// All keys carry one hash tag. A request's scopes must be on one node of a cluster to be charged together, and since some scope is common to all requests ("in total"), that node is the
/// same for all. Whoever has more than one node's worth of decisions gives each kind of request a prefix of its own.
/// </summary>
internal sealed class RedisRateLimiter : IRateLimiter, IAsyncDisposable
{
    internal static readonly string AcquireScript = Script("acquire");

    private static readonly string s_enter = Script("enter");

    private readonly Task<ConnectionMultiplexer> _connection;
    private readonly string _tag;

    /// <param name="prefix">What everything of this deployment begins with there.</param>
    public RedisRateLimiter(ConfigurationOptions options, string prefix, TimeProvider time)
    {
        _tag = "{" + prefix + "}:";
        State = new LimiterState(LimiterSource.Shared, time.GetUtcNow());
        _connection = ConnectionMultiplexer.ConnectAsync(options);
    }

    public LimiterState State { get; }

    /// <exception cref="FormatException">It is no connection string of Redis. The message holds nothing of it.</exception>
    public static ConfigurationOptions Options(string connection)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connection);
        }
        catch (ArgumentException)
        {
            throw new FormatException("It is not a connection string of Redis.");
        }

        if (options.EndPoints.Count == 0)
        {
            throw new FormatException("It names no host.");
        }

        // Somebody else decides while it is away, so nothing waits for it to come back, and nothing asked meanwhile is sent later.
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ConnectTimeout = 2_000;
        options.AsyncTimeout = 2_000;
        options.ReconnectRetryPolicy = new LinearRetry(1_000);
        options.ClientName ??= "claude-manager";
        return options;
    }

    public async ValueTask<RateDecision> AcquireAsync(ReadOnlyMemory<RateScope> scopes, CancellationToken ct)
    {
        Scopes.Check(scopes.Span);
        var (keys, arguments) = Parameters(scopes.Span);
        var answer = (long[])(await (await DatabaseAsync().ConfigureAwait(false)).ScriptEvaluateAsync(AcquireScript, keys, arguments).ConfigureAwait(false))!;
        var readings = new ScopeReading[scopes.Length];
        for (var i = 0; i < readings.Length; i++)
        {
            readings[i] = ScopeReading.Of(scopes.Span[i].Limit, answer[(2 * i) + 1], answer[(2 * i) + 2]);
        }

        return new RateDecision(answer[0] == 1, readings);
    }

    public async ValueTask<SlotDecision> EnterAsync(SlotScope scope, string holder, CancellationToken ct)
    {
        Scopes.Check(scope);
        var answer = (long[])(await (await DatabaseAsync().ConfigureAwait(false)).ScriptEvaluateAsync(s_enter, [SlotKey(scope)], [scope.Slots, (long)scope.Lease.TotalMicroseconds, holder]).ConfigureAwait(false))!;
        return new SlotDecision(answer[0] == 1, TimeSpan.FromMicroseconds(answer[1]));
    }

    public async ValueTask LeaveAsync(SlotScope scope, string holder, CancellationToken ct)
        => await (await DatabaseAsync().ConfigureAwait(false)).SortedSetRemoveAsync(SlotKey(scope), holder).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        await (await _connection.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<IDatabase> DatabaseAsync() => (await _connection.ConfigureAwait(false)).GetDatabase();

    private (RedisKey[] Keys, RedisValue[] Arguments) Parameters(ReadOnlySpan<RateScope> scopes)
    {
        var keys = new RedisKey[scopes.Length];
        var arguments = new RedisValue[scopes.Length * 2];
        for (var i = 0; i < scopes.Length; i++)
        {
            var (key, limit, cost, _) = scopes[i];
            keys[i] = string.Create(CultureInfo.InvariantCulture, $"{_tag}rate:{limit.Interval}:{limit.Burst}:{key}");
            arguments[2 * i] = limit.Tolerance;
            arguments[(2 * i) + 1] = limit.Interval * cost;
        }

        return (keys, arguments);
    }

    private RedisKey SlotKey(SlotScope scope) => $"{_tag}slots:{scope.Key}";

    private static string Script(string name)
    {
        using var stream = typeof(RedisRateLimiter).Assembly.GetManifestResourceStream($"rate-limiting/{name}.lua")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
