using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <param name="Title">As it was when this was decided: every attempt writes the same, so that what is on GitHub is known whichever attempt wrote it.</param>
/// <param name="Body">With its marker.</param>
public sealed record IssueCreation(long WorkItemId, string Title, string Body);

public sealed record IssueChange(long WorkItemId);

/// <param name="Body">Redacted and inert; its marker is the entry's key.</param>
/// <param name="ForItsRun">Without a run that goes on it is pointless, and left.</param>
public sealed record IssueComment(long WorkItemId, string Body, bool ForItsRun = false);

/// <summary>Which issue on GitHub a work item has and what that issue needs. The effects carry it out later, and look again: what is not wanted any more by then is left.</summary>
public static class ProposalIssues
{
    public const string Create = "issue.create";
    public const string Update = "issue.update";
    public const string Close = "issue.close";
    public const string Reopen = "issue.reopen";

    /// <summary>Payload <see cref="IssueComment"/>; the key of the entry is <c>kind:key</c> of a marker.</summary>
    public const string Comment = "issue.comment";

    /// <summary>A work item that is still open for work has an open issue.</summary>
    public static bool IsWanted(WorkItemState state) => state is not (WorkItemState.Done or WorkItemState.Rejected or WorkItemState.Closed);

    /// <summary>Queues what brings the issues of changed work items in line with them. Called once at the end of each transaction that changed any: nobody who changes an item has to think of it.</summary>
    internal static async Task FollowAsync(StoreTransaction tx, IReadOnlyCollection<WorkItemEntity> items, CancellationToken ct)
    {
        // Of what is known to have no issue the database is not asked.
        var repositoryIds = items.Where(i => i.Repository is not { Kind: not RepositoryKind.GitHub }).Select(i => i.RepositoryId).ToHashSet();
        var repositories = repositoryIds.Count == 0 ? [] : await tx.Db.Repositories.AsNoTracking().Where(r => r.Kind == RepositoryKind.GitHub && repositoryIds.Contains(r.Id)).ToDictionaryAsync(r => r.Id, ct).ConfigureAwait(false);
        if (repositories.Count == 0)
        {
            return;
        }

        var followed = items.Where(i => repositories.ContainsKey(i.RepositoryId)).ToList();
        var ids = followed.Select(i => i.Id).ToHashSet();
        var issues = await tx.Db.ProposalIssues.AsNoTracking().Where(p => ids.Contains(p.WorkItemId)).ToDictionaryAsync(p => p.WorkItemId, ct).ConfigureAwait(false);
        var creating = await tx.Db.Outbox.Where(o => o.Kind == Create && OutboxStates.Open.Contains(o.State) && ids.Contains(o.WorkItemId!.Value)).Select(o => o.WorkItemId!.Value).ToHashSetAsync(ct).ConfigureAwait(false);
        // What is not in the context yet comes into it, and so to its item.
        await tx.Db.Findings.AsTracking().Where(f => ids.Contains(f.WorkItemId!.Value)).LoadAsync(ct).ConfigureAwait(false);
        foreach (var item in followed)
        {
            var wanted = IsWanted(item.State);
            var text = ProposalText.Of(item);
            if (!issues.TryGetValue(item.Id, out var issue))
            {
                if (wanted && !creating.Contains(item.Id))
                {
                    var marked = text.Marked(item, ProposalText.MarkerOf(repositories[item.RepositoryId], item.Fingerprint));
                    await EnqueueAsync(tx, Create, item, new IssueCreation(item.Id, text.Title, marked), ct).ConfigureAwait(false);
                }

                continue;
            }

            if (wanted != issue.IsOpen)
            {
                await EnqueueAsync(tx, wanted ? Reopen : Close, item, new IssueChange(item.Id), ct).ConfigureAwait(false);
            }

            if (wanted && !text.IsAsWritten(issue))
            {
                await EnqueueAsync(tx, Update, item, new IssueChange(item.Id), ct).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A comment on the issue of a work item, once for each key.</summary>
    /// <param name="key"><c>kind:key</c> of a marker, e.g. <c>result:12</c>.</param>
    public static Task CommentAsync(StoreTransaction tx, long workItemId, string key, string body, CancellationToken ct, long? runId = null)
        => OutboxDispatcher.EnqueueAsync(tx, Comment, key, new IssueComment(workItemId, body), ct, workItemId, runId);

    private static Task EnqueueAsync<T>(StoreTransaction tx, string kind, WorkItemEntity item, T payload, CancellationToken ct)
        => OutboxDispatcher.EnqueueAsync(tx, kind, string.Create(CultureInfo.InvariantCulture, $"{kind}:{item.Id}:{item.Version}"), payload, ct, item.Id);
}
