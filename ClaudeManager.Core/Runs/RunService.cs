using System.Globalization;
using System.Text;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Runs.Outcomes;
using ClaudeManager.Core.Verification;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs;

/// <summary>Artifacts of a run by name.</summary>
public static class RunArtifacts
{
    public const string Patch = "patch";
    public const string Diff = "diff";
    public const string Bundle = "bundle";
    public const string Session = "session";

    /// <summary>JSON of <see cref="Outcomes.FollowUp"/>.</summary>
    public const string FollowUp = "follow_up";
}

/// <summary>What people do with runs: look, follow, cancel, try again, go on.</summary>
public sealed class RunService(Store store, ApprovalSeal seal)
{
    public Task<Page<RunDto>> ListAsync(IReadOnlyList<RunState> states, long? workItemId, int skip, int take, CancellationToken ct)
        => store.ReadSnapshotAsync(async (db, token) =>
        {
            var query = db.Runs.Include(r => r.WorkItem!.Repository).AsQueryable();
            if (states.Count > 0)
            {
                query = query.Where(r => states.Contains(r.State));
            }

            if (workItemId is { } id)
            {
                query = query.Where(r => r.WorkItemId == id);
            }

            var total = await query.CountAsync(token).ConfigureAwait(false);
            var runs = await query.OrderByDescending(r => r.Id).Skip(skip).Take(take).ToListAsync(token).ConfigureAwait(false);
            var pulls = await PullRequestViews.ListAsync(db, runs, token).ConfigureAwait(false);
            return new Page<RunDto>([.. runs.Select(r => r.ToDto(pulls[(r.WorkItemId, r.Branch)].FirstOrDefault()))], total);
        }, ct);

    public Task<Outcome<RunDetailDto>> GetAsync(long id, CancellationToken ct)
        => store.ReadAsync<Outcome<RunDetailDto>>(async (db, token) =>
        {
            var run = await db.Runs.Include(r => r.WorkItem!.Repository).FirstOrDefaultAsync(r => r.Id == id, token).ConfigureAwait(false);
            if (run is null)
            {
                return Refusal.NotFound("run", id);
            }

            var prompt = await db.Approvals.Where(a => a.Id == run.ApprovalId).Select(a => a.Prompt).SingleAsync(token).ConfigureAwait(false);
            var followUp = await FollowUp.FindAsync(db, id, token).ConfigureAwait(false);
            var pull = await PullRequestViews.FindAsync(db, run, token).ConfigureAwait(false);
            var diff = await db.RunArtifacts.Where(a => a.RunId == id && a.Kind == RunArtifacts.Diff).Select(a => a.Content).FirstOrDefaultAsync(token).ConfigureAwait(false);
            return new RunDetailDto(
                run.ToDto(pull?.ToDto()),
                run.BaseCommit,
                run.SessionStarted ? run.SessionId.ToString() : null,
                prompt + followUp?.Text,
                RunViews.Parse<VerificationReceiptDto>(run.Receipt),
                RunViews.Parse<DiffGateDto>(run.Gate),
                RunViews.Parse<DiffDto>(diff is null ? null : Encoding.UTF8.GetString(diff)),
                run.WipCommit,
                run.WipAt,
                await AuditReader.HistoryAsync(db, "run", id.ToString(CultureInfo.InvariantCulture), token).ConfigureAwait(false));
        }, ct);

    public Task<IReadOnlyList<RunEventDto>> EventsAsync(long id, long after, int take, CancellationToken ct)
        => store.ReadAsync<IReadOnlyList<RunEventDto>>(async (db, token) =>
            [.. (await db.RunEvents.Where(e => e.RunId == id && e.Seq > after).OrderBy(e => e.Seq).Take(take).ToListAsync(token).ConfigureAwait(false)).Select(e => e.ToDto())], ct);

    /// <summary>The result as a patch, or null when there is none.</summary>
    public Task<byte[]?> PatchAsync(long id, CancellationToken ct)
        => store.ReadAsync((db, token) => db.RunArtifacts.Where(a => a.RunId == id && a.Kind == RunArtifacts.Patch).Select(a => (byte[]?)a.Content).FirstOrDefaultAsync(token), ct);

    /// <summary>Asks the run's worker to stop; a run nobody holds ends at once.</summary>
    public async Task<Outcome<RunDetailDto>> CancelAsync(OperationContext operation, long id, CancellationToken ct)
    {
        var refusal = await store.WriteAsync(operation, async (tx, token) =>
        {
            await tx.Db.LockClaimsAsync(store.Time, token).ConfigureAwait(false);
            var run = await tx.Db.Runs.AsTracking().Include(r => r.WorkItem).FirstOrDefaultAsync(r => r.Id == id, token).ConfigureAwait(false);
            if (run is null)
            {
                return Refusal.NotFound("run", id);
            }

            if (run.State == RunState.Ended)
            {
                return Refusal.Conflict(ErrorCodes.AlreadyEnded, $"The run has ended: {ManagerJson.Name(run.EndReason!.Value)}.");
            }

            if (run.CancelRequestedAt is null)
            {
                run.CancelRequestedAt = tx.Now;
                run.CancelRequestedBy = operation.Actor;
                tx.Audit(new AuditRecord("run", "run.cancel_requested", "run", id.ToString(CultureInfo.InvariantCulture), AuditSeverity.Medium));
                tx.Publish("run.changed", "run", id, ManagerJson.Name(run.State), "cancel requested");
            }

            if (run.LeaseOwner is null)
            {
                RunStateMachine.Move(tx, run, RunState.Ended, $"Cancelled by {operation.Actor}.", RunEndReason.Cancelled);
                WorkItemStateMachine.Move(tx, run.WorkItem!, WorkItemState.Proposed, $"Run {id.ToString(CultureInfo.InvariantCulture)} was cancelled by {operation.Actor}.");
            }

            return null;
        }, ct).ConfigureAwait(false);
        return refusal is null ? await GetAsync(id, ct).ConfigureAwait(false) : refusal;
    }

    /// <summary>A new run of the same item under the same approval: from the base again, or going on from the old run's last snapshot and session.</summary>
    public Task<Outcome<AcceptedDto>> AgainAsync(OperationContext operation, long id, bool resume, CancellationToken ct)
        => store.WriteAsync<Outcome<AcceptedDto>>(operation, async (tx, token) =>
        {
            var old = await tx.Db.Runs.Include(r => r.WorkItem!.Repository).Include(r => r.WorkItem!.Findings).AsTracking().FirstOrDefaultAsync(r => r.Id == id, token).ConfigureAwait(false);
            if (old is null)
            {
                return Refusal.NotFound("run", id);
            }

            if (old.State == RunState.Parked)
            {
                old.NotBefore = null;
                if (old.FailureClass == FailureClass.Budget)
                {
                    // Who resumes it says that the usage limit is lifted: others that were parked by it hold nobody back any more either.
                    await tx.Db.Runs.Where(r => r.State == RunState.Parked && r.Agent == old.Agent && r.FailureClass == FailureClass.Budget && r.Id != id)
                        .ExecuteUpdateAsync(u => u.SetProperty(r => r.FailureClass, (FailureClass?)null), token).ConfigureAwait(false);
                }

                tx.Audit(new AuditRecord("run", "run.unparked", "run", id.ToString(CultureInfo.InvariantCulture)));
                tx.Publish("run.changed", "run", id, ManagerJson.Name(old.State));
                return new AcceptedDto(Location(id), id, null);
            }

            if (old.State != RunState.Ended)
            {
                return Refusal.Conflict(ErrorCodes.StillRunning, $"The run is {ManagerJson.Name(old.State)}.", "Wait for its end, or cancel it.");
            }

            if (resume && old.WipCommit is null)
            {
                return Refusal.Conflict(ErrorCodes.NothingToResume, "The run left no work behind.", "Retry it from the base.");
            }

            var item = old.WorkItem!;
            if (item.State is WorkItemState.Queued or WorkItemState.Running or WorkItemState.Approved)
            {
                return Refusal.Conflict(ErrorCodes.AlreadyQueued, $"The work item is {ManagerJson.Name(item.State)} already.");
            }

            var approval = await tx.Db.Approvals.AsTracking().SingleAsync(a => a.Id == old.ApprovalId, token).ConfigureAwait(false);
            if (seal.Check(approval, item, tx.Now) is { } problem)
            {
                return Refusal.Conflict(ErrorCodes.ApprovalNotValid, problem, "Approve the work item again.");
            }

            if (item.State is not (WorkItemState.Review or WorkItemState.Conflict or WorkItemState.Parked))
            {
                if (item.State != WorkItemState.Proposed)
                {
                    return Refusal.Conflict(ErrorCodes.NotOpen, $"The work item is {ManagerJson.Name(item.State)}.", "Reopen it first.");
                }

                WorkItemStateMachine.Move(tx, item, WorkItemState.Approved, null);
            }

            var run = RunQueue.Enqueue(tx, item, approval, resume ? old : null);
            if (resume && old.Branch is null && RunViews.Parse<VerificationReceiptDto>(old.Receipt) is { } receipt && receipt.Verdict != Verifier.Failed && RunViews.Parse<DiffGateDto>(old.Gate) is { Passed: true })
            {
                // Only its publication failed: the agent need not work again.
                (run.ResultCommit, run.DiffHash) = (old.ResultCommit, old.DiffHash);
            }

            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            if (resume)
            {
                (await FollowUp.FindAsync(tx.Db, id, token).ConfigureAwait(false))?.AttachTo(tx, run.Id);
            }

            tx.Audit(new AuditRecord("run", resume ? "run.resumed" : "run.retried", "run", run.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["previous"] = id }));
            tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(run.State));
            return new AcceptedDto(Location(run.Id), run.Id, null);
        }, ct);

    /// <summary>Lets a result through that the diff gate blocked: a new run of the same approval that goes straight to verification, under the name of who decided.</summary>
    public Task<Outcome<AcceptedDto>> LiftBlockAsync(OperationContext operation, long id, LiftBlockRequest request, CancellationToken ct)
        => store.WriteAsync<Outcome<AcceptedDto>>(operation, async (tx, token) =>
        {
            if (string.IsNullOrWhiteSpace(request.Reason) || request.Reason.Length > 2000)
            {
                return Refusal.Invalid("reason", "Letting a blocked diff through needs a reason of 1 to 2000 characters.", "Say why it is safe.");
            }

            var old = await tx.Db.Runs.Include(r => r.WorkItem).FirstOrDefaultAsync(r => r.Id == id, token).ConfigureAwait(false);
            if (old is null)
            {
                return Refusal.NotFound("run", id);
            }

            if (old is not { State: RunState.Ended, EndReason: RunEndReason.PolicyBlocked, ResultCommit: not null } || RunViews.Parse<DiffGateDto>(old.Gate) is not { Passed: false })
            {
                return Refusal.Conflict(ErrorCodes.NotBlocked, "The diff gate did not block this run.");
            }

            var item = old.WorkItem!;
            if (item.State is not (WorkItemState.Proposed or WorkItemState.Review) || item.LatestRunId != id)
            {
                return Refusal.Conflict(ErrorCodes.NotOpen, $"The work item is {ManagerJson.Name(item.State)}, or another run came after this one.", "Look at its newest run.");
            }

            var approval = await tx.Db.Approvals.SingleAsync(a => a.Id == old.ApprovalId, token).ConfigureAwait(false);
            if (seal.Check(approval, item, tx.Now) is { } problem)
            {
                return Refusal.Conflict(ErrorCodes.ApprovalNotValid, problem, "Approve the work item again.");
            }

            if (item.State == WorkItemState.Proposed)
            {
                WorkItemStateMachine.Move(tx, item, WorkItemState.Approved, null);
            }

            var run = RunQueue.Enqueue(tx, item, approval, old);
            run.ResultCommit = old.ResultCommit;
            run.DiffHash = old.DiffHash;
            run.GateLiftedBy = operation.Actor;
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            (await FollowUp.FindAsync(tx.Db, id, token).ConfigureAwait(false))?.AttachTo(tx, run.Id);
            tx.Audit(new AuditRecord("publish", "run.block_lifted", "run", run.Id.ToString(CultureInfo.InvariantCulture), AuditSeverity.High, Details: new Dictionary<string, object?> { ["previous"] = id, ["reason"] = request.Reason, ["gate"] = old.Gate }));
            tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(run.State));
            return new AcceptedDto(Location(run.Id), run.Id, null);
        }, ct);

    private static string Location(long id) => string.Create(CultureInfo.InvariantCulture, $"/api/v1/runs/{id}");
}
