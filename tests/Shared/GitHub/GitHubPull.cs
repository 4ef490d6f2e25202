namespace ClaudeManager.Tests.Shared.GitHub;

/// <param name="State"><c>APPROVED</c>, <c>CHANGES_REQUESTED</c> or <c>COMMENTED</c>.</param>
public sealed record GitHubReview(long Id, GitHubUser? Author, string State, string Body, string CommitId, DateTimeOffset SubmittedAt);

public sealed record GitHubReviewComment(long Id, long? ReviewId, GitHubUser? Author, string Body, string Path, int? Line, string CommitId, DateTimeOffset CreatedAt);

/// <summary>What a pull request has beyond its issue. Head and base are branches of the same repository.</summary>
public sealed class GitHubPull
{
    private readonly GitHubWorld _world;
    private string _headSha;
    private string _baseSha;
    private bool _frozen;

    internal GitHubPull(GitHubWorld world, GitHubIssue issue, string head, string headSha, string @base, string baseSha, bool draft)
    {
        _world = world;
        (Issue, Head, _headSha, Base, _baseSha, IsDraft) = (issue, head, headSha, @base, baseSha, draft);
    }

    public GitHubIssue Issue { get; }

    public string Head { get; }

    public string Base { get; }

    public bool IsDraft { get; private set; }

    public DateTimeOffset? MergedAt { get; private set; }

    public GitHubUser? MergedBy { get; private set; }

    public string? MergeCommit { get; private set; }

    /// <summary>Follows the branch while the pull request is open.</summary>
    public string HeadSha => !_frozen ? _headSha = Issue.Repository.Refs.Read("refs/heads/" + Head) ?? _headSha : _headSha;

    public string BaseSha => !_frozen ? _baseSha = Issue.Repository.Refs.Read("refs/heads/" + Base) ?? _baseSha : _baseSha;

    internal List<GitHubReview> Reviews { get; } = [];

    internal List<GitHubReviewComment> ReviewComments { get; } = [];

    internal List<GitHubUser> RequestedReviewers { get; } = [];

    /// <summary>The newest word of each reviewer counts; one who wants changes outweighs all who approve.</summary>
    public string? Decision
    {
        get
        {
            lock (_world.Gate)
            {
                var newest = Reviews.Where(r => r.State is "APPROVED" or "CHANGES_REQUESTED").GroupBy(r => r.Author).Select(g => g.Last().State).ToArray();
                return newest.Contains("CHANGES_REQUESTED") ? "CHANGES_REQUESTED" : newest.Length > 0 ? "APPROVED" : null;
            }
        }
    }

    public GitHubReview Review(string by, string state, string body = "")
    {
        lock (_world.Gate)
        {
            var review = new GitHubReview(_world.NextId(), _world.User(by), state, body, HeadSha, _world.Now);
            Reviews.Add(review);
            Issue.Touch();
            return review;
        }
    }

    public GitHubReviewComment CommentLine(string by, string path, int line, string body, long? reviewId = null)
    {
        lock (_world.Gate)
        {
            var comment = new GitHubReviewComment(_world.NextId(), reviewId, _world.User(by), body, path, line, HeadSha, _world.Now);
            ReviewComments.Add(comment);
            Issue.Touch();
            return comment;
        }
    }

    public void MarkReady(string by)
    {
        lock (_world.Gate)
        {
            IsDraft = false;
            Issue.Record("ready_for_review", _world.User(by));
        }
    }

    /// <summary>Merges as the button does: a merge commit, the issues it closes closed, the pull request closed.</summary>
    public async Task<string> MergeAsync(string by, CancellationToken ct, bool squash = false)
    {
        var sha = await Issue.Repository.MergeBranchAsync(this, _world.User(by), squash, ct).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"{Issue.Repository.FullName}#{Issue.Number} does not merge cleanly.");
        Merged(by, sha);
        return sha;
    }

    internal void Merged(string by, string sha)
    {
        lock (_world.Gate)
        {
            var user = _world.User(by);
            (MergedAt, MergedBy, MergeCommit) = (_world.Now, user, sha);
            Issue.Record("merged", user, e => e with { CommitId = sha });
            Issue.Close(by, commitId: sha);
            if (Base != Issue.Repository.DefaultBranch)
            {
                return;
            }

            // A keyword works across repositories too, where the one who merges may close the issue.
            foreach (var (issue, closes) in Issue.Mentions(Issue.Body).ToArray())
            {
                if (closes && issue.Pull is null && issue.Repository.RoleOf(user) >= GitHubRole.Triage)
                {
                    issue.Close(by, commitId: sha);
                }
            }
        }
    }

    /// <summary>A closed pull request keeps the commits it had, wherever its branches go.</summary>
    internal void Freeze(bool frozen = true) => (_headSha, _baseSha, _frozen) = (HeadSha, BaseSha, frozen);
}
