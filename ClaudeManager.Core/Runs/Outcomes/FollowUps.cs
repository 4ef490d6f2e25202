using System.Globalization;
using ClaudeManager.Core.Agents.Mention;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs.Outcomes;

/// <summary>Starts a run that goes on with a published result, under the approval it was made by: its expiry, what is left of its budget, and <c>executor.maxAttempts</c> runs in all.</summary>
public sealed class FollowUps(ApprovalSeal seal, CurrentConfiguration configuration)
{
    /// <param name="item">Tracked, and in review.</param>
    /// <returns>Why none starts; null when one does.</returns>
    public async Task<string?> StartAsync(StoreTransaction tx, WorkItemEntity item, FollowUp followUp, CancellationToken ct)
    {
        var last = await tx.Db.Runs.Where(r => r.WorkItemId == item.Id && r.Branch == followUp.Branch).OrderByDescending(r => r.Id).FirstOrDefaultAsync(ct).ConfigureAwait(false);
        if (last is null)
        {
            return "The run that published it is not known any more.";
        }

        if (last.Agent == MentionRunner.Name)
        {
            return "the agent that opened it is to be answered there.";
        }

        var ceiling = configuration.Value.Executor.MaxAttempts;
        if (await tx.Db.Runs.CountAsync(r => r.ApprovalId == last.ApprovalId, ct).ConfigureAwait(false) >= ceiling)
        {
            return string.Create(CultureInfo.InvariantCulture, $"its approval has had all its {ceiling} runs (executor.maxAttempts).");
        }

        var approval = await tx.Db.Approvals.AsTracking().SingleAsync(a => a.Id == last.ApprovalId, ct).ConfigureAwait(false);
        if (await tx.Db.Runs.Where(r => r.ApprovalId == approval.Id).SumAsync(r => r.CostMicroUsd ?? 0, ct).ConfigureAwait(false) >= approval.BudgetMicroUsd)
        {
            return "the approved budget is spent.";
        }

        var before = approval.State;
        if (before == ApprovalStates.Fulfilled)
        {
            approval.State = ApprovalStates.Active;
        }

        if (seal.Check(approval, item, tx.Now) is { } problem)
        {
            approval.State = before;
            return problem;
        }

        var run = RunQueue.Enqueue(tx, item, approval);
        (run.WipCommit, run.PreviousRunId) = (followUp.Head, last.Id);
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        followUp.AttachTo(tx, run.Id);
        tx.Audit(new AuditRecord("run", "run.follow_up", "run", run.Id.ToString(CultureInfo.InvariantCulture), AuditSeverity.Medium,
            Details: new Dictionary<string, object?> { ["previous"] = last.Id, ["approval"] = approval.Id, ["head"] = followUp.Head, ["pull_request"] = followUp.PullRequest }));
        tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(run.State));
        return null;
    }
}
