using System.Globalization;
using System.Runtime.CompilerServices;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs;

/// <summary>A run in hand: everything its worker needs, read in the claim's own transaction.</summary>
public sealed record ClaimedRun(Lease Lease, RunEntity Run, WorkItemEntity Item, RepositoryEntity Repository, ApprovalEntity Approval)
{
    public OperationSubject Subject => new(Item.CorrelationId, Item.Id, Repository.Name, Run.Id, Run.Attempt);
}

/// <summary>
/// The database is the queue. Claims are serial (an advisory lock, or SQLite's write gate), because each must see every gate of <see cref="RunGates"/>;
/// they are rare, so that costs nothing. At least one delivery, exactly one effect: every write of a holder is fenced by owner and attempt.
/// </summary>
public sealed class RunQueue(Store store, ApprovalSeal seal, CurrentConfiguration configuration)
{
    private const int CandidatesPerRepository = 50;

    /// <summary>More than any score.</summary>
    private const double PinnedBonus = 100;

    /// <summary>Turns are counted over this time.</summary>
    private static readonly TimeSpan s_turns = TimeSpan.FromHours(1);

    /// <summary>Puts an approved item into the queue, in the transaction of its approval or retry.</summary>
    public static RunEntity Enqueue(StoreTransaction tx, WorkItemEntity item, ApprovalEntity approval, RunEntity? resumes = null)
    {
        var run = new RunEntity
        {
            WorkItemId = item.Id,
            WorkItem = item,
            RepositoryId = item.RepositoryId,
            ApprovalId = approval.Id,
            Agent = approval.Agent,
            State = RunState.Queued,
            Score = ScoreOf(item),
            BaseCommit = approval.BaseCommit,
            SessionId = resumes?.SessionId ?? Guid.CreateVersion7(tx.Now),
            SessionStarted = resumes?.SessionStarted ?? false,
            WipCommit = resumes?.WipCommit,
            PreviousRunId = resumes?.Id,
            CreatedAt = tx.Now,
            UpdatedAt = tx.Now,
        };
        tx.Db.Runs.Add(run);
        if (item.State != WorkItemState.Queued)
        {
            WorkItemStateMachine.Move(tx, item, WorkItemState.Queued, null);
        }

        return run;
    }

    /// <summary>Claims go by this: a pinned item before every other.</summary>
    public static double ScoreOf(WorkItemEntity item) => item.Score + (item.Pinned ? PinnedBonus : 0);

    /// <summary>Whether anything might be claimed: a read, so that an idle worker takes no lock.</summary>
    public Task<bool> HasWaitingAsync(CancellationToken ct)
    {
        var now = store.Time.GetUtcNow();
        return RunWindow.NextStart(configuration.Value.Executor.Windows, now) is not null ? Task.FromResult(false) : store.ReadAsync((db, token) => db.Runs.AnyAsync(r => (r.State == RunState.Queued || r.State == RunState.Parked) && (r.NotBefore == null || r.NotBefore <= now), token), ct);
    }

    /// <summary>Takes the first run all of whose gates are open; null when there is none.</summary>
    /// <param name="canRun">Which agents this worker can run, by name.</param>
    /// <param name="inHand">Runs this worker has not let go of yet: their directories are still in use.</param>
    public Task<ClaimedRun?> ClaimAsync(OperationContext operation, string owner, Func<string, bool> canRun, IReadOnlyCollection<long> inHand, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            await tx.Db.LockClaimsAsync(token).ConfigureAwait(false);
            var now = await tx.Db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var current = configuration.Value;
            var facts = await GateFacts.ReadAsync(tx.Db, current, now, token).ConfigureAwait(false);
            if (facts.ActiveRuns >= current.Executor.MaxConcurrentRuns)
            {
                return null;
            }

            await foreach (var run in CandidatesAsync(tx.Db, facts, inHand, now, token).ConfigureAwait(false))
            {
                var approval = await tx.Db.Approvals.SingleAsync(a => a.Id == run.ApprovalId, token).ConfigureAwait(false);
                var item = run.WorkItem!;
                var verdict = seal.Check(approval, item, now);
                if (verdict is not null)
                {
                    // Asked again rather than left lying: the person sees why.
                    RunStateMachine.Move(tx, run, RunState.Ended, verdict, RunEndReason.PolicyBlocked);
                    approval.State = approval.ExpiresAt <= now ? ApprovalStates.Expired : ApprovalStates.Stale;
                    approval.StateReason = verdict;
                    WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, verdict);
                    continue;
                }

                if (!canRun(run.Agent) || RunGates.Evaluate(item, run, approval, null, AgentReady.Yes, facts).Any(g => !g.Open))
                {
                    continue;
                }

                run.Attempt++;
                run.LeaseOwner = owner;
                run.LeaseExpiresAt = now + Lease.Duration;
                run.NotBefore = null;
                run.StartedAt ??= now;
                RunStateMachine.Move(tx, run, RunState.Preparing);
                if (item.State != WorkItemState.Running)
                {
                    WorkItemStateMachine.Move(tx, item, WorkItemState.Running, null);
                }

                item.LatestRunId = run.Id;
                return new ClaimedRun(new Lease(run.Id, owner, run.Attempt), run, item, item.Repository!, approval);
            }

            return null;
        }, ct);

    /// <summary>
    /// What may start, in the order it is asked: pinned work; then by turns, so that a thousand good items of one repository keep no other waiting: the repository with the fewest starts
    /// within the last hour first, of equals the one with the better head; within a repository by score, then age. Repositories in which a run is active are not asked.
    /// </summary>
    private static async IAsyncEnumerable<RunEntity> CandidatesAsync(ManagerDbContext db, GateFacts facts, IReadOnlyCollection<long> inHand, DateTimeOffset now, [EnumeratorCancellation] CancellationToken ct)
    {
        var busy = facts.BusyRepositories.Keys.ToList();
        var waiting = db.Runs.Where(r => (r.State == RunState.Queued || r.State == RunState.Parked) && (r.NotBefore == null || r.NotBefore <= now) && r.CancelRequestedAt == null
            && !inHand.Contains(r.Id) && !busy.Contains(r.RepositoryId));
        var heads = await waiting.GroupBy(r => r.RepositoryId).Select(g => new { Repository = g.Key, Score = g.Max(r => r.Score), Oldest = g.Min(r => r.Id) }).ToListAsync(ct).ConfigureAwait(false);
        var since = now - s_turns;
        var turns = heads.Count < 2 ? [] : await db.Runs.Where(r => r.StartedAt >= since).GroupBy(r => r.RepositoryId).Select(g => new { g.Key, Count = g.Count() })
            .ToDictionaryAsync(g => g.Key, g => g.Count, ct).ConfigureAwait(false);
        foreach (var head in heads.OrderByDescending(h => h.Score >= PinnedBonus).ThenBy(h => turns.GetValueOrDefault(h.Repository)).ThenByDescending(h => h.Score).ThenBy(h => h.Oldest))
        {
            // The best one nearly always starts, so the others are read only when it does not.
            var best = waiting.AsTracking().Where(r => r.RepositoryId == head.Repository).OrderByDescending(r => r.Score).ThenBy(r => r.Id)
                .Include(r => r.WorkItem!.Repository).Include(r => r.WorkItem!.Findings);
            foreach (var (from, to) in ((int, int)[])[(0, 1), (1, CandidatesPerRepository)])
            {
                foreach (var run in await best.Skip(from).Take(to - from).ToListAsync(ct).ConfigureAwait(false))
                {
                    yield return run;
                }
            }
        }
    }

    /// <summary>Renews a lease; an expired one too, while owner and attempt still match. Synchronous: it runs on a thread of its own, so that a starved pool costs no lease.</summary>
    /// <returns>False when the lease is lost.</returns>
    public static bool Renew(ManagerDbContext db, Lease lease, DateTimeOffset now)
        => db.Runs.Where(r => r.Id == lease.RunId && r.LeaseOwner == lease.Owner && r.Attempt == lease.Attempt)
            .ExecuteUpdate(u => u.SetProperty(r => r.LeaseExpiresAt, now + Lease.Duration)) == 1;

    /// <summary>Puts runs whose lease has run out, or whose holder is known to be dead, back into the queue.</summary>
    /// <param name="deadOwners">Boot ids that are certainly gone (their data directory's lock is ours now).</param>
    /// <param name="expired">Also those whose lease has merely run out.</param>
    public async Task<IReadOnlyList<long>> ReapAsync(OperationContext operation, IReadOnlyCollection<string> deadOwners, bool expired, CancellationToken ct)
    {
        var active = RunStateMachine.Active;
        if (!await store.ReadAsync((db, token) => db.Runs.AnyAsync(r => active.Contains(r.State), token), ct).ConfigureAwait(false))
        {
            return [];
        }

        return await store.WriteAsync<IReadOnlyList<long>>(operation, async (tx, token) =>
        {
            await tx.Db.LockClaimsAsync(token).ConfigureAwait(false);
            var now = await tx.Db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var lost = await tx.Db.Runs.AsTracking().Where(r => active.Contains(r.State) && ((expired && r.LeaseExpiresAt < now) || deadOwners.Contains(r.LeaseOwner!)))
                .Include(r => r.WorkItem).ToListAsync(token).ConfigureAwait(false);
            foreach (var run in lost)
            {
                var holder = run.LeaseOwner;
                var limit = configuration.Value.Executor.MaxAttempts;
                if (++run.Failures > limit)
                {
                    var why = string.Create(CultureInfo.InvariantCulture, $"Its worker was lost {run.Failures} times (executor.maxAttempts is {limit}).");
                    RunStateMachine.Move(tx, run, RunState.Ended, why, RunEndReason.LeaseLost);
                    WorkItemStateMachine.Move(tx, run.WorkItem!, WorkItemState.Quarantined, why, AuditSeverity.Medium);
                    continue;
                }

                RunStateMachine.Move(tx, run, RunState.Queued, $"The lease of {holder} ran out: it starts again.");
                if (run.WorkItem!.State == WorkItemState.Running)
                {
                    WorkItemStateMachine.Move(tx, run.WorkItem, WorkItemState.Queued, "Its worker was lost: it starts again.");
                }
            }

            return [.. lost.Select(r => r.Id)];
        }, ct).ConfigureAwait(false);
    }
}
