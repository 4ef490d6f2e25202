using System.Globalization;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>
/// What people do to an issue of ours, taken over into its work item: labels, closing, reopening, renaming. It looks at the issue as it is now and at who brought it there, so the same
/// change may be told any number of times: by the poll, by a webhook, after a crash. What was dealt with is remembered with the decision, in its transaction.
/// </summary>
public sealed class ProposalInbox(Store store, GitHubGateway gateway, LabelApproval approval, WorkItemService items)
{
    /// <summary>Of the comments that say why a label does not approve.</summary>
    public const string RefusedMarker = "refused";

    /// <summary>Looks at one issue.</summary>
    /// <returns>False when something of it has to wait, e.g. for the end of a run: look again later.</returns>
    public async Task<bool> HandleAsync(OperationContext operation, RepositoryName repository, int number, CancellationToken ct)
    {
        // Whoever asks for it: a person did something, which may be an approval.
        using var lane = GitHubLanes.Begin(GitHubLane.Interactive);
        var name = repository.ToString();
        var known = await store.ReadAsync((db, token) => db.ProposalIssues.Include(p => p.WorkItem).FirstOrDefaultAsync(p => p.Repository == name && p.Number == number, token), ct).ConfigureAwait(false);
        if (known is null)
        {
            return true;
        }

        if (await gateway.GetIssueAsync(repository, number, ct).ConfigureAwait(false) is not { } issue)
        {
            return await EndAsync(operation, known, WorkItemState.Closed, "Its issue was deleted.", known.LastEventId, deleted: true, ct).ConfigureAwait(false);
        }

        var events = await approval.EventsAsync(repository, number, ct).ConfigureAwait(false);
        var last = Math.Max(known.LastEventId, events.Count > 0 ? events[^1].Id : 0);
        if (last > known.LastEventId || issue.IsOpen != known.IsOpen)
        {
            return await TakeOverAsync(operation, known, issue, events, last, ct).ConfigureAwait(false);
        }

        return true;
    }

    private async Task<bool> TakeOverAsync(OperationContext operation, ProposalIssueEntity known, GitHubIssue issue, IReadOnlyList<GitHubIssueEvent> events, long last, CancellationToken ct)
    {
        if (!issue.IsOpen && known.IsOpen)
        {
            var by = events.LastOrDefault(e => e.Kind == "closed")?.Actor;
            // A bot that tidies up says nothing about the work.
            return issue.StateReason is "not_planned" or "duplicate" && by is { Kind: GitHubAccountKind.User }
                ? await EndAsync(As(operation, by), known, WorkItemState.Rejected, $"Closed as not planned by {LabelApproval.ApproverPrefix}{by.Login}.", last, deleted: false, ct).ConfigureAwait(false)
                : await EndAsync(As(operation, by), known, WorkItemState.Closed, $"Its issue was closed by {Name(by)}.", last, deleted: false, ct).ConfigureAwait(false);
        }

        if (issue.IsOpen && !known.IsOpen)
        {
            await ReopenedAsync(operation, known, events.LastOrDefault(e => e.Kind == "reopened")?.Actor, ct).ConfigureAwait(false);
        }

        var label = LabelApproval.SetBy(issue, events);
        if (label is not null && label.Id > known.LastEventId && issue.IsOpen)
        {
            return await LabelledAsync(operation, known, issue, label, events, last, ct).ConfigureAwait(false);
        }

        var unlabelled = label is null ? events.LastOrDefault(e => e.Kind == "unlabeled" && LabelApproval.IsApproval(e)) : null;
        var renamed = label is null ? null : events.LastOrDefault(e => e.Kind == "renamed" && e.Id > label.Id);
        await store.WriteAsync(As(operation, unlabelled?.Actor ?? renamed?.Actor), async (tx, token) =>
        {
            if (unlabelled?.Id > known.LastEventId)
            {
                await WithdrawAsync(tx, known.WorkItemId, $"{Name(unlabelled.Actor)} took the label {ProposalLabels.Approved} off.", token).ConfigureAwait(false);
            }
            else if (renamed?.Id > known.LastEventId)
            {
                await WithdrawAsync(tx, known.WorkItemId, $"Changed since proposal: {Name(renamed.Actor)} renamed the issue after it was approved.", token).ConfigureAwait(false);
            }

            await RememberAsync(tx, known.WorkItemId, last, null, token).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> LabelledAsync(OperationContext operation, ProposalIssueEntity known, GitHubIssue issue, GitHubIssueEvent label, IReadOnlyList<GitHubIssueEvent> events, long last, CancellationToken ct)
    {
        var item = await store.ReadAsync((db, token) => db.WorkItems.SingleAsync(w => w.Id == known.WorkItemId, token), ct).ConfigureAwait(false);
        if (item.State is WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Running or WorkItemState.Parked or WorkItemState.Review)
        {
            // Decided already, e.g. in the dashboard.
            await store.WriteAsync(operation, (tx, token) => RememberAsync(tx, item.Id, last, null, token), ct).ConfigureAwait(false);
            return true;
        }

        if (await approval.ProblemAsync(known, label, events, ct).ConfigureAwait(false) is { } problem)
        {
            await RefuseAsync(operation, item.Id, label, problem, last, ct).ConfigureAwait(false);
            return true;
        }

        if (!ProposalText.Of(item).IsAsWritten(known))
        {
            // The finding has changed; the issue is about to say so.
            await RefuseAsync(operation, item.Id, label, "Changed since proposal: the code has moved on, and the issue is being brought up to date.", last, ct).ConfigureAwait(false);
            return true;
        }

        var agent = ProposalLabels.AgentOf(issue.Labels);
        var previewed = await items.BindableAsync(item.Id, agent, ct).ConfigureAwait(false);
        var refusal = previewed.Refusal;
        if (previewed.Value is { Preview: var preview })
        {
            var program = preview.Agents.FirstOrDefault(a => a.Name == (agent ?? preview.DefaultAgent))?.Program;
            refusal = (await items.ApproveAsync(As(operation, label.Actor), item.Id, new ApproveRequest(item.Version, preview.PromptSha256, agent, ProgramSha256: program?.Sha256), ct, (tx, token) => RememberAsync(tx, item.Id, last, null, token)).ConfigureAwait(false)).Refusal;
        }

        switch (refusal)
        {
            case null:
                return true;
            case { Code: "stale_version" or "prompt_changed" or "program_changed" }:
                // Somebody was at it in this moment.
                return false;
            case { Kind: RefusalKind.Unavailable } or { Code: "not_scanned" }:
                await SayAsync(operation, item.Id, $"waiting:{item.Id.ToString(CultureInfo.InvariantCulture)}/{label.Id.ToString(CultureInfo.InvariantCulture)}", $"The approval by {Mention(label.Actor)} waits: {InertText.Code(refusal.Message)} It is tried again until it can start.", ct).ConfigureAwait(false);
                return false;
            default:
                await RefuseAsync(operation, item.Id, label, $"{refusal.Message} {refusal.Fix}".Trim(), last, ct).ConfigureAwait(false);
                return true;
        }
    }

    /// <summary>Tells the person, once, and everybody else by the item and the audit.</summary>
    private Task RefuseAsync(OperationContext operation, long itemId, GitHubIssueEvent label, string why, long last, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == itemId, token).ConfigureAwait(false);
            item.StateReason = InertText.Title($"The label of {Name(label.Actor)} does not approve it. {why}", 2000);
            WorkItemStateMachine.Touch(tx, item);
            var id = itemId.ToString(CultureInfo.InvariantCulture);
            tx.Audit(new AuditRecord("approval", "approval.refused", "work_item", id, AuditSeverity.Medium, AuditResult.Failure, new Dictionary<string, object?> { ["by"] = label.Actor?.Login, ["event"] = label.Id, ["reason"] = why }));
            tx.Publish("work_item.changed", "work_item", itemId, ManagerJson.Name(item.State), item.Title);
            await ProposalIssues.CommentAsync(tx, itemId, $"{RefusedMarker}:{id}/{label.Id.ToString(CultureInfo.InvariantCulture)}",
                $"{Mention(label.Actor)} the label `{ProposalLabels.Approved}` does not approve this: {InertText.Code(why)}", token).ConfigureAwait(false);
            await RememberAsync(tx, itemId, last, null, token).ConfigureAwait(false);
        }, ct);

    private Task SayAsync(OperationContext operation, long itemId, string key, string body, CancellationToken ct)
        => store.WriteAsync(operation, (tx, token) => ProposalIssues.CommentAsync(tx, itemId, key, body, token), ct);

    /// <summary>A person, or GitHub, has closed the issue.</summary>
    private Task<bool> EndAsync(OperationContext operation, ProposalIssueEntity known, WorkItemState to, string why, long last, bool deleted, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            if (await IsOursAsync(tx, known.WorkItemId, ProposalIssues.Close, token).ConfigureAwait(false))
            {
                return true;
            }

            var item = await tx.Db.WorkItems.AsTracking().Include(w => w.Findings).SingleAsync(w => w.Id == known.WorkItemId, token).ConfigureAwait(false);
            if (item.State == WorkItemState.Running)
            {
                foreach (var run in await tx.Db.Runs.AsTracking().Where(r => r.WorkItemId == item.Id && r.State != RunState.Ended && r.CancelRequestedAt == null).ToListAsync(token).ConfigureAwait(false))
                {
                    (run.CancelRequestedAt, run.CancelRequestedBy) = (tx.Now, operation.Actor);
                    tx.Audit(new AuditRecord("run", "run.cancel_requested", "run", run.Id.ToString(CultureInfo.InvariantCulture), AuditSeverity.Medium));
                    tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(run.State), "cancel requested");
                }

                return false;
            }

            if (ProposalIssues.IsWanted(item.State))
            {
                var end = to == WorkItemState.Closed && item.State == WorkItemState.Review && !deleted ? WorkItemState.Done : to;
                await WorkItemService.EndWaitingAsync(tx, item, why, token).ConfigureAwait(false);
                item.RejectedTextHash = end == WorkItemState.Rejected ? item.Says() : item.RejectedTextHash;
                WorkItemStateMachine.Move(tx, item, end, why, AuditSeverity.Medium);
            }

            await RememberAsync(tx, item.Id, last, deleted ? null : false, token).ConfigureAwait(false);
            if (deleted && await tx.Db.ProposalIssues.AsTracking().FirstOrDefaultAsync(p => p.WorkItemId == item.Id, token).ConfigureAwait(false) is { } gone)
            {
                tx.Db.ProposalIssues.Remove(gone);
            }

            return true;
        }, ct);

    private Task ReopenedAsync(OperationContext operation, ProposalIssueEntity known, GitHubAccount? by, CancellationToken ct)
        => store.WriteAsync(As(operation, by), async (tx, token) =>
        {
            if (await IsOursAsync(tx, known.WorkItemId, ProposalIssues.Reopen, token).ConfigureAwait(false))
            {
                return;
            }

            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == known.WorkItemId, token).ConfigureAwait(false);
            if (!ProposalIssues.IsWanted(item.State))
            {
                item.RejectedTextHash = null;
                WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, $"Its issue was reopened by {Name(by)}.", AuditSeverity.Medium);
            }

            await RememberAsync(tx, item.Id, known.LastEventId, true, token).ConfigureAwait(false);
        }, ct);

    /// <summary>Ends an approval that came from the label, if its run has not started. A run that has is stopped before it publishes.</summary>
    private static async Task WithdrawAsync(StoreTransaction tx, long itemId, string why, CancellationToken ct)
    {
        var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == itemId, ct).ConfigureAwait(false);
        var active = await tx.Db.Approvals.FirstOrDefaultAsync(a => a.WorkItemId == itemId && a.State == ApprovalStates.Active, ct).ConfigureAwait(false);
        if (item.State is WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Parked && active is not null && LabelApproval.IsByLabel(active))
        {
            await WorkItemService.EndWaitingAsync(tx, item, why, ct).ConfigureAwait(false);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, why, AuditSeverity.Medium);
        }
    }

    /// <summary>True while an effect of ours is about to record the same: it knows more.</summary>
    private static Task<bool> IsOursAsync(StoreTransaction tx, long itemId, string kind, CancellationToken ct)
        => tx.Db.Outbox.AnyAsync(o => o.WorkItemId == itemId && o.Kind == kind && OutboxStates.Open.Contains(o.State) && o.Attempt > 0, ct);

    private static async Task RememberAsync(StoreTransaction tx, long itemId, long lastEvent, bool? isOpen, CancellationToken ct)
    {
        if (await tx.Db.ProposalIssues.AsTracking().FirstOrDefaultAsync(p => p.WorkItemId == itemId, ct).ConfigureAwait(false) is { } issue)
        {
            issue.LastEventId = Math.Max(issue.LastEventId, lastEvent);
            issue.IsOpen = isOpen ?? issue.IsOpen;
            issue.UpdatedAt = tx.Now;
        }
    }

    private static OperationContext As(OperationContext operation, GitHubAccount? person) => person is null ? operation : operation with { Actor = LabelApproval.ApproverPrefix + person.Login };

    private static string Name(GitHubAccount? account) => account is null ? "a deleted account" : LabelApproval.ApproverPrefix + account.Login;

    private static string Mention(GitHubAccount? account) => account is { Kind: GitHubAccountKind.User } ? $"@{account.Login}:" : "";
}
