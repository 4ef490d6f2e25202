namespace ClaudeManager.Core.Persistence.Entities;

public static class OutboxStates
{
    public const string Pending = "pending";
    public const string Done = "done";

    /// <summary>Tried often without a fault that passes by itself: a person has to mend something. Looked at once a day, and when an operator says so.</summary>
    public const string Blocked = "blocked";

    /// <summary>Given up: it cannot succeed, or nobody wants it any more. The reason is in <see cref="OutboxEntity.Error"/>.</summary>
    public const string Failed = "failed";

    /// <summary>Still to be done.</summary>
    public static readonly string[] Open = [Pending, Blocked];
}

/// <summary>One effect on the outside, written in the transaction that decided it and carried out after that has committed.</summary>
public sealed class OutboxEntity
{
    public long Id { get; set; }

    /// <summary>Which effect, e.g. <c>issue.create</c>.</summary>
    public required string Kind { get; set; }

    /// <summary>The idempotency key, unique: the same effect is never queued twice. It is also the key of the marker left on the outside.</summary>
    public required string Key { get; set; }

    /// <summary>Effects of one work item are carried out in the order they were decided.</summary>
    public long? WorkItemId { get; set; }
    public long? RunId { get; set; }

    /// <summary>JSON, the effect's own.</summary>
    public required string Payload { get; set; }
    public required string State { get; set; }
    public string? Error { get; set; }

    /// <summary>Counts claims; the fencing token. Above 1, an earlier attempt may have had its effect: it is looked up first.</summary>
    public int Attempt { get; set; }
    public string? LeaseOwner { get; set; }
    public DateTimeOffset? LeaseExpiresAt { get; set; }
    public DateTimeOffset? NotBefore { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset? DoneAt { get; set; }
}
