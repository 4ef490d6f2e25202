using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Persistence.Entities;

public sealed class WorkItemEntity
{
    public long Id { get; set; }
    public long RepositoryId { get; set; }
    public RepositoryEntity? Repository { get; set; }

    /// <summary>The finding its title and score come from; null when a person wrote the item.</summary>
    public long? FindingId { get; set; }
    public FindingEntity? Finding { get; set; }

    /// <summary>All that were ever proposed by it, those that are gone too: one, or those of one file or directory (<c>analyzer.groupProposals</c>).</summary>
    public ICollection<FindingEntity> Findings { get; } = [];

    /// <summary>Of the finding it was first made of: what it is known by on GitHub.</summary>
    public required string Fingerprint { get; set; }
    public required string Title { get; set; }
    public required string Body { get; set; }
    public WorkKind Kind { get; set; }
    public WorkItemState State { get; set; }

    /// <summary>Why it is in this state, in words for people: a reason of rejection, the named problem of a quarantine.</summary>
    public string? StateReason { get; set; }

    /// <summary>The score that orders the queue: the override if there is one, else computed.</summary>
    public double Score { get; set; }
    public double ComputedScore { get; set; }
    public double? ScoreOverride { get; set; }

    /// <summary>JSON array of <see cref="ScoreTermDto"/>.</summary>
    public required string ScoreTerms { get; set; }
    public bool Pinned { get; set; }
    public DateTimeOffset? SnoozedUntil { get; set; }

    /// <summary>JSON array of strings.</summary>
    public required string Labels { get; set; }
    public string? Agent { get; set; }
    public string? BaseCommit { get; set; }

    /// <summary>What its findings said when a human said no; while it is the same, the item stays rejected.</summary>
    public string? RejectedTextHash { get; set; }
    public string? ClosedByCommit { get; set; }

    /// <summary>Trace id of the first operation on this item; every later one links to it.</summary>
    public required string CorrelationId { get; set; }
    public long? LatestRunId { get; set; }
    public int Version { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
}

public static class ApprovalStates
{
    public const string Active = "active";
    public const string Withdrawn = "withdrawn";
    public const string Stale = "stale";
    public const string Expired = "expired";
    public const string Fulfilled = "fulfilled";
}

/// <summary>A person's decision, bound to content by a MAC over <see cref="Envelope"/>.</summary>
public sealed class ApprovalEntity
{
    public long Id { get; set; }
    public long WorkItemId { get; set; }
    public required string State { get; set; }
    public string? StateReason { get; set; }

    /// <summary>The canonical envelope v1, exactly the bytes the MAC covers.</summary>
    public required byte[] Envelope { get; set; }
    public required byte[] Mac { get; set; }
    public required string KeyId { get; set; }
    public required string Agent { get; set; }
    public required string BaseCommit { get; set; }

    /// <summary>The prompt as approved; its SHA-256 is in the envelope.</summary>
    public required string Prompt { get; set; }
    public required string PromptSha256 { get; set; }

    /// <summary>JSON array of strings.</summary>
    public required string Tools { get; set; }

    /// <summary>JSON of <see cref="AgentProgramDto"/>: what ran under the agent's name when it was approved; the envelope covers it.</summary>
    public string? Program { get; set; }
    public long BudgetMicroUsd { get; set; }
    public SandboxLevel Sandbox { get; set; }

    /// <summary>JSON array of strings.</summary>
    public required string Approvers { get; set; }
    public DateTimeOffset ApprovedAt { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
}
