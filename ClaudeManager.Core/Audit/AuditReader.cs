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
        return [.. rows.Select(r => new HistoryEntryDto(r.At, r.Actor ?? "erased", r.Action, r.Result, r.Details == "{}" ? null : r.Details))];
    }
}
