using System.Globalization;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs.Outcomes;

/// <summary>What became of the pull requests we opened: merged, closed, found wrong by checks or reviewers. It looks at one as it is now, so the same news may come any number of times.</summary>
public sealed class PullRequestOutcomes(Store store, GitHubGateway gateway, FollowUps followUps, Redactor redactor, ILogger<PullRequestOutcomes> logger)
{
    /// <summary>Looks at every open one. One that fails is logged and leaves the others alone.</summary>
    public async Task PollAsync(OperationContext operation, CancellationToken ct)
    {
        using var lane = GitHubLanes.Begin(GitHubLane.Scan);
        foreach (var pull in await store.ReadAsync((db, token) => db.PullRequests.Where(p => p.State == PullRequestStates.Open).OrderBy(p => p.RunId).ToListAsync(token), ct).ConfigureAwait(false))
        {
            try
            {
                await HandleAsync(operation, pull, ct).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                Log.PullRequestNotHandled(logger, pull.Repository, pull.Number, fault);
            }
        }
    }

    public async Task HandleAsync(OperationContext operation, PullRequestEntity known, CancellationToken ct)
    {
        var repository = RepositoryName.Parse(known.Repository);
        if (await gateway.GetPullRequestAsync(repository, known.Number, ct).ConfigureAwait(false) is not { } pull)
        {
            // Nobody can delete a pull request: the repository is out of reach, which says nothing about the work.
            Log.PullRequestOutOfReach(logger, known.Repository, known.Number);
            return;
        }

        if (!pull.IsOpen)
        {
            await EndAsync(operation, known, pull, ct).ConfigureAwait(false);
            return;
        }

        var checks = await gateway.GetChecksAsync(repository, pull.HeadCommit, ct).ConfigureAwait(false);
        var wanted = await ChangesWantedAsync(repository, known, ct).ConfigureAwait(false);
        IReadOnlyList<GitHubCheck> failed = checks.Checks.Any(c => c.State == GitHubCheckState.Pending) ? [] : [.. checks.Checks.Where(c => c.State == GitHubCheckState.Failed)];
        var comments = wanted.Count == 0 ? [] : await gateway.ListReviewCommentsAsync(repository, known.Number, ct).ConfigureAwait(false);
        await store.WriteAsync(operation, async (tx, token) =>
        {
            var row = await tx.Db.PullRequests.AsTracking().SingleAsync(p => p.RunId == known.RunId, token).ConfigureAwait(false);
            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == known.WorkItemId, token).ConfigureAwait(false);
            if (row.State != PullRequestStates.Open || row.HeadCommit != known.HeadCommit)
            {
                return;
            }

            var state = checks.State is { } now ? ManagerJson.Name(now) : null;
            if (row.Checks != state)
            {
                (row.Checks, row.UpdatedAt) = (state, tx.Now);
                tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
            }

            FollowMergeability(tx, item, pull, NameOf(known));
            await RepairAsync(tx, row, item, pull, failed, wanted, comments, token).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
    }

    private static string NameOf(PullRequestEntity pull) => string.Create(CultureInfo.InvariantCulture, $"{pull.Repository}#{pull.Number}");

    /// <summary>Reviews that ask for changes, newer than those dealt with: each person's newest word, of people who may write. Anybody can review in a public repository.</summary>
    private async Task<IReadOnlyList<GitHubReview>> ChangesWantedAsync(RepositoryName repository, PullRequestEntity known, CancellationToken ct)
    {
        var wanted = new List<GitHubReview>();
        var newest = (await gateway.ListReviewsAsync(repository, known.Number, ct).ConfigureAwait(false))
            .Where(r => r is { State: "APPROVED" or "CHANGES_REQUESTED" or "DISMISSED", Author.Kind: GitHubAccountKind.User })
            .GroupBy(r => r.Author!.Login, StringComparer.OrdinalIgnoreCase).Select(g => g.MaxBy(r => r.Id)!);
        foreach (var review in newest.Where(r => r.State == "CHANGES_REQUESTED" && r.Id > known.LastReviewId))
        {
            if ((await gateway.GetPermissionAsync(repository, review.Author!.Login, ct).ConfigureAwait(false)).CanWrite)
            {
                wanted.Add(review);
            }
        }

        return wanted;
    }

    private static void FollowMergeability(StoreTransaction tx, WorkItemEntity item, GitHubPullRequest pull, string name)
    {
        if (pull.MergeableState == "dirty" && item.State == WorkItemState.Review)
        {
            WorkItemStateMachine.Move(tx, item, WorkItemState.Conflict, $"Pull request {name} does not merge cleanly into {pull.BaseBranch}.");
        }
        else if (pull.IsMergeable == true && item.State == WorkItemState.Conflict)
        {
            WorkItemStateMachine.Move(tx, item, WorkItemState.Review, $"Pull request {name} waits for your review.");
        }
    }

    /// <summary>Starts a follow-up run for what is wrong, once for each state of the branch and for each review, or says why it does not.</summary>
    private async Task RepairAsync(
        StoreTransaction tx, PullRequestEntity row, WorkItemEntity item, GitHubPullRequest pull, IReadOnlyList<GitHubCheck> failed, IReadOnlyList<GitHubReview> wanted, IReadOnlyList<GitHubReviewComment> comments, CancellationToken ct)
    {
        // Somebody else's commits on the branch: it is theirs now.
        if (item.State != WorkItemState.Review || pull.HeadCommit != row.HeadCommit)
        {
            return;
        }

        var repaired = failed.Count > 0 && (await FollowUp.ListAsync(tx.Db, item.Id, ct).ConfigureAwait(false)).Any(f => f.Head == row.HeadCommit);
        var repair = repaired ? [] : failed;
        if (repair.Count == 0 && wanted.Count == 0)
        {
            return;
        }

        var name = NameOf(row);
        var authors = wanted.Select(r => r.Author!.Login).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var text = FollowUpText.Of(name, repair, wanted, [.. comments.Where(c => c.Author is { } author && authors.Contains(author.Login))], redactor);
        var why = string.Join(" ", new[]
        {
            repair.Count > 0 ? $"Checks failed on {name}: {string.Join(", ", repair.Take(5).Select(c => InertText.Title(c.Name, 80)))}." : null,
            wanted.Count > 0 ? $"{string.Join(", ", authors)} asked for changes on {name}." : null,
        }.OfType<string>());
        var refused = await followUps.StartAsync(tx, item, new FollowUp(row.HeadBranch, row.HeadCommit, row.Number, text), ct).ConfigureAwait(false);
        var reason = refused is null ? why + " A follow-up run works on it." : $"{why} No follow-up run: {refused}";
        row.LastReviewId = Math.Max(row.LastReviewId, wanted.Select(r => r.Id).DefaultIfEmpty().Max());
        if (item.StateReason != reason)
        {
            item.StateReason = reason;
            WorkItemStateMachine.Touch(tx, item);
            tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
        }
    }

    /// <summary>Merged, or closed without.</summary>
    private Task EndAsync(OperationContext operation, PullRequestEntity known, GitHubPullRequest pull, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            var row = await tx.Db.PullRequests.AsTracking().SingleAsync(p => p.RunId == known.RunId, token).ConfigureAwait(false);
            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == known.WorkItemId, token).ConfigureAwait(false);
            if (row.State != PullRequestStates.Open)
            {
                return;
            }

            if (item.State == WorkItemState.Running)
            {
                // A follow-up has nothing to go on with any more. What is decided about the item waits for its end.
                await RequestCancelAsync(tx, item, token).ConfigureAwait(false);
                return;
            }

            (row.State, row.UpdatedAt) = (pull.IsMerged ? PullRequestStates.Merged : PullRequestStates.Closed, tx.Now);
            var id = item.Id.ToString(CultureInfo.InvariantCulture);
            tx.Audit(new AuditRecord("outcome", "pull_request." + row.State, "work_item", id, AuditSeverity.Medium, Details: new Dictionary<string, object?> { ["pull_request"] = row.Url, ["commit"] = pull.MergeCommit }));
            tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
            var waits = item.State is WorkItemState.Queued or WorkItemState.Parked && await IsFollowUpAsync(tx, item, token).ConfigureAwait(false);
            if (pull.IsMerged && item.State != WorkItemState.Done && WorkItemStateMachine.Allows(item.State, WorkItemState.Done))
            {
                var why = $"Pull request {NameOf(row)} was merged.";
                await WorkItemService.EndWaitingAsync(tx, item, why, token).ConfigureAwait(false);
                WorkItemStateMachine.Move(tx, item, WorkItemState.Done, why, AuditSeverity.Medium);
            }
            else if (!pull.IsMerged && (item.State is WorkItemState.Review or WorkItemState.Conflict || waits))
            {
                var why = $"Pull request {NameOf(row)} was closed without being merged.";
                await WorkItemService.EndWaitingAsync(tx, item, why, token).ConfigureAwait(false);
                WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, why, AuditSeverity.Medium);
            }
        }, ct);

    private static Task<bool> IsFollowUpAsync(StoreTransaction tx, WorkItemEntity item, CancellationToken ct)
        => tx.Db.Runs.AnyAsync(r => r.WorkItemId == item.Id && (r.State == RunState.Queued || r.State == RunState.Parked) && tx.Db.RunArtifacts.Any(a => a.RunId == r.Id && a.Kind == RunArtifacts.FollowUp), ct);

    private static async Task RequestCancelAsync(StoreTransaction tx, WorkItemEntity item, CancellationToken ct)
    {
        foreach (var run in await tx.Db.Runs.AsTracking().Where(r => r.WorkItemId == item.Id && r.State != RunState.Ended && r.CancelRequestedAt == null).ToListAsync(ct).ConfigureAwait(false))
        {
            if (await FollowUp.FindAsync(tx.Db, run.Id, ct).ConfigureAwait(false) is not null)
            {
                (run.CancelRequestedAt, run.CancelRequestedBy) = (tx.Now, tx.Operation.Actor);
                tx.Audit(new AuditRecord("run", "run.cancel_requested", "run", run.Id.ToString(CultureInfo.InvariantCulture), AuditSeverity.Medium));
                tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(run.State), "cancel requested");
            }
        }
    }
}
