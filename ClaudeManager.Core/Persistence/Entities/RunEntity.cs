using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Persistence.Entities;

public sealed class RunEntity
{
    public long Id { get; set; }
    public long WorkItemId { get; set; }
    public WorkItemEntity? WorkItem { get; set; }
    public long RepositoryId { get; set; }
    public long ApprovalId { get; set; }
    public required string Agent { get; set; }
    public RunState State { get; set; }
    public RunEndReason? EndReason { get; set; }
    public string? EndDetail { get; set; }
    public FailureClass? FailureClass { get; set; }

    /// <summary>Copied from the item when queued: claims are ordered by it.</summary>
    public double Score { get; set; }

    // The lease. Every write of its holder says owner and attempt in its WHERE.
    public string? LeaseOwner { get; set; }
    public DateTimeOffset? LeaseExpiresAt { get; set; }

    /// <summary>Counts claims; the fencing token.</summary>
    public int Attempt { get; set; }

    /// <summary>Attempts that ended in a transient or infrastructure failure; capped by <c>executor.maxAttempts</c>.</summary>
    public int Failures { get; set; }
    public DateTimeOffset? NotBefore { get; set; }

    public Guid SessionId { get; set; }

    /// <summary>True once the agent has started the session, so that the next attempt resumes it.</summary>
    public bool SessionStarted { get; set; }
    public required string BaseCommit { get; set; }
    public SandboxLevel? Sandbox { get; set; }
    public string? AgentVersion { get; set; }

    /// <summary>Last snapshot of the workspace, a commit in the repository's own store.</summary>
    public string? WipCommit { get; set; }
    public DateTimeOffset? WipAt { get; set; }
    public string? ResultCommit { get; set; }
    public string? Branch { get; set; }

    /// <summary>JSON of <see cref="VerificationReceiptDto"/>.</summary>
    public string? Receipt { get; set; }

    /// <summary>JSON of <see cref="DiffGateDto"/>.</summary>
    public string? Gate { get; set; }

    /// <summary>Who let the result through although the diff gate blocks it.</summary>
    public string? GateLiftedBy { get; set; }

    /// <summary>The resulting tree, or that of the work left unfinished: the same failure with the same tree twice is poison.</summary>
    public string? DiffHash { get; set; }
    public long? CostMicroUsd { get; set; }
    public long? InputTokens { get; set; }
    public long? OutputTokens { get; set; }
    public int? Turns { get; set; }
    public DateTimeOffset? CancelRequestedAt { get; set; }
    public string? CancelRequestedBy { get; set; }
    public long? PreviousRunId { get; set; }
    public DateTimeOffset? LastEventAt { get; set; }
    public DateTimeOffset? StartedAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
}

public sealed class RunEventEntity
{
    public long RunId { get; set; }
    public long Seq { get; set; }
    public int Attempt { get; set; }
    public DateTimeOffset At { get; set; }
    public required string Kind { get; set; }
    public required string Text { get; set; }

    /// <summary>Redacted JSON of the event; null where the text says everything.</summary>
    public string? Data { get; set; }
}

/// <summary>A file a later worker needs, or a person wants, of a run: <c>patch</c>, <c>bundle</c>, <c>session</c>.</summary>
public sealed class RunArtifactEntity
{
    public long RunId { get; set; }
    public required string Kind { get; set; }
    public required byte[] Content { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
}

/// <summary>A process started for a run. A row without an end on a dead instance is an orphan to reap.</summary>
public sealed class RunProcessEntity
{
    public long Id { get; set; }
    public long RunId { get; set; }
    public int Attempt { get; set; }
    public required string BootId { get; set; }
    public required string Host { get; set; }
    public int ProcessId { get; set; }

    /// <summary>Clock ticks since boot from <c>/proc/PID/stat</c> field 22 (on macOS the start time): tells a reused pid.</summary>
    public long ProcessStart { get; set; }
    public required string Purpose { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }
}
