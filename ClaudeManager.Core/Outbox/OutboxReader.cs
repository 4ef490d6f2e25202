using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Outbox;

/// <summary>How far the outside is behind what was decided.</summary>
public sealed class OutboxReader(Store store, GitHubGateway gateway)
{
    /// <summary>An effect that is tried again so soon is under way; one that waits longer waits for a limit or a person.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromMinutes(1);

    public async Task<OutboxDto> ReadAsync(CancellationToken ct)
    {
        var now = store.Time.GetUtcNow();
        var (pending, failed) = await store.ReadAsync(async (db, token) => (
            await db.Outbox.Where(o => OutboxStates.Open.Contains(o.State)).OrderBy(o => o.Id).Select(o => new { o.State, o.WorkItemId, o.NotBefore, o.Error }).ToListAsync(token).ConfigureAwait(false),
            await db.Outbox.CountAsync(o => o.State == OutboxStates.Failed, token).ConfigureAwait(false)), ct).ConfigureAwait(false);

        // What comes after an effect that waits, on the same work item, waits with it.
        var held = pending.Where(o => o.NotBefore > now + s_soon).ToList();
        var items = held.Where(o => o.WorkItemId is not null).Select(o => o.WorkItemId).ToHashSet();
        var waiting = pending.Count(o => o.NotBefore > now + s_soon || (o.WorkItemId is not null && items.Contains(o.WorkItemId)));
        return new OutboxDto(
            pending.Count,
            waiting,
            held.Min(o => o.NotBefore),
            pending.Select(o => o.Error).LastOrDefault(e => e is not null),
            pending.Count(o => o.State == OutboxStates.Blocked),
            failed,
            pending.Count == 0 ? null : Later((await gateway.ForecastAsync(new GitHubBatch(pending.Count), GitHubLane.Propose, ct).ConfigureAwait(false)).DoneAt, held.Max(o => o.NotBefore)));
    }

    private static DateTimeOffset Later(DateTimeOffset at, DateTimeOffset? other) => other > at ? other.Value : at;
}
