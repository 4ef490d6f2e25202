namespace ClaudeManager.Core.Contracts;

/// <summary>Where a work item stands. Stored and sent as snake_case strings.</summary>
public enum WorkItemState
{
    Proposed,
    Approved,
    Queued,
    Running,
    Review,
    Done,
    Rejected,
    Snoozed,
    Parked,
    Conflict,
    Quarantined,
    Closed,
}

/// <summary>Where a run stands. <see cref="Ended"/> always comes with exactly one <see cref="RunEndReason"/>.</summary>
public enum RunState
{
    Queued,
    Preparing,
    Running,
    Verifying,
    Publishing,
    Parked,
    Ended,
}

/// <summary>The one named reason a run ended by. There is no "unknown": no result is never success.</summary>
public enum RunEndReason
{
    Completed,
    NoChanges,
    Failed,
    VerificationFailed,
    PolicyBlocked,
    TimedOut,
    Stalled,
    BudgetExhausted,
    Cancelled,
    Parked,
    LeaseLost,
    ConfigurationError,
}

/// <summary>What kind of trouble a failure is; only <see cref="Transient"/> and <see cref="Infrastructure"/> are tried again.</summary>
public enum FailureClass
{
    Transient,
    Agent,
    Verification,
    Policy,
    Budget,
    Configuration,
    Infrastructure,
    Cancelled,
}

/// <summary>What a circuit breaker does with calls.</summary>
public enum CircuitPosition
{
    /// <summary>Lets them through.</summary>
    Closed,

    /// <summary>Refuses them for a while, because too many have failed.</summary>
    Open,

    /// <summary>Has let one through to see whether it succeeds, and refuses the others.</summary>
    HalfOpen,

    /// <summary>Refuses them until an operator resets it.</summary>
    Isolated,
}

public enum RepositoryKind
{
    Local,
    GitHub,
}

/// <summary>Where a repository's scan stands. <see cref="Preview"/>: scanned, but nothing is proposed until an operator accepts.</summary>
public enum RepositoryScanState
{
    Never,
    Scanning,
    Preview,
    Ok,
    Failed,

    /// <summary>There is nothing to scan: gone, private, archived, disabled or empty. The reason is told beside it; a later scan looks again.</summary>
    Unavailable,
}

/// <summary>What a piece of work is about; one term of the score.</summary>
public enum WorkKind
{
    Security,
    Bug,
    Performance,
    Testing,
    Refactoring,
    Feature,
    Documentation,
    Cleanup,
}

/// <summary>How strongly an agent was contained. <c>process</c>: environment allow-list, own session and home, limits. <c>bwrap</c>: also its own file-system, PID (and, where it needs none, network) namespaces.</summary>
public enum SandboxLevel
{
    Process,
    Bwrap,
}
