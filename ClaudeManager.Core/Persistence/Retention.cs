using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.RateLimiting.Inbound;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Persistence;

/// <summary>Drops what is older than <c>retention.*</c> says: events of the live feed, and the transcripts of runs that have ended; processes that have been gone for a month; idempotency keys and client blocks of yesterday. Findings, work items, runs and the audit stay.</summary>
public sealed class Retention(Store store, CurrentConfiguration configuration)
{
    /// <summary>So that no delete holds the write gate for long.</summary>
    private const int RunsPerRound = 50;

    private static readonly TimeSpan s_instances = TimeSpan.FromDays(30);

    /// <returns>True when there is more to drop.</returns>
    public async Task<bool> DropOldAsync(OperationContext operation, CancellationToken ct)
    {
        var retention = configuration.Value.Retention;
        var now = store.Time.GetUtcNow();
        var events = now - TimeSpan.FromDays(retention.EventsDays);
        var instances = now - s_instances;
        var blocks = now - ClientBlocks.Longest;
        var keys = now - IdempotencyKeys.KeptFor;
        var transcripts = now - TimeSpan.FromDays(retention.RunEventsDays);
        var (anyOld, runs) = await store.ReadAsync(async (db, token) => (
            await db.Events.AnyAsync(e => e.At < events, token).ConfigureAwait(false) || await db.Instances.AnyAsync(i => i.HeartbeatAt < instances, token).ConfigureAwait(false)
                || await db.IdempotencyKeys.AnyAsync(k => k.CreatedAt < keys, token).ConfigureAwait(false) || await db.ClientBlocks.AnyAsync(b => b.Until < blocks, token).ConfigureAwait(false),
            await db.Runs.Where(r => r.State == RunState.Ended && r.EndedAt < transcripts && db.RunEvents.Any(e => e.RunId == r.Id))
                .OrderBy(r => r.Id).Take(RunsPerRound).Select(r => r.Id).ToListAsync(token).ConfigureAwait(false)), ct).ConfigureAwait(false);
        if (!anyOld && runs.Count == 0)
        {
            return false;
        }

        await store.WriteAsync(operation, async (tx, token) =>
        {
            await tx.Db.Events.Where(e => e.At < events).ExecuteDeleteAsync(token).ConfigureAwait(false);
            await tx.Db.Instances.Where(i => i.HeartbeatAt < instances && !tx.Db.Runs.Any(r => r.LeaseOwner == i.BootId)).ExecuteDeleteAsync(token).ConfigureAwait(false);
            await tx.Db.InstanceSnapshots.Where(s => !tx.Db.Instances.Any(i => i.BootId == s.BootId)).ExecuteDeleteAsync(token).ConfigureAwait(false);
            await tx.Db.ClientBlocks.Where(b => b.Until < blocks).ExecuteDeleteAsync(token).ConfigureAwait(false);
            await tx.Db.IdempotencyKeys.Where(k => k.CreatedAt < keys).ExecuteDeleteAsync(token).ConfigureAwait(false);
            await tx.Db.RunEvents.Where(e => runs.Contains(e.RunId)).ExecuteDeleteAsync(token).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
        return runs.Count == RunsPerRound;
    }
}
