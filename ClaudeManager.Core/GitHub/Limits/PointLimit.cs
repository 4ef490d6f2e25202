using ClaudeManager.Core.RateLimiting;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>
/// The points per minute of one credential, counted by the limiter for all replicas. GCRA admits burst + rate × T, and a request may arrive a second after it was let go, so a window of GitHub's holds at most
/// burst + rate × 61 s: of 900 that is 710. The rest is for what the limiter may let through beyond: one burst more when Redis forgets or is left (810), and for a process that has just started, of which the
/// others do not know until their next heartbeat (885). GraphQL's 2,000 in the same way.
/// </summary>
internal sealed record PointLimit(string Name, int PerMinute, int AtOnce)
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    /// <summary>Of GitHub's 900.</summary>
    public static PointLimit Rest { get; } = new("rest", 600, 100);

    /// <summary>Of GitHub's 2,000.</summary>
    public static PointLimit GraphQL { get; } = new("graphql", 1_200, 200);

    public static PointLimit Of(string resource) => resource == RequestCost.GraphQL ? GraphQL : Rest;

    /// <summary>A lane spends from its own account and from those of all lanes before it, so what is left for these nobody behind them can spend.</summary>
    public RateScope[] Scopes(string credential, GitHubLane lane, int points)
        => [.. Enumerable.Range(0, (int)lane + 1).Select(l => new RateScope($"github:{credential}:{Name}", Limit((GitHubLane)l), points, RateSharers.All))];

    public RateLimit Limit(GitHubLane lane) => new(lane.PartOf(PerMinute), s_minute, lane.PartOf(AtOnce));
}
