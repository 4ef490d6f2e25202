using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>What this process knows of one credential's limits: by GitHub's answers to it, and by what other processes wrote down.</summary>
internal sealed class CredentialLimits(string credential)
{
    /// <summary>GitHub's client libraries have no more under way at a time.</summary>
    private const int Concurrency = 10;

    /// <summary>Moments of one reset, read from two answers, differ by a second or two; windows last a minute at least.</summary>
    private static readonly TimeSpan s_sameReset = TimeSpan.FromSeconds(20);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, DateTimeOffset> _blocks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GitHubBudget> _budgets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GitHubBudget> _told = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Requests, long NotModified)> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<PointLimit, (int Left, DateTimeOffset At)> _points = [];

    public string Credential => credential;

    public LaneQueue Queue { get; } = new(Concurrency);

    /// <summary>Of this process; written by the one call that has the turn to write.</summary>
    public DateTimeOffset LastWrite { get; set; } = DateTimeOffset.MinValue;

    public int Strikes { get; set; }

    public IReadOnlyList<GitHubBudget> Budgets
    {
        get
        {
            lock (_lock)
            {
                return [.. _budgets.Values];
            }
        }
    }

    public IReadOnlyList<string> Resources
    {
        get
        {
            lock (_lock)
            {
                return [.. _budgets.Keys.Union(_counts.Keys).Order(StringComparer.Ordinal)];
            }
        }
    }

    public GitHubBudget? BudgetOf(string resource)
    {
        lock (_lock)
        {
            return _budgets.GetValueOrDefault(resource);
        }
    }

    public (long Requests, long NotModified) CountsOf(string resource)
    {
        lock (_lock)
        {
            return _counts.GetValueOrDefault(resource);
        }
    }

    public void Count(string resource, bool notModified)
    {
        lock (_lock)
        {
            var (requests, unchanged) = _counts.GetValueOrDefault(resource);
            _counts[resource] = (requests + 1, unchanged + (notModified ? 1 : 0));
        }
    }

    public void Spent(PointLimit limit, int left, DateTimeOffset now)
    {
        lock (_lock)
        {
            _points[limit] = (left, now);
        }
    }

    /// <summary>Points that may be spent at once, if nobody else has spent any since this process did.</summary>
    public int PointsLeft(PointLimit limit, DateTimeOffset now)
    {
        lock (_lock)
        {
            return _points.TryGetValue(limit, out var last) ? (int)Math.Min(limit.AtOnce, last.Left + (limit.PerMinute * Math.Max(0, (now - last.At).TotalMinutes))) : limit.AtOnce;
        }
    }

    /// <summary>An answer told it.</summary>
    /// <returns>Whether the other processes should know: they need not be told of every request.</returns>
    public bool Learn(GitHubBudget budget)
    {
        lock (_lock)
        {
            Take(budget);
            var known = _budgets[budget.Resource];
            if (_told.TryGetValue(budget.Resource, out var told) && IsSame(told, known) && told.Remaining - known.Remaining < Math.Max(1, known.Limit / 50))
            {
                return false;
            }

            _told[budget.Resource] = known;
            return true;
        }
    }

    public void Block(string resource, DateTimeOffset until)
    {
        lock (_lock)
        {
            _blocks[resource] = _blocks.TryGetValue(resource, out var known) && known > until ? known : until;
        }
    }

    public void Read(IEnumerable<GitHubLimitEntity> stored)
    {
        foreach (var row in stored)
        {
            if (row.BlockedUntil is { } until)
            {
                Block(row.Resource, until);
            }

            if (row.Resource == LimitReading.Everything)
            {
                Strikes = row.Strikes;
            }
            else if (row is { Limit: { } limit, Remaining: { } remaining, ResetsAt: { } resetsAt })
            {
                lock (_lock)
                {
                    Take(new GitHubBudget(credential, row.Resource, limit, remaining, resetsAt));
                }
            }
        }
    }

    /// <summary>Until when nothing of this lane may be sent: GitHub said so, or what is left of the primary budget is for the lanes before it.</summary>
    public DateTimeOffset? BlockedUntil(string resource, GitHubLane lane, DateTimeOffset now)
    {
        lock (_lock)
        {
            DateTimeOffset? until = _budgets.TryGetValue(resource, out var budget) && budget.ResetsAt > now && budget.LeftFor(lane) <= 0 ? budget.ResetsAt : null;
            foreach (var name in (ReadOnlySpan<string>)[resource, LimitReading.Everything])
            {
                if (_blocks.TryGetValue(name, out var blocked) && blocked > now && !(until > blocked))
                {
                    until = blocked;
                }
            }

            return until;
        }
    }

    /// <summary>Answers come in another order than they were given in; within a window it only becomes less.</summary>
    private void Take(GitHubBudget budget)
    {
        if (!_budgets.TryGetValue(budget.Resource, out var known) || (!IsSame(known, budget) && budget.ResetsAt > known.ResetsAt - s_sameReset))
        {
            _budgets[budget.Resource] = budget;
        }
        else if (IsSame(known, budget) && budget.Remaining < known.Remaining)
        {
            // The reset stays as it was first read: it is told again only when something is.
            _budgets[budget.Resource] = known with { Remaining = budget.Remaining };
        }
    }

    private static bool IsSame(GitHubBudget one, GitHubBudget other) => one.Limit == other.Limit && (one.ResetsAt - other.ResetsAt).Duration() < s_sameReset;
}
