namespace ClaudeManager.Core.Persistence.Entities;

/// <summary>The issue by which a work item is proposed on GitHub, as we wrote it and as we last saw it.</summary>
public sealed class ProposalIssueEntity
{
    /// <summary>The issue may be older than its row: what was done to it before is in events the poll has passed already.</summary>
    public const long NeverLookedAt = -1;

    public long WorkItemId { get; set; }
    public WorkItemEntity? WorkItem { get; set; }

    /// <summary><c>owner/name</c> of the manager repository.</summary>
    public required string Repository { get; set; }
    public int Number { get; set; }
    public required string Url { get; set; }

    /// <summary>SHA-256 of title and body as the service wrote them last: an approval by label counts for this text only. Empty when it is not known to be ours.</summary>
    public required string TitleSha256 { get; set; }
    public required string BodySha256 { get; set; }
    public bool IsOpen { get; set; }

    /// <summary>When the service wrote it last.</summary>
    public DateTimeOffset WrittenAt { get; set; }

    /// <summary>GitHub's id of the newest event of this issue that was dealt with; 0 when there was none.</summary>
    public long LastEventId { get; set; } = NeverLookedAt;
    public DateTimeOffset UpdatedAt { get; set; }
}

public static class PullRequestStates
{
    public const string Open = "open";
    public const string Merged = "merged";
    public const string Closed = "closed";
}

/// <summary>The pull request a run opened, and what became of it.</summary>
public sealed class PullRequestEntity
{
    public long RunId { get; set; }
    public RunEntity? Run { get; set; }
    public long WorkItemId { get; set; }

    /// <summary><c>owner/name</c>.</summary>
    public required string Repository { get; set; }
    public int Number { get; set; }
    public required string Url { get; set; }
    public required string HeadBranch { get; set; }
    public required string HeadCommit { get; set; }

    /// <summary>One of <see cref="PullRequestStates"/>.</summary>
    public required string State { get; set; }

    /// <summary><c>pending</c>, <c>passed</c>, <c>failed</c>; null when nothing checks it.</summary>
    public string? Checks { get; set; }

    /// <summary>GitHub's id of the newest review that was dealt with.</summary>
    public long LastReviewId { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
}
