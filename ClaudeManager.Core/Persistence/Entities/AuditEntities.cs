namespace ClaudeManager.Core.Persistence.Entities;

/// <summary>One append-only entry, written in the transaction of the act it records. The database refuses UPDATE and DELETE.</summary>
public sealed class AuditEntryEntity
{
    public Guid Id { get; set; }
    public DateTimeOffset At { get; set; }
    public required string Type { get; set; }
    public required string Severity { get; set; }
    public required string Result { get; set; }
    public required string Action { get; set; }
    public string? SubjectType { get; set; }
    public string? SubjectId { get; set; }
    public byte[]? BeforeHash { get; set; }
    public byte[]? AfterHash { get; set; }
    public required string CorrelationId { get; set; }

    /// <summary>Redacted JSON object.</summary>
    public required string Details { get; set; }

    /// <summary>HMAC-SHA-256 of the person (or <c>system:…</c>), client address and client agent under the salt in <see cref="AuditPersonalEntity"/>.</summary>
    public required byte[] ActorMac { get; set; }
    public byte[]? AddressMac { get; set; }
    public byte[]? ClientMac { get; set; }
}

/// <summary>The personal part of an entry, apart, because it alone may be erased without breaking the log.</summary>
public sealed class AuditPersonalEntity
{
    public Guid EntryId { get; set; }
    public required byte[] Salt { get; set; }
    public required string Actor { get; set; }
    public string? Address { get; set; }
    public string? Client { get; set; }
}
