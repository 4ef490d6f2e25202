using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Audit;

public static class AuditReader
{
    /// <summary>What was done with one subject, newest first. An erased person reads as "erased".</summary>
    public static async Task<IReadOnlyList<HistoryEntryDto>> HistoryAsync(ManagerDbContext db, string subjectType, string subjectId, CancellationToken ct)
    {
        var rows = await db.AuditEntries.Where(a => a.SubjectType == subjectType && a.SubjectId == subjectId)
            .OrderByDescending(a => a.At).ThenByDescending(a => a.Id).Take(200)
            .Select(a => new { a.At, a.Action, a.Result, a.Details, Actor = db.AuditPersonal.Where(p => p.EntryId == a.Id).Select(p => p.Actor).FirstOrDefault() })
            .ToListAsync(ct).ConfigureAwait(false);
        return [.. rows.Select(r => new HistoryEntryDto(r.At, r.Actor ?? "erased", r.Action, r.Result, Describe(r.Details)))];
    }

    /// <summary>The details as a person reads them: the reason alone where there is one, else the facts; the raw object is for auditors.</summary>
    private static string? Describe(string details)
    {
        using var document = JsonDocument.Parse(details);
        var facts = document.RootElement.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null).ToList();
        return facts.FirstOrDefault(p => p.Name is "reason" or "detail") is { Value.ValueKind: JsonValueKind.String } reason
            ? reason.Value.GetString()
            : facts.Where(p => p.Name is not ("from" or "attempt")).Select(p => $"{p.Name.Replace('_', ' ')} {p.Value}").ToList() is { Count: > 0 } texts ? string.Join(" · ", texts) : null;
    }
}
