namespace ClaudeManager.Core.Persistence.Entities;

public sealed class InstanceEntity
{
    /// <summary>A new one at every start of a process.</summary>
    public required string BootId { get; set; }
    public required string Role { get; set; }
    public required string Host { get; set; }
    /// <summary>Within which <see cref="ProcessId"/> is unique; null where that is unknown.</summary>
    public string? ProcessSpace { get; set; }
    public int ProcessId { get; set; }
    public required string Version { get; set; }
    public long ConfigurationGeneration { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset HeartbeatAt { get; set; }
    public DateTimeOffset? StoppedAt { get; set; }
}

/// <summary>One change for the live feed, written in the transaction of the change.</summary>
public sealed class EventEntity
{
    public long Id { get; set; }

    /// <summary>PostgreSQL: <c>pg_current_xact_id()</c>, so that a reader never skips what commits late. SQLite: 0, rowids commit in order.</summary>
    public ulong Tx { get; set; }
    public DateTimeOffset At { get; set; }
    public required string Type { get; set; }
    public string? SubjectType { get; set; }
    public long? SubjectId { get; set; }
    public string? State { get; set; }
    public string? Text { get; set; }
}

/// <summary>A small value the fleet shares, e.g. the key check of the master key.</summary>
public sealed class SettingEntity
{
    public required string Key { get; set; }
    public required string Value { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
}

/// <summary>A request with an idempotency key, and its answer.</summary>
public sealed class IdempotencyKeyEntity
{
    public required string Caller { get; set; }
    public required string Key { get; set; }

    /// <summary>Of what the request asks for.</summary>
    public required string RequestSha256 { get; set; }

    /// <summary>Boot id of the process that carries it out.</summary>
    public required string Owner { get; set; }

    /// <summary>When the first of its transactions committed.</summary>
    public DateTimeOffset? CarriedOutAt { get; set; }

    /// <summary>HTTP status of the answer; null until there is one.</summary>
    public int? Status { get; set; }
    public string? ContentType { get; set; }
    public byte[]? Body { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>A client that was shut out: one row for each, and how often in a row.</summary>
public sealed class ClientBlockEntity
{
    public long Id { get; set; }
    public required string Client { get; set; }
    public required string Reason { get; set; }
    public int Times { get; set; }
    public DateTimeOffset BlockedAt { get; set; }
    public DateTimeOffset Until { get; set; }
}

/// <summary>What a process last said of itself.</summary>
public sealed class InstanceSnapshotEntity
{
    public required string BootId { get; set; }
    public DateTimeOffset TakenAt { get; set; }

    /// <summary>JSON.</summary>
    public required string Document { get; set; }
}

/// <summary>What an operator told all processes to do; each carries out what is new to it, in order.</summary>
public sealed class InstanceCommandEntity
{
    public long Id { get; set; }

    /// <summary>One of <see cref="Fleet.InstanceCommands"/>' names.</summary>
    public required string Kind { get; set; }

    /// <summary>Of the breaker.</summary>
    public required string Target { get; set; }
    public string? Reason { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
}
