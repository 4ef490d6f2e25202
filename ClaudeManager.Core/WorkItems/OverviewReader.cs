using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems;

/// <summary>What the first page shows: what needs a person now, what runs, what happened.</summary>
public sealed class OverviewReader(Store store, AgentCatalog agents, EventFeedReader events, OutboxReader outbox, CurrentConfiguration configuration)
{
    public async Task<OverviewDto> ReadAsync(CancellationToken ct)
    {
        var current = configuration.Value;
        var options = await agents.ListAsync(ct).ConfigureAwait(false);
        var waiting = await outbox.ReadAsync(ct).ConfigureAwait(false);
        var activity = await events.RecentAsync(20, ct).ConfigureAwait(false);
        return await store.ReadAsync(async (db, token) =>
        {
            var facts = await GateFacts.ReadAsync(db, current, await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false), token).ConfigureAwait(false);
            var items = db.WorkItems.Where(w => !w.Repository!.Removed);
            var needs = await items.Include(w => w.Repository).Include(w => w.Finding).Where(w => w.State == WorkItemState.Proposed)
                .OrderByDescending(w => w.Pinned).ThenByDescending(w => w.Score).ThenBy(w => w.Id).Take(10).ToListAsync(token).ConfigureAwait(false);
            var runs = db.Runs.Include(r => r.WorkItem!.Repository);
            var running = await runs.Where(r => r.State != RunState.Ended).OrderByDescending(r => r.Id).Take(20).ToListAsync(token).ConfigureAwait(false);
            var recent = await runs.Where(r => r.State == RunState.Ended).OrderByDescending(r => r.EndedAt).Take(10).ToListAsync(token).ConfigureAwait(false);
            return new OverviewDto(
                await db.Repositories.CountAsync(r => !r.Removed, token).ConfigureAwait(false),
                (await items.GroupBy(w => w.State).Select(g => new { g.Key, Count = g.Count() }).ToListAsync(token).ConfigureAwait(false)).ToDictionary(g => ManagerJson.Name(g.Key), g => g.Count),
                (await db.Runs.GroupBy(r => r.State).Select(g => new { g.Key, Count = g.Count() }).ToListAsync(token).ConfigureAwait(false)).ToDictionary(g => ManagerJson.Name(g.Key), g => g.Count),
                [.. needs.Select(n => n.ToDto())],
                [.. running.Select(r => r.ToDto())],
                [.. recent.Select(r => r.ToDto())],
                facts.SpentTodayUsd,
                facts.PerDayUsd,
                options,
                // Where no agent can run, the agents themselves say why.
                [.. options.Where(o => o.Problem is not null && o.Name == current.Executor.DefaultExecutor && options.Any(other => other.Available)).Select(o => o.Problem!)],
                activity,
                await db.Repositories.Where(r => !r.Removed && r.ScanState == RepositoryScanState.Preview).OrderBy(r => r.Id).Take(10)
                    .Select(r => new DryRunDto(r.Id, r.Name, db.Findings.Count(f => f.RepositoryId == r.Id && !f.Gone))).ToListAsync(token).ConfigureAwait(false),
                waiting);
        }, ct).ConfigureAwait(false);
    }
}
