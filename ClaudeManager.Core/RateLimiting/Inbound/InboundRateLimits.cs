using System.Diagnostics.Metrics;
using System.Net;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Telemetry;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.RateLimiting.Inbound;

/// <summary>What became of a request at the door.</summary>
/// <param name="Limit">The tightest limit it falls under; null where the client has none.</param>
/// <param name="BlockedUntil">Set while the client is shut out.</param>
public readonly record struct Admission(bool Allowed, RateLimit? Limit, ScopeReading Reading, DateTimeOffset? BlockedUntil);

/// <summary>
/// The door: each client has so many requests a minute in total, whatever they ask for, and a quarter of that for what makes the service work long. Being refused, looking for holes and asking for what is not there
/// time and again are violations; the third within the window shuts the client out.
/// </summary>
public sealed class InboundRateLimits
{
    /// <summary>So many within the window are let pass.</summary>
    private const int ViolationsTolerated = 2;

    /// <summary>Answers 401 and 404 within the window that say nothing of a client yet.</summary>
    private const int MissesTolerated = 20;

    /// <summary>What is heavy has this part of the client's limit.</summary>
    private const int HeavyPart = 4;

    private static readonly TimeSpan s_oneViolation = TimeSpan.FromSeconds(1);

    private readonly IRateLimiter _limiter;
    private readonly ClientBlocks _blocks;
    private readonly CurrentConfiguration _configuration;
    private readonly TimeProvider _time;
    private readonly ILogger<InboundRateLimits> _logger;
    private readonly Counter<long> _violations;

    public InboundRateLimits(IRateLimiter limiter, ClientBlocks blocks, CurrentConfiguration configuration, TimeProvider time, IMeterFactory meters, ILogger<InboundRateLimits> logger)
    {
        (_limiter, _blocks, _configuration, _time, _logger) = (limiter, blocks, configuration, time, logger);
        _violations = ManagerTelemetry.CreateMeter(meters).CreateCounter<long>("claude_manager.rate_limits.violations", "{violation}", "Violations of inbound limits, by reason.");
    }

    /// <summary>Whether the address has no limits: this machine's own, and <c>server.allowList</c>.</summary>
    public bool IsFree(IPAddress? address)
    {
        if (!_configuration.Value.Security.RateLimiting.Enabled)
        {
            return true;
        }

        if (address is null)
        {
            return false;
        }

        var plain = ClientKey.Plain(address);
        return IPAddress.IsLoopback(plain) || _configuration.Value.Server.AllowList.Any(network => network.Contains(plain));
    }

    /// <param name="client">See <see cref="ClientKey"/>.</param>
    /// <param name="heavy">It makes the service work long.</param>
    /// <param name="suspicion">See <see cref="SuspiciousRequest"/>.</param>
    public async ValueTask<Admission> AdmitAsync(string client, bool heavy, string? suspicion, CancellationToken ct)
    {
        var limits = _configuration.Value.Security.RateLimiting;
        if (suspicion is not null && await _blocks.UntilAsync(client, ct).ConfigureAwait(false) is null)
        {
            await ViolatedAsync(client, suspicion, ct).ConfigureAwait(false);
        }

        if (await _blocks.UntilAsync(client, ct).ConfigureAwait(false) is { } until)
        {
            return new Admission(false, null, default, until);
        }

        var scopes = new RateScope[heavy ? 2 : 1];
        scopes[0] = new RateScope("client:" + client, new RateLimit(limits.MaxRequestsPerMinute, TimeSpan.FromMinutes(1), limits.BurstCapacity));
        if (heavy)
        {
            scopes[1] = new RateScope("client:" + client + ":heavy", new RateLimit(Math.Max(1, limits.MaxRequestsPerMinute / HeavyPart), TimeSpan.FromMinutes(1), Math.Max(1, limits.BurstCapacity / HeavyPart)));
        }

        var decision = await _limiter.AcquireAsync(scopes, ct).ConfigureAwait(false);
        if (!decision.Allowed && await IsAnotherAsync(client, decision.RetryAfter, ct).ConfigureAwait(false))
        {
            await ViolatedAsync(client, "rate_limit", ct).ConfigureAwait(false);
        }

        var tightest = decision.Scopes.Count > 1 && (decision.Scopes[1].RetryAfter, -decision.Scopes[1].Remaining).CompareTo((decision.Scopes[0].RetryAfter, -decision.Scopes[0].Remaining)) > 0 ? 1 : 0;
        return new Admission(decision.Allowed, scopes[tightest].Limit, decision.Scopes[tightest], null);
    }

    /// <summary>The client was answered 401 or 404.</summary>
    public async ValueTask MissedAsync(string client, CancellationToken ct)
    {
        var window = _configuration.Value.Security.RateLimiting.Window;
        var decision = await _limiter.AcquireAsync(new[] { new RateScope("misses:" + client, new RateLimit(MissesTolerated, window, MissesTolerated)) }, ct).ConfigureAwait(false);
        if (!decision.Allowed)
        {
            await ViolatedAsync(client, "misses", ct).ConfigureAwait(false);
        }
    }

    /// <summary>Whoever sends ten requests at once and has one too few left is refused several times, and has done one thing wrong.</summary>
    private async ValueTask<bool> IsAnotherAsync(string client, TimeSpan retryAfter, CancellationToken ct)
        => (await _limiter.EnterAsync(new SlotScope("refused:" + client, 1, retryAfter > s_oneViolation ? retryAfter : s_oneViolation), NewHolder(), ct).ConfigureAwait(false)).Taken;

    private async ValueTask ViolatedAsync(string client, string reason, CancellationToken ct)
    {
        _violations.Add(1, new KeyValuePair<string, object?>("reason", reason));
        Log.Violation(_logger, client, reason);
        // Places that end with their lease are an exact count of what happened within the window, and all replicas share it.
        var window = _configuration.Value.Security.RateLimiting.Window;
        if (!(await _limiter.EnterAsync(new SlotScope("violations:" + client, ViolationsTolerated, window), NewHolder(), ct).ConfigureAwait(false)).Taken)
        {
            await _blocks.BlockAsync(client, reason).ConfigureAwait(false);
        }
    }

    private string NewHolder() => Guid.CreateVersion7(_time.GetUtcNow()).ToString("N");
}
