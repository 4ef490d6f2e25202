using System.Text.Json;
using ClaudeManager.Core.GitHub.Http;

namespace ClaudeManager.Core.GitHub;

public sealed partial class GitHubGateway
{
    /// <summary>On every issue of ours.</summary>
    public const string ProposalLabel = "task-proposal";

    /// <summary>GitHub's longest body and comment, in characters.</summary>
    public const int LongestBody = 65_536;

    /// <summary>Issues and pull requests, the least recently updated first, so that what changes while we read is read once more and not missed.</summary>
    /// <param name="changedSince">Null for all of them.</param>
    /// <param name="labels">All of them must be there.</param>
    /// <param name="maximumPages">Of a hundred each.</param>
    public Task<GitHubList<GitHubIssue>> ListIssuesAsync(
        RepositoryName repository, DateTimeOffset? changedSince, CancellationToken ct, GitHubIssueFilter state = GitHubIssueFilter.All, IEnumerable<string>? labels = null, int maximumPages = 10)
    {
        var named = string.Join(',', labels ?? []);
        var since = changedSince is { } time ? $"&since={Time(time)}" : "";
        var only = named.Length > 0 ? $"&labels={Uri.EscapeDataString(named)}" : "";
        return ListAsync<WireIssue, GitHubIssue>(
            Of(repository, $"issues?state={StateOf(state)}&sort=updated&direction=asc&per_page={PageSize}{since}{only}"), issue => issue.Read(), maximumPages, ct);
    }

    /// <summary>Open issues and pull requests nobody has touched since, the longest untouched first. What was touched later is not read.</summary>
    /// <param name="since">The last moment at which an issue may have been touched.</param>
    /// <param name="maximumPages">Of a hundred each.</param>
    public async Task<GitHubUntouchedIssues> ListUntouchedIssuesAsync(RepositoryName repository, DateTimeOffset since, CancellationToken ct, int maximumPages = 10)
    {
        var untouched = new List<GitHubIssue>();
        await foreach (var (page, isLast) in PagesAsync<WireIssue>(Of(repository, $"issues?state=open&sort=updated&direction=asc&per_page={PageSize}"), ct).ConfigureAwait(false))
        {
            var issues = ReadShape(() => page.Select(issue => issue.Read()).ToList());
            untouched.AddRange(issues.Where(issue => issue.UpdatedAt <= since));
            var later = issues.Where(issue => issue.UpdatedAt > since).Select(issue => (DateTimeOffset?)issue.UpdatedAt).Min();
            if (isLast || later is not null)
            {
                return new GitHubUntouchedIssues(untouched, IsComplete: true, later);
            }

            if (--maximumPages == 0)
            {
                break;
            }
        }

        return new GitHubUntouchedIssues(untouched, IsComplete: false, null);
    }

    /// <summary>Everything we ever proposed there, in any state: one listing serves a whole scan.</summary>
    /// <returns>Only issues that our own account wrote with a marker; the newest of each marker.</returns>
    public async Task<IReadOnlyDictionary<Marker, GitHubIssue>> ListProposalsAsync(RepositoryName repository, CancellationToken ct, DateTimeOffset? changedSince = null, int maximumPages = 100)
    {
        var self = await GetOwnAccountAsync(ct).ConfigureAwait(false);
        var listed = await ListIssuesAsync(repository, changedSince, ct, labels: [ProposalLabel], maximumPages: maximumPages).ConfigureAwait(false);
        if (!listed.IsComplete)
        {
            throw new GitHubException(GitHubProblem.Refused, $"{repository} has more than {maximumPages * PageSize} issues labelled {ProposalLabel}.", "Give older ones another label.");
        }

        var found = new Dictionary<Marker, GitHubIssue>();
        foreach (var issue in listed.Items.Where(i => IsOurs(i.Author, self)).OrderBy(i => i.Number))
        {
            if (Marker.Find(issue.Body) is { } marker)
            {
                found[marker] = issue;
            }
        }

        return found;
    }

    /// <summary>Null when it is not there or was deleted.</summary>
    public async Task<GitHubIssue?> GetIssueAsync(RepositoryName repository, int number, CancellationToken ct)
        => (await FindAsync<WireIssue>(Of(repository, $"issues/{number}"), ct).ConfigureAwait(false))?.Read();

    /// <summary>Title and body with the newest edit of the body. REST tells renames (as events), but no edits.</summary>
    public Task<GitHubIssueText?> GetIssueTextAsync(RepositoryName repository, int number, CancellationToken ct) => GetTextAsync(repository, "issue", number, ct);

    private async Task<GitHubIssueText?> GetTextAsync(RepositoryName repository, string field, int number, CancellationToken ct)
    {
        var query = $$"""
            query($owner: String!, $name: String!, $number: Int!) {
              repository(owner: $owner, name: $name) { text: {{field}}(number: $number) { title body lastEditedAt editor { login __typename } } }
            }
            """;
        var answer = await QueryAsync(query, new() { ["owner"] = repository.Owner, ["name"] = repository.Name, ["number"] = number }, ct).ConfigureAwait(false);
        if (answer.Errors is [{ Type: "NOT_FOUND" }, ..])
        {
            return null;
        }

        FailOnErrors(answer);
        return ReadShape(() =>
        {
            var issue = answer.Data.GetProperty("repository").GetProperty("text");
            return new GitHubIssueText(
                issue.GetProperty("title").GetString()!, issue.GetProperty("body").GetString()!,
                issue.GetProperty("lastEditedAt") is { ValueKind: JsonValueKind.String } edited ? edited.GetDateTimeOffset() : null, ReadActor(issue.GetProperty("editor")));
        });
    }

    /// <summary>The issue this marker was written into; looked up before it is written again.</summary>
    /// <param name="since">When we may have written it first, a minute earlier for the clocks: nothing older is read.</param>
    public async Task<GitHubIssue?> FindIssueAsync(RepositoryName repository, Marker marker, DateTimeOffset since, CancellationToken ct)
    {
        var self = await GetOwnAccountAsync(ct).ConfigureAwait(false);
        // No label: a person may have taken it off. The listing is not the search, which lags behind.
        await foreach (var (page, _) in PagesAsync<WireIssue>(Of(repository, $"issues?state=all&sort=created&direction=desc&per_page={PageSize}"), ct).ConfigureAwait(false))
        {
            if (page.Select(issue => issue.Read()).FirstOrDefault(issue => IsOurs(issue.Author, self) && marker.IsIn(issue.Body)) is { } found)
            {
                return found;
            }

            if (page.Any(issue => issue.CreatedAt < since))
            {
                return null;
            }
        }

        return null;
    }

    /// <param name="marker">Put at the end of the body, unless it is there.</param>
    public async Task<GitHubIssue> CreateIssueAsync(RepositoryName repository, string title, string body, IReadOnlyList<string> labels, Marker marker, CancellationToken ct)
        => (await PostAsync<WireIssue>(repository, $"issues", new { title, body = marker.AppendTo(body), labels }, ct).ConfigureAwait(false)).Read();

    /// <summary>Changes what is given; null leaves it as it is.</summary>
    public async Task<GitHubIssue> UpdateIssueAsync(RepositoryName repository, int number, string? title, string? body, CancellationToken ct)
        => (await PatchAsync<WireIssue>(repository, $"issues/{number}", new { title, body }, ct).ConfigureAwait(false)).Read();

    public async Task<GitHubIssue> CloseIssueAsync(RepositoryName repository, int number, GitHubCloseReason reason, CancellationToken ct)
        => (await PatchAsync<WireIssue>(repository, $"issues/{number}",
            new { state = "closed", state_reason = reason switch { GitHubCloseReason.Completed => "completed", GitHubCloseReason.NotPlanned => "not_planned" } }, ct).ConfigureAwait(false)).Read();

    public async Task<GitHubIssue> ReopenIssueAsync(RepositoryName repository, int number, CancellationToken ct)
        => (await PatchAsync<WireIssue>(repository, $"issues/{number}", new { state = "open", state_reason = "reopened" }, ct).ConfigureAwait(false)).Read();

    /// <summary>Makes a label if it is missing. One that is there keeps its colour and words.</summary>
    /// <param name="color">Six hex digits.</param>
    public async Task EnsureLabelAsync(RepositoryName repository, string name, string color, string description, CancellationToken ct)
    {
        if (await FindAsync<WireLabel>(Of(repository, $"labels/{Uri.EscapeDataString(name)}"), ct).ConfigureAwait(false) is not null)
        {
            return;
        }

        try
        {
            await PostAsync<WireLabel>(repository, $"labels", new { name, color, description }, ct).ConfigureAwait(false);
        }
        catch (GitHubException refused) when (refused.Status == System.Net.HttpStatusCode.UnprocessableEntity)
        {
            // Somebody was faster, or the name itself is refused.
            if (await FindAsync<WireLabel>(Of(repository, $"labels/{Uri.EscapeDataString(name)}"), ct).ConfigureAwait(false) is null)
            {
                throw;
            }
        }
    }

    /// <summary>Adding a label twice is adding it once.</summary>
    public Task AddLabelsAsync(RepositoryName repository, int number, IReadOnlyList<string> labels, CancellationToken ct)
        => PostAsync<List<WireLabel>>(repository, $"issues/{number}/labels", new { labels }, ct);

    /// <summary>A label that is not there is no fault.</summary>
    public async Task RemoveLabelAsync(RepositoryName repository, int number, string label, CancellationToken ct)
    {
        try
        {
            await WriteAsync(repository, $"issues/{number}/labels/{Uri.EscapeDataString(label)}", (connection, address) => connection.Delete<List<WireLabel>>(address, new { }), ct).ConfigureAwait(false);
        }
        catch (GitHubException missing) when (missing.Problem == GitHubProblem.NotFound)
        {
            // Also when the issue is gone; then there is no label on it either.
        }
    }

    /// <summary>Oldest first.</summary>
    public Task<GitHubList<GitHubComment>> ListCommentsAsync(RepositoryName repository, int number, DateTimeOffset? changedSince, CancellationToken ct, int maximumPages = 10)
    {
        var since = changedSince is { } time ? $"&since={Time(time)}" : "";
        return ListAsync<WireComment, GitHubComment>(Of(repository, $"issues/{number}/comments?per_page={PageSize}{since}"), comment => comment.Read(), maximumPages, ct);
    }

    /// <summary>The comment this marker was written into; looked up before it is written again.</summary>
    /// <param name="since">When we may have written it first, a minute earlier for the clocks.</param>
    public async Task<GitHubComment?> FindCommentAsync(RepositoryName repository, int number, Marker marker, DateTimeOffset since, CancellationToken ct)
    {
        var self = await GetOwnAccountAsync(ct).ConfigureAwait(false);
        await foreach (var (page, _) in PagesAsync<WireComment>(Of(repository, $"issues/{number}/comments?per_page={PageSize}&since={Time(since)}"), ct).ConfigureAwait(false))
        {
            if (page.Select(comment => comment.Read()).FirstOrDefault(comment => IsOurs(comment.Author, self) && marker.IsIn(comment.Body)) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    /// <param name="marker">Put at the end of the body, unless it is there.</param>
    public async Task<GitHubComment> CreateCommentAsync(RepositoryName repository, int number, string body, Marker marker, CancellationToken ct)
        => (await PostAsync<WireComment>(repository, $"issues/{number}/comments", new { body = marker.AppendTo(body) }, ct).ConfigureAwait(false)).Read();

    public async Task<GitHubComment> UpdateCommentAsync(RepositoryName repository, long id, string body, Marker marker, CancellationToken ct)
        => (await PatchAsync<WireComment>(repository, $"issues/comments/{id}", new { body = marker.AppendTo(body) }, ct).ConfigureAwait(false)).Read();

    /// <summary>What happened to all issues of a repository after an event already known, oldest first. Unchanged, it costs nothing.</summary>
    /// <param name="after">Id of that event; 0 for all there are.</param>
    /// <returns>Not complete when the cap on pages was reached before that event: the oldest of them are missing.</returns>
    public async Task<GitHubList<GitHubIssueEvent>> ListIssueEventsAsync(RepositoryName repository, long after, CancellationToken ct, int maximumPages = 10)
    {
        var events = new List<GitHubIssueEvent>();
        await foreach (var (page, isLast) in PagesAsync<WireIssueEvent>(Of(repository, $"issues/events?per_page={PageSize}"), ct).ConfigureAwait(false))
        {
            events.AddRange(page.Where(e => e.Id > after).Select(e => e.Read(issue: 0)));
            if (isLast || page.Any(e => e.Id <= after))
            {
                break;
            }

            if (--maximumPages == 0)
            {
                return new GitHubList<GitHubIssueEvent>([.. Ordered(events)], IsComplete: false);
            }
        }

        return new GitHubList<GitHubIssueEvent>([.. Ordered(events)], IsComplete: true);
    }

    /// <summary>What happened to one issue, oldest first: who set which label, who renamed it.</summary>
    public async Task<GitHubList<GitHubIssueEvent>> ListIssueEventsOfAsync(RepositoryName repository, int number, CancellationToken ct, int maximumPages = 10)
    {
        var listed = await ListAsync<WireIssueEvent, GitHubIssueEvent>(Of(repository, $"issues/{number}/events?per_page={PageSize}"), e => e.Read(number), maximumPages, ct).ConfigureAwait(false);
        return listed with { Items = [.. Ordered(listed.Items)] };
    }

    /// <summary>Issues and pull requests whose text names this one, oldest first; only those our credential may see.</summary>
    public async Task<GitHubList<GitHubReference>> ListReferencesAsync(RepositoryName repository, int number, CancellationToken ct, int maximumPages = 10)
    {
        var listed = await ListAsync<WireTimelineEvent, GitHubReference?>(Of(repository, $"issues/{number}/timeline?per_page={PageSize}"), e => e.ReadReference(), maximumPages, ct).ConfigureAwait(false);
        return new GitHubList<GitHubReference>([.. listed.Items.OfType<GitHubReference>()], listed.IsComplete);
    }

    public async Task<IReadOnlyList<GitHubReaction>> ListReactionsAsync(RepositoryName repository, long commentId, CancellationToken ct)
        => (await ListAsync<WireReaction, GitHubReaction>(Of(repository, $"issues/comments/{commentId}/reactions?per_page={PageSize}"),
            r => new GitHubReaction(r.Id, r.Content, WireAccount.Read(r.User), r.CreatedAt ?? DateTimeOffset.MinValue), 1, ct).ConfigureAwait(false)).Items;

    // A page moves on while events are added in front of it, so that the same may come twice.
    private static IEnumerable<GitHubIssueEvent> Ordered(IEnumerable<GitHubIssueEvent> events) => events.DistinctBy(e => e.Id).OrderBy(e => e.Id);

    private static bool IsOurs(GitHubAccount? author, GitHubAccount self) => author is not null && string.Equals(author.Login, self.Login, StringComparison.OrdinalIgnoreCase);

    private static string StateOf(GitHubIssueFilter state) => state switch
    {
        GitHubIssueFilter.Open => "open",
        GitHubIssueFilter.Closed => "closed",
        GitHubIssueFilter.All => "all",
    };
}
