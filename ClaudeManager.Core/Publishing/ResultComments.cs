using System.Globalization;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Publishing;

/// <summary>Says on the issue how a run ended and why. Called once at the end of each transaction that ended any run, so that nobody who ends one has to think of it.</summary>
internal static class ResultComments
{
    private const int LongestDetail = 8000;

    public static async Task FollowAsync(StoreTransaction tx, IReadOnlyCollection<RunEntity> ended, CancellationToken ct)
    {
        // One that never started has done nothing to be told of: the item itself says why it waits again.
        foreach (var run in ended.Where(r => r.StartedAt is not null && r.WorkItem?.Repository is not { Kind: not RepositoryKind.GitHub }).OrderBy(r => r.Id))
        {
            // Where GitHub or the store was away the issue may still be to come; what is to happen for one item happens in order.
            if (await tx.Db.ProposalIssues.AnyAsync(p => p.WorkItemId == run.WorkItemId, ct).ConfigureAwait(false)
                || await tx.Db.Outbox.AnyAsync(o => o.WorkItemId == run.WorkItemId && o.Kind == ProposalIssues.Create && OutboxStates.Open.Contains(o.State), ct).ConfigureAwait(false))
            {
                var item = await tx.Db.WorkItems.SingleAsync(w => w.Id == run.WorkItemId, ct).ConfigureAwait(false);
                var pull = await PullRequestViews.FindAsync(tx.Db, run, ct).ConfigureAwait(false);
                await ProposalIssues.CommentAsync(tx, run.WorkItemId, string.Create(CultureInfo.InvariantCulture, $"result:{run.Id}"), TextOf(run, item, pull), ct, run.Id).ConfigureAwait(false);
            }
        }
    }

    private static string TextOf(RunEntity run, WorkItemEntity item, PullRequestEntity? pull)
    {
        var body = new StringBuilder();
        if (run.EndReason == RunEndReason.Completed)
        {
            body.Append(CultureInfo.InvariantCulture, $"Run {run.Id} is done{(pull is null ? "" : $": {pull.Url} waits for review")}.\n\n");
            if (item.State == WorkItemState.Conflict)
            {
                body.Append("It does not merge cleanly: the branch it goes to has moved on.\n\n");
            }

            PullRequestText.Checked(body, run);
        }
        else
        {
            body.Append(CultureInfo.InvariantCulture, $"Run {run.Id} ended: **{ManagerJson.Name(run.EndReason!.Value).Replace('_', ' ')}**.\n\n");
            var detail = run.EndDetail ?? "No reason was given.";
            body.Append(InertText.Fence(detail.Length <= LongestDetail ? detail : "… " + detail[^LongestDetail..], "text")).Append("\n\n");
        }

        body.Append(CultureInfo.InvariantCulture, $"- Agent: {InertText.Code(run.Agent)}{(run is { StartedAt: { } started, EndedAt: { } over } ? string.Create(CultureInfo.InvariantCulture, $", {(over - started).TotalMinutes:0.0} minutes") : "")}\n");
        body.Append(CultureInfo.InvariantCulture, $"- Cost: {PullRequestText.Cost(run)}\n");
        if (item.State == WorkItemState.Proposed)
        {
            body.Append(CultureInfo.InvariantCulture, $"\nIt waits for a decision again. To approve another run by label, take `{ProposalLabels.Approved}` off and set it anew.\n");
        }

        return body.ToString();
    }
}
