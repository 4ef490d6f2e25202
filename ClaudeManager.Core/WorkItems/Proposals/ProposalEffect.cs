using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>What the effects on issues have in common: they look at the work item as it is now, and leave what is not wanted any more.</summary>
public abstract class ProposalEffect(string kind, Store store, GitHubLane lane = GitHubLane.Propose) : IOutboxEffect
{
    /// <summary>Clocks differ, GitHub's from ours.</summary>
    private static readonly TimeSpan s_skew = TimeSpan.FromMinutes(1);

    public string Kind => kind;

    public GitHubLane Lane => lane;

    public abstract Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct);

    public async Task GiveUpAsync(StoreTransaction tx, OutboxEntity entry, string why, CancellationToken ct)
    {
        // Not a change anybody decides on, so the version stays: a new one would queue the same again.
        var item = await tx.Db.WorkItems.AsTracking().FirstAsync(w => w.Id == entry.WorkItemId, ct).ConfigureAwait(false);
        item.StateReason = InertText.Title($"GitHub did not take {kind}: {why}", 2000);
        tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
    }

    protected static T PayloadOf<T>(OutboxEntity entry) => JsonSerializer.Deserialize<T>(entry.Payload, ManagerJson.Options)!;

    /// <summary>When an earlier attempt may have written first.</summary>
    protected static DateTimeOffset Since(OutboxEntity entry) => entry.CreatedAt - s_skew;

    protected static Marker MarkerOf(OutboxEntity entry)
        => entry.Key.Split(':', 2) is [var first, var rest] && !first.Contains('.', StringComparison.Ordinal)
            ? Marker.Of(first, rest.Replace(':', '/'))
            : Marker.Of("effect", entry.Key.Replace(':', '/'));

    /// <summary>It was not wanted any more, or is as it should be.</summary>
    protected static RecordEffect Nothing { get; } = static (_, _) => Task.CompletedTask;

    protected Task<(WorkItemEntity Item, ProposalIssueEntity? Issue)> ReadAsync(long workItemId, CancellationToken ct)
        => store.ReadAsync(async (db, token) => (
            await db.WorkItems.Include(w => w.Repository).Include(w => w.Findings).SingleAsync(w => w.Id == workItemId, token).ConfigureAwait(false),
            await db.ProposalIssues.FirstOrDefaultAsync(p => p.WorkItemId == workItemId, token).ConfigureAwait(false)), ct);

    /// <summary>Records what the issue is like now; null when it is not there any more.</summary>
    protected static RecordEffect Record(long workItemId, Action<ProposalIssueEntity, StoreTransaction>? change) => async (tx, ct) =>
    {
        var issue = await tx.Db.ProposalIssues.AsTracking().FirstOrDefaultAsync(p => p.WorkItemId == workItemId, ct).ConfigureAwait(false);
        if (issue is not null && change is null)
        {
            tx.Db.ProposalIssues.Remove(issue);
        }
        else if (issue is not null)
        {
            change!(issue, tx);
            issue.UpdatedAt = tx.Now;
        }

        await LookAgainAsync(tx, workItemId, ct).ConfigureAwait(false);
    };

    /// <summary>The work item may have changed while the effect was under way.</summary>
    protected static async Task LookAgainAsync(StoreTransaction tx, long workItemId, CancellationToken ct)
        => tx.ChangedItems.Add(await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == workItemId, ct).ConfigureAwait(false));
}
