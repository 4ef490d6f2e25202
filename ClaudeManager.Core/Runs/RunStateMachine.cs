using System.Globalization;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.Runs;

/// <summary>The only place where a run changes state: allowed transitions, one audit entry and one event with each.</summary>
public static class RunStateMachine
{
    private static readonly Dictionary<RunState, RunState[]> s_allowed = new()
    {
        [RunState.Queued] = [RunState.Preparing, RunState.Ended],
        [RunState.Preparing] = [RunState.Running, RunState.Verifying, RunState.Queued, RunState.Parked, RunState.Ended],
        [RunState.Running] = [RunState.Verifying, RunState.Queued, RunState.Parked, RunState.Ended],
        [RunState.Verifying] = [RunState.Publishing, RunState.Queued, RunState.Parked, RunState.Ended],
        [RunState.Publishing] = [RunState.Queued, RunState.Parked, RunState.Ended],
        [RunState.Parked] = [RunState.Queued, RunState.Preparing, RunState.Ended],
        [RunState.Ended] = [],
    };

    /// <summary>States in which a worker holds the run by lease.</summary>
    public static readonly IReadOnlyList<RunState> Active = [RunState.Preparing, RunState.Running, RunState.Verifying, RunState.Publishing];

    public static bool Allows(RunState from, RunState to) => s_allowed[from].Contains(to);

    /// <summary>Moves a tracked run on. The caller holds the lease, or takes a run nobody holds.</summary>
    public static void Move(StoreTransaction tx, RunEntity run, RunState to, string? detail = null, RunEndReason? reason = null)
    {
        var from = run.State;
        if (!Allows(from, to))
        {
            throw new InvalidOperationException($"Run {run.Id} cannot go from {from} to {to}.");
        }

        if (to == RunState.Ended != reason.HasValue)
        {
            throw new InvalidOperationException($"Run {run.Id}: a run ends by exactly one reason, and only an ended run has one.");
        }

        run.State = to;
        run.UpdatedAt = tx.Now;
        if (to is RunState.Ended or RunState.Queued or RunState.Parked)
        {
            run.LeaseOwner = null;
            run.LeaseExpiresAt = null;
        }

        if (to == RunState.Preparing)
        {
            // Of what it waited for.
            run.FailureClass = null;
        }

        if (to == RunState.Ended)
        {
            run.EndReason = reason;
            run.EndDetail = detail;
            run.EndedAt = tx.Now;
            tx.EndedRuns.Add(run);
        }

        tx.Audit(new AuditRecord(
            "run",
            "run." + (reason is { } r ? ManagerJson.Name(r) : ManagerJson.Name(to)),
            "run",
            run.Id.ToString(CultureInfo.InvariantCulture),
            AuditSeverity.Low,
            reason is null or RunEndReason.Completed or RunEndReason.NoChanges ? AuditResult.Success : reason == RunEndReason.PolicyBlocked ? AuditResult.Blocked : AuditResult.Failure,
            new Dictionary<string, object?> { ["from"] = ManagerJson.Name(from), ["attempt"] = run.Attempt, ["detail"] = detail }));
        tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(to), detail);
    }
}
