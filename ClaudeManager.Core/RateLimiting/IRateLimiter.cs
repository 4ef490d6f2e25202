namespace ClaudeManager.Core.RateLimiting;

/// <summary>
/// Decides whether something may happen now. It never waits for a permit and never fails because of where it keeps count: without Redis it goes on more strictly.
/// Rates are kept by GCRA, the generic cell rate algorithm (ITU-T I.371; ATM Forum Traffic Management 4.0, "virtual scheduling"): per key one time, the theoretical arrival time, at which the
/// account is full again. A request is admitted if, charged, that time is no further away than the whole burst takes to grow back. Hence in any window T at most <c>burst + rate × T</c>.
/// </summary>
public interface IRateLimiter
{
    LimiterState State { get; }

    /// <summary>Charges all scopes, or none when one of them has not enough left.</summary>
    /// <exception cref="ArgumentException">No or too many scopes, the same one twice, or a cost above the burst, which could never be admitted.</exception>
    ValueTask<RateDecision> AcquireAsync(ReadOnlyMemory<RateScope> scopes, CancellationToken ct);

    /// <summary>Takes a place, or keeps the one <paramref name="holder"/> has: call it again well within the lease. Refused to a holder whose lease ran out and whose place is another's.</summary>
    ValueTask<SlotDecision> EnterAsync(SlotScope scope, string holder, CancellationToken ct);

    /// <summary>Gives the place back; a no-op without one.</summary>
    ValueTask LeaveAsync(SlotScope scope, string holder, CancellationToken ct);
}

public enum LimiterSource
{
    /// <summary>Counted in this process, which is the only one.</summary>
    InProcess,

    /// <summary>Counted in Redis, for all instances.</summary>
    Shared,

    /// <summary>Redis is away: each instance keeps to its share of every limit.</summary>
    LocalShare,
}

/// <param name="Reason">Why it left Redis: the kind of the last fault; null where all is well.</param>
public sealed record LimiterState(LimiterSource Source, DateTimeOffset Since, string? Reason = null);
