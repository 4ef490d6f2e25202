namespace ClaudeManager.Core.GitHub;

public enum GitHubAccountKind
{
    User,
    Bot,
    Organization,

    /// <summary>A kind we do not know: never trusted as a person.</summary>
    Other,
}

/// <param name="Id">Stays when the account is renamed.</param>
public sealed record GitHubAccount(long Id, string Login, GitHubAccountKind Kind);

/// <summary>What a scan has to know of a repository before it looks inside.</summary>
/// <param name="Name">Its name now; another than asked for when it was renamed.</param>
/// <param name="DefaultBranch">Null when it is empty.</param>
/// <param name="Commit">Of the default branch.</param>
/// <param name="Permission">ADMIN, MAINTAIN, WRITE, TRIAGE or READ: what our credential may.</param>
/// <param name="SizeMb">As GitHub measures it.</param>
public sealed record GitHubRepositoryState(
    RepositoryName Name, long Id, string? DefaultBranch, string? Commit, bool IsArchived, bool IsDisabled, bool IsPrivate, bool HasIssues, string? Permission, long SizeMb)
{
    /// <summary>Null when the credential may not read them.</summary>
    public GitHubIssueActivity? Issues { get; init; }

    public bool CanWrite => Permission is "ADMIN" or "MAINTAIN" or "WRITE";
}

/// <summary>Enough to know whether anything has happened to the open issues of a repository.</summary>
/// <param name="LastTouchedAt">The newest of them; null when none is open.</param>
public sealed record GitHubIssueActivity(int Open, DateTimeOffset? LastTouchedAt);

/// <summary>The state, or why there is none; one repository's trouble is no other's.</summary>
public sealed record GitHubRepositoryAnswer(RepositoryName Asked, GitHubRepositoryState? State, GitHubException? Failure);

/// <param name="Author">Null when the account was deleted.</param>
/// <param name="StateReason"><c>completed</c>, <c>not_planned</c>, <c>reopened</c>, <c>duplicate</c>, or null.</param>
/// <param name="Body">Empty when there is none.</param>
public sealed record GitHubIssue(
    long Id, int Number, Uri Url, string Title, string Body, bool IsOpen, string? StateReason, GitHubAccount? Author, IReadOnlyList<string> Labels, IReadOnlyList<string> Assignees,
    bool IsPullRequest, bool IsLocked, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? ClosedAt);

/// <param name="IsComplete">False when the cap on pages cut it short.</param>
public sealed record GitHubList<T>(IReadOnlyList<T> Items, bool IsComplete);

/// <param name="IsComplete">False when the cap on pages cut it short.</param>
/// <param name="NextTouchedAt">When the first of those was touched that were touched later; null when there is none.</param>
public sealed record GitHubUntouchedIssues(IReadOnlyList<GitHubIssue> Items, bool IsComplete, DateTimeOffset? NextTouchedAt);

public enum GitHubIssueFilter
{
    Open,
    Closed,
    All,
}

public enum GitHubCloseReason
{
    Completed,
    NotPlanned,
}

/// <param name="Kind">GitHub's word, e.g. <c>labeled</c>, <c>unlabeled</c>, <c>renamed</c>, <c>closed</c>, <c>reopened</c>.</param>
/// <param name="Actor">Null when the account was deleted.</param>
/// <param name="Label">Of <c>labeled</c> and <c>unlabeled</c>.</param>
/// <param name="NewTitle">Of <c>renamed</c>.</param>
public sealed record GitHubIssueEvent(long Id, string Kind, int IssueNumber, GitHubAccount? Actor, string? Label, string? NewTitle, DateTimeOffset At);

/// <summary>The newest edit of an issue's text, which REST does not tell.</summary>
/// <param name="EditedAt">Of the body; null when it is as it was created.</param>
public sealed record GitHubIssueText(string Title, string Body, DateTimeOffset? EditedAt, GitHubAccount? Editor);

public sealed record GitHubComment(long Id, Uri Url, string Body, GitHubAccount? Author, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <param name="Role">GitHub's name of the role, also a custom one; <c>none</c> without any.</param>
public sealed record GitHubPermission(string Login, string Role, bool CanWrite);

/// <param name="MergeableState">GitHub's word, e.g. <c>clean</c>, <c>dirty</c> (a conflict), <c>unknown</c> (still being computed); null in lists.</param>
public sealed record GitHubPullRequest(
    long Id, int Number, Uri Url, string Title, string Body, bool IsOpen, bool IsDraft, bool IsMerged, string HeadBranch, string HeadCommit, string BaseBranch, GitHubAccount? Author,
    string? MergeCommit, bool? IsMergeable, string? MergeableState, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? ClosedAt, DateTimeOffset? MergedAt);

/// <param name="State">APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING.</param>
public sealed record GitHubReview(long Id, string State, string Body, GitHubAccount? Author, string? Commit, DateTimeOffset At);

/// <param name="Line">Null when the line is gone.</param>
public sealed record GitHubReviewComment(long Id, string Path, int? Line, string Body, GitHubAccount? Author, DateTimeOffset At);

public enum GitHubCheckState
{
    Pending,
    Passed,
    Failed,
}

/// <param name="Conclusion">GitHub's word, e.g. <c>success</c>, <c>failure</c>, <c>timed_out</c>; of a status its state.</param>
/// <param name="Report">What it says about its result; empty when it says nothing.</param>
public sealed record GitHubCheck(string Name, GitHubCheckState State, string Conclusion, Uri? Url, string Report);

/// <summary>Check runs and commit statuses together.</summary>
public sealed record GitHubChecks(IReadOnlyList<GitHubCheck> Checks)
{
    /// <summary>Null when nothing checks this commit.</summary>
    public GitHubCheckState? State => Checks.Count == 0 ? null
        : Checks.Any(c => c.State == GitHubCheckState.Failed) ? GitHubCheckState.Failed
        : Checks.Any(c => c.State == GitHubCheckState.Pending) ? GitHubCheckState.Pending
        : GitHubCheckState.Passed;
}

/// <summary>An issue or pull request whose text names another one.</summary>
/// <param name="Author">Who wrote it, which need not be who named the other one in it.</param>
public sealed record GitHubReference(RepositoryName Repository, int Number, bool IsPullRequest, GitHubAccount? Author, DateTimeOffset At);

/// <param name="Content">GitHub's word, e.g. <c>eyes</c>, <c>+1</c>.</param>
public sealed record GitHubReaction(long Id, string Content, GitHubAccount? Author, DateTimeOffset At);
