namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>GitHub's limits as documented; a test lowers what it wants to meet.</summary>
public sealed record GitHubLimits
{
    public int Core { get; init; } = 5_000;

    public int GraphQl { get; init; } = 5_000;

    /// <summary>A minute; the others are an hour's.</summary>
    public int Search { get; init; } = 30;

    public int Anonymous { get; init; } = 60;

    public int Concurrent { get; init; } = 100;

    public int RestPointsPerMinute { get; init; } = 900;

    public int GraphQlPointsPerMinute { get; init; } = 2_000;

    public int ContentPerMinute { get; init; } = 80;

    public int ContentPerHour { get; init; } = 500;

    /// <summary>403 or 429: GitHub answers either.</summary>
    public int PrimaryStatus { get; init; } = 403;

    public int SecondaryStatus { get; init; } = 403;

    /// <summary>Whether a secondary limit says <c>Retry-After</c>; GitHub does not always.</summary>
    public bool SaysRetryAfter { get; init; } = true;
}

/// <summary>Why a request was not let through, and how long that lasts.</summary>
internal sealed record LimitHit(string Name, bool IsPrimary, TimeSpan RetryAfter);

/// <summary>The primary budget of one account for one resource in the running window.</summary>
internal sealed record Budget(int Limit, int Used, DateTimeOffset Reset)
{
    public int Remaining => Math.Max(0, Limit - Used);
}

/// <summary>Keeps every account within <see cref="GitHubLimits"/>. The caller holds the gate of the world.</summary>
internal sealed class RateLimits(TimeProvider time)
{
    private readonly Dictionary<(string Who, string Resource), Budget> _budgets = [];
    private readonly Dictionary<(string Who, string Window), Queue<(DateTimeOffset At, int Points)>> _spent = [];
    private readonly Dictionary<string, int> _running = [];

    public GitHubLimits Limits { get; set; } = new();

    public Budget Of(string who, string resource)
    {
        var now = time.GetUtcNow();
        if (!_budgets.TryGetValue((who, resource), out var budget) || budget.Reset <= now)
        {
            var limit = who == "anonymous" ? Limits.Anonymous : resource switch { "search" => Limits.Search, "graphql" => Limits.GraphQl, _ => Limits.Core };
            budget = new Budget(limit, 0, DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()) + (resource == "search" ? TimeSpan.FromMinutes(1) : TimeSpan.FromHours(1)));
            _budgets[(who, resource)] = budget;
        }

        return budget;
    }

    /// <summary>Charges the primary budget; a 304 gives back what its request was charged.</summary>
    public void Charge(string who, string resource, int cost)
    {
        var budget = Of(who, resource);
        _budgets[(who, resource)] = budget with { Used = Math.Max(0, budget.Used + cost) };
    }

    /// <summary>Counts the request in every window, unless one is full already.</summary>
    /// <param name="points">Of the secondary limit: 1 to read, 5 to write.</param>
    /// <param name="createsContent">Something notifications go out for.</param>
    public LimitHit? Enter(string who, string resource, int points, bool createsContent)
    {
        if (_running.GetValueOrDefault(who) >= Limits.Concurrent)
        {
            return new LimitHit("concurrent", false, TimeSpan.FromSeconds(60));
        }

        var budget = Of(who, resource);
        if (budget.Remaining == 0)
        {
            return new LimitHit(resource, true, budget.Reset - time.GetUtcNow());
        }

        var windows = new List<(string Name, TimeSpan Length, int Limit, int Points)>
        {
            resource == "graphql" ? ("graphql points", TimeSpan.FromMinutes(1), Limits.GraphQlPointsPerMinute, points) : ("points", TimeSpan.FromMinutes(1), Limits.RestPointsPerMinute, points),
        };
        if (createsContent)
        {
            windows.Add(("content a minute", TimeSpan.FromMinutes(1), Limits.ContentPerMinute, 1));
            windows.Add(("content an hour", TimeSpan.FromHours(1), Limits.ContentPerHour, 1));
        }

        foreach (var (name, length, limit, cost) in windows)
        {
            var spent = Window(who, name, length);
            if (spent.Sum(s => s.Points) + cost > limit)
            {
                return new LimitHit(name, false, spent.Peek().At + length - time.GetUtcNow());
            }
        }

        foreach (var (name, length, _, cost) in windows)
        {
            Window(who, name, length).Enqueue((time.GetUtcNow(), cost));
        }

        _running[who] = _running.GetValueOrDefault(who) + 1;
        return null;
    }

    public void Leave(string who) => _running[who]--;

    private Queue<(DateTimeOffset At, int Points)> Window(string who, string name, TimeSpan length)
    {
        if (!_spent.TryGetValue((who, name), out var spent))
        {
            _spent[(who, name)] = spent = [];
        }

        while (spent.TryPeek(out var oldest) && oldest.At + length <= time.GetUtcNow())
        {
            spent.Dequeue();
        }

        return spent;
    }
}
