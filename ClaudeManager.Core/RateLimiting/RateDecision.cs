namespace ClaudeManager.Core.RateLimiting;

/// <summary>How one scope stands after a decision.</summary>
/// <param name="Remaining">Permits left at this moment.</param>
/// <param name="RetryAfter">When this scope would admit the same request; zero if it did or would have.</param>
/// <param name="Reset">When its whole burst is there again, if nothing more is asked.</param>
public readonly record struct ScopeReading(int Remaining, TimeSpan RetryAfter, TimeSpan Reset)
{
    /// <param name="level">Microseconds until the scope is full again.</param>
    internal static ScopeReading Of(RateLimit limit, long level, long wait)
        => new((int)((limit.Tolerance - level) / limit.Interval), TimeSpan.FromMicroseconds(wait), TimeSpan.FromMicroseconds(level));
}

/// <param name="Allowed">All scopes admitted it and were charged; else none was.</param>
/// <param name="Scopes">In the order they were given.</param>
public readonly record struct RateDecision(bool Allowed, IReadOnlyList<ScopeReading> Scopes)
{
    /// <summary>When it is worth asking again; zero if allowed.</summary>
    public TimeSpan RetryAfter
    {
        get
        {
            var longest = TimeSpan.Zero;
            foreach (var scope in Scopes)
            {
                longest = scope.RetryAfter > longest ? scope.RetryAfter : longest;
            }

            return longest;
        }
    }
}

/// <param name="RetryAfter">When the first of the others' leases ends; zero if taken.</param>
public readonly record struct SlotDecision(bool Taken, TimeSpan RetryAfter);
