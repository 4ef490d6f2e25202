using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using Cronos;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Scanning;

/// <summary>Which repositories are due: asked for by a person, or by <c>analyzer.schedule</c>. A due time is claimed once over all workers; one that was missed while nothing ran is made up for once.</summary>
public sealed class ScanSchedule(Store store, CurrentConfiguration configuration)
{
    public async Task<IReadOnlyList<long>> ClaimDueAsync(OperationContext operation, CancellationToken ct)
    {
        var analyzer = configuration.Value.Analyzer;
        var schedule = CronExpression.Parse(analyzer.Schedule);
        var zone = TimeZoneInfo.FindSystemTimeZoneById(analyzer.TimeZone);
        var now = store.Time.GetUtcNow();
        var candidates = await store.ReadAsync((db, token) => db.Repositories.Where(r => !r.Removed)
            .Select(r => new { r.Id, r.ScanRequestedAt, Since = r.ScanClaimedAt ?? r.CreatedAt }).ToListAsync(token), ct).ConfigureAwait(false);
        var due = candidates.Where(c => c.ScanRequestedAt is not null || schedule.GetNextOccurrence(c.Since, zone) <= now).ToDictionary(c => c.Id, c => c.Since);
        if (due.Count == 0)
        {
            return [];
        }

        return await store.WriteAsync<IReadOnlyList<long>>(operation, async (tx, token) =>
        {
            await tx.Db.LockClaimsAsync(store.Time, token).ConfigureAwait(false);
            var ids = due.Keys.ToList();
            var claimed = new List<long>();
            foreach (var repository in await tx.Db.Repositories.Where(r => ids.Contains(r.Id) && !r.Removed).ToListAsync(token).ConfigureAwait(false))
            {
                // Another worker was first when the claim has moved and nobody has asked since.
                if ((repository.ScanClaimedAt ?? repository.CreatedAt) != due[repository.Id] && repository.ScanRequestedAt is null)
                {
                    continue;
                }

                repository.ScanRequestedAt = null;
                repository.ScanClaimedAt = tx.Now;
                claimed.Add(repository.Id);
            }

            return claimed;
        }, ct).ConfigureAwait(false);
    }
}
