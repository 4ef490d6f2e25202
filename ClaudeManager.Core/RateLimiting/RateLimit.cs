namespace ClaudeManager.Core.RateLimiting;

/// <summary>So many permits per period, of which so many at once: in any time T at most <c>Burst + Permits / Per × T</c>.</summary>
public readonly record struct RateLimit
{
    /// <summary>From empty to full. Longer, the times would outgrow what Redis can count exactly (2^53 µs since 1970).</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(3650);

    public RateLimit(int permits, TimeSpan per, int burst)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(permits, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(per, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(per, s_longest);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(per / permits * burst, s_longest, nameof(burst));
        (Permits, Per, Burst) = (permits, per, burst);
        // Rounded up: a rate that is no whole number of microseconds apart is kept a little too strictly, never exceeded.
        Interval = ((per.Ticks - 1) / ((long)permits * TimeSpan.TicksPerMicrosecond)) + 1;
    }

    private RateLimit(int permits, TimeSpan per, int burst, long interval) => (Permits, Per, Burst, Interval) = (permits, per, burst, interval);

    public int Permits { get; }

    public TimeSpan Per { get; }

    public int Burst { get; }

    /// <summary>Microseconds one permit takes to grow back.</summary>
    internal long Interval { get; }

    /// <summary>Microseconds from empty to full.</summary>
    internal long Tolerance => Interval * Burst;

    /// <summary>What one of several instances may admit alone, so that together they stay within this; one request at least, however much it costs, or nothing would ever go.</summary>
    internal RateLimit Share(int instances, int cost) => instances <= 1 ? this : new RateLimit(Permits, Per * instances, Math.Max(Burst / instances, cost), Interval * instances);
}

/// <summary>Among whom a limit is divided where it cannot be counted in one place.</summary>
public enum RateSharers
{
    /// <summary>The instances of this role: what comes in.</summary>
    Role,

    /// <summary>All instances: what goes out.</summary>
    All,
}

/// <summary>How many live, this one included, as far as is known.</summary>
public readonly record struct LiveInstances(int OfRole, int All)
{
    public static LiveInstances Alone { get; } = new(1, 1);

    internal int Of(RateSharers sharers) => Math.Max(1, sharers == RateSharers.All ? All : OfRole);
}

/// <summary>One limit a request falls under, and whose share of it: a client's, a user's, an operation's.</summary>
/// <param name="Key">Whose. The same key with another limit is another account, so that a reload of the configuration mixes nothing up.</param>
/// <param name="Cost">Permits this request takes; at most the limit's burst.</param>
public readonly record struct RateScope(string Key, RateLimit Limit, int Cost = 1, RateSharers Sharers = RateSharers.Role);

/// <summary>So many at a time. A place belongs to its holder for the lease and is free again after it, whatever became of the holder.</summary>
public readonly record struct SlotScope(string Key, int Slots, TimeSpan Lease, RateSharers Sharers = RateSharers.Role);
