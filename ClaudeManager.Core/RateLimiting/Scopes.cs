namespace ClaudeManager.Core.RateLimiting;

/// <summary>What every limiter refuses to be asked, before it counts anything.</summary>
internal static class Scopes
{
    /// <summary>More kinds of limit than one request ever falls under.</summary>
    public const int Most = 16;

    public static void Check(ReadOnlySpan<RateScope> scopes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(scopes.Length, nameof(scopes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scopes.Length, Most, nameof(scopes));
        for (var i = 0; i < scopes.Length; i++)
        {
            ref readonly var scope = ref scopes[i];
            ArgumentOutOfRangeException.ThrowIfLessThan(scope.Cost, 1, nameof(scopes));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(scope.Cost, scope.Limit.Burst, nameof(scopes));
            for (var j = 0; j < i; j++)
            {
                if (SameAccount(scopes[j], scope))
                {
                    throw new ArgumentException("The same scope is given twice; give it once with the sum of the costs.", nameof(scopes));
                }
            }
        }
    }

    public static void Check(SlotScope scope)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scope.Slots, 1, nameof(scope));
        ArgumentOutOfRangeException.ThrowIfLessThan(scope.Lease, TimeSpan.FromMilliseconds(1), nameof(scope));
    }

    public static bool SameAccount(in RateScope one, in RateScope other) => one.Limit == other.Limit && one.Key == other.Key;
}
