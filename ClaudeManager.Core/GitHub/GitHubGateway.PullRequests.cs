using ClaudeManager.Core.GitHub.Http;

namespace ClaudeManager.Core.GitHub;

public sealed partial class GitHubGateway
{
    /// <summary>The pull request of one of our branches, in any state; the newest of them. Looked up before it is opened again.</summary>
    public async Task<GitHubPullRequest?> FindPullRequestAsync(RepositoryName repository, string head, CancellationToken ct)
    {
        var found = await ListAsync<WirePullRequest, GitHubPullRequest>(
            Of(repository, $"pulls?state=all&head={Uri.EscapeDataString($"{repository.Owner}:{head}")}&sort=created&direction=desc&per_page={PageSize}"), pull => pull.Read(), 1, ct).ConfigureAwait(false);
        // A GitHub that does not know the filter's branch answers with everything.
        return found.Items.FirstOrDefault(pull => pull.HeadBranch == head);
    }

    /// <param name="marker">Put at the end of the body, unless it is there.</param>
    /// <param name="draft">Private repositories of some plans have none: GitHub refuses it there.</param>
    public async Task<GitHubPullRequest> CreatePullRequestAsync(RepositoryName repository, string head, string baseBranch, string title, string body, Marker marker, CancellationToken ct, bool draft = true)
        => (await PostAsync<WirePullRequest>(repository, $"pulls", new { title, body = marker.AppendTo(body), head, @base = baseBranch, draft, maintainer_can_modify = true }, ct).ConfigureAwait(false)).Read();

    /// <summary>Null when it is not there.</summary>
    public async Task<GitHubPullRequest?> GetPullRequestAsync(RepositoryName repository, int number, CancellationToken ct)
        => (await FindAsync<WirePullRequest>(Of(repository, $"pulls/{number}"), ct).ConfigureAwait(false))?.Read();

    /// <summary>Title and body with the newest edit of the body.</summary>
    public Task<GitHubIssueText?> GetPullRequestTextAsync(RepositoryName repository, int number, CancellationToken ct) => GetTextAsync(repository, "pullRequest", number, ct);

    public async Task<GitHubPullRequest> UpdatePullRequestAsync(RepositoryName repository, int number, string? title, string? body, CancellationToken ct)
        => (await PatchAsync<WirePullRequest>(repository, $"pulls/{number}", new { title, body }, ct).ConfigureAwait(false)).Read();

    public async Task RequestReviewersAsync(RepositoryName repository, int number, IReadOnlyList<string> reviewers, CancellationToken ct)
        => await PostAsync<WirePullRequest>(repository, $"pulls/{number}/requested_reviewers", new { reviewers }, ct).ConfigureAwait(false);

    /// <summary>Oldest first.</summary>
    public async Task<IReadOnlyList<GitHubReview>> ListReviewsAsync(RepositoryName repository, int number, CancellationToken ct)
        => (await ListAsync<WireReview, GitHubReview>(Of(repository, $"pulls/{number}/reviews?per_page={PageSize}"),
            r => new GitHubReview(r.Id, r.State, r.Body ?? "", WireAccount.Read(r.User), r.CommitId, r.SubmittedAt ?? DateTimeOffset.MinValue), 10, ct).ConfigureAwait(false)).Items;

    /// <summary>Comments on lines, oldest first.</summary>
    public async Task<IReadOnlyList<GitHubReviewComment>> ListReviewCommentsAsync(RepositoryName repository, int number, CancellationToken ct)
        => (await ListAsync<WireReviewComment, GitHubReviewComment>(Of(repository, $"pulls/{number}/comments?per_page={PageSize}"), c => c.Read(), 10, ct).ConfigureAwait(false)).Items;

    /// <summary>Check runs and statuses of a commit: two requests, free when nothing has changed.</summary>
    public async Task<GitHubChecks> GetChecksAsync(RepositoryName repository, string commit, CancellationToken ct)
    {
        var runs = await GetAsync<WireCheckRuns>(Of(repository, $"commits/{Uri.EscapeDataString(commit)}/check-runs?per_page={PageSize}"), ct).ConfigureAwait(false);
        var statuses = await GetAsync<WireStatuses>(Of(repository, $"commits/{Uri.EscapeDataString(commit)}/status?per_page={PageSize}"), ct).ConfigureAwait(false);
        return new GitHubChecks([.. runs.CheckRuns.Select(r => r.Read()), .. statuses.Statuses.Select(s => s.Read())]);
    }
}
