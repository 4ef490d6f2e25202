namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>One request as it arrived and what became of it.</summary>
/// <param name="Path">Without a prefix of GitHub Enterprise.</param>
/// <param name="Route">The operation, as <c>GET /repos/{owner}/{repo}</c>; null where there is none.</param>
/// <param name="Credential">A name for the token: account and number, never the token.</param>
/// <param name="Resource"><c>core</c>, <c>search</c>, <c>graphql</c>, <c>git</c>, or <c>free</c>.</param>
/// <param name="Charged">What it cost of the primary budget: nothing for a 304.</param>
/// <param name="Points">What it counted toward the secondary limits.</param>
/// <param name="CreatesContent">Counts toward the limits of content creation.</param>
/// <param name="Status">0 where no answer was given, or not yet.</param>
/// <param name="BodyHash">SHA-256 of the request's body; empty without one.</param>
/// <param name="Limit">The limit it ran into.</param>
/// <param name="RetryAfter">How long its answer asked to wait.</param>
/// <param name="Fault">The fault it met.</param>
/// <param name="Changed">Whether the request was carried out, answer or not.</param>
public sealed record GitHubRequest(
    int Number,
    DateTimeOffset At,
    string Method,
    string Path,
    string Query,
    string? Route,
    string Credential,
    string Account,
    string Resource,
    int Charged,
    int Points,
    bool CreatesContent,
    int Status,
    bool IsConditional,
    string BodyHash,
    string? Limit,
    TimeSpan? RetryAfter,
    string? Fault,
    bool Changed);

/// <summary>Every request in the order they arrived, those under way included.</summary>
public sealed class GitHubLedger
{
    private readonly Lock _gate = new();
    private readonly List<Func<int, GitHubRequest>> _requests = [];

    public IReadOnlyList<GitHubRequest> Requests
    {
        get
        {
            lock (_gate)
            {
                return [.. _requests.Select((read, i) => read(i + 1))];
            }
        }
    }

    /// <summary>Requests of the REST and GraphQL APIs: all but git's own traffic.</summary>
    public IReadOnlyList<GitHubRequest> ApiRequests => [.. Requests.Where(r => r.Resource != "git")];

    /// <summary>The primary budget used of a resource, of one credential or of all.</summary>
    public int Charged(string resource, string? credential = null)
        => Requests.Where(r => r.Resource == resource && (credential is null || r.Credential == credential)).Sum(r => r.Charged);

    public int Count(string route) => Requests.Count(r => r.Route == route);

    /// <summary>The most of these requests within any window of this length: what a sliding limit would have seen.</summary>
    public int Peak(TimeSpan window, Func<GitHubRequest, bool> which, Func<GitHubRequest, int>? weight = null)
    {
        weight ??= _ => 1;
        var (peak, sum) = (0, 0);
        var inside = new Queue<GitHubRequest>();
        foreach (var request in Requests.Where(which).OrderBy(r => r.At))
        {
            while (inside.TryPeek(out var oldest) && oldest.At + window <= request.At)
            {
                sum -= weight(inside.Dequeue());
            }

            inside.Enqueue(request);
            sum += weight(request);
            peak = Math.Max(peak, sum);
        }

        return peak;
    }

    /// <summary>The most content created within a minute or an hour, refused attempts included.</summary>
    public int PeakContent(TimeSpan window) => Peak(window, r => r.CreatesContent);

    /// <summary>Requests that ran into a limit.</summary>
    public IReadOnlyList<GitHubRequest> Limited => [.. Requests.Where(r => r.Limit is not null)];

    /// <summary>Requests an account sent although a <c>Retry-After</c> told it to wait: what gets an integration banned.</summary>
    public IReadOnlyList<GitHubRequest> Impatient
    {
        get
        {
            var all = Requests;
            return [.. all.Where(r => r.Resource != "git" && all.Any(l => l.RetryAfter is { } wait && l.Account == r.Account && r.At > l.At && r.At < l.At + wait))];
        }
    }

    internal void Add(Func<int, GitHubRequest> request)
    {
        lock (_gate)
        {
            _requests.Add(request);
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _requests.Clear();
        }
    }
}
