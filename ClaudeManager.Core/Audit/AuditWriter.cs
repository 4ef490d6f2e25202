using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Audit;

/// <param name="Type">The group: <c>scan</c>, <c>proposal</c>, <c>approval</c>, <c>run</c>, <c>publish</c>, <c>configuration</c>, <c>system</c>, …</param>
/// <param name="Action">What was done, e.g. <c>work_item.approved</c>.</param>
/// <param name="Details">Facts for an auditor. Redacted before they are written.</param>
public sealed record AuditRecord(
    string Type,
    string Action,
    string? SubjectType = null,
    string? SubjectId = null,
    AuditSeverity Severity = AuditSeverity.Low,
    AuditResult Result = AuditResult.Success,
    IReadOnlyDictionary<string, object?>? Details = null,
    byte[]? BeforeHash = null,
    byte[]? AfterHash = null);

public enum AuditSeverity
{
    Low,
    Medium,
    High,
    Critical,
}

public enum AuditResult
{
    Success,
    Failure,
    Blocked,
    RateLimited,
    Expired,
    Mismatch,
    Degraded,
}

/// <summary>Puts entries into the transaction of the act they record. The sequencer of the Merkle log reads them from there.</summary>
public sealed class AuditWriter(Redactor redactor)
{
    /// <param name="correlationId">Of the piece of work it is about, else of the operation.</param>
    public void Append(ManagerDbContext db, OperationContext operation, AuditRecord record, string correlationId, DateTimeOffset now)
    {
        var id = Guid.CreateVersion7(now);
        var salt = RandomNumberGenerator.GetBytes(32);
        db.AuditEntries.Add(new AuditEntryEntity
        {
            Id = id,
            At = now,
            Type = record.Type,
            Severity = JsonNamingPolicy.SnakeCaseLower.ConvertName(record.Severity.ToString()),
            Result = JsonNamingPolicy.SnakeCaseLower.ConvertName(record.Result.ToString()),
            Action = record.Action,
            SubjectType = record.SubjectType,
            SubjectId = record.SubjectId,
            BeforeHash = record.BeforeHash,
            AfterHash = record.AfterHash,
            CorrelationId = correlationId,
            Details = redactor.Redact(JsonSerializer.Serialize(record.Details ?? new Dictionary<string, object?>())),
            ActorMac = Mac(salt, operation.Actor)!,
            AddressMac = Mac(salt, operation.Address),
            ClientMac = Mac(salt, operation.Client),
        });
        db.AuditPersonal.Add(new AuditPersonalEntity { EntryId = id, Salt = salt, Actor = operation.Actor, Address = operation.Address, Client = operation.Client });
    }

    private static byte[]? Mac(byte[] salt, string? value) => value is null ? null : HMACSHA256.HashData(salt, Encoding.UTF8.GetBytes(value));
}
