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
/// so one claim takes as many runs as there is room for. At least one delivery, exactly one effect: every write of a holder is fenced by owner and attempt.
/// </summary>
public sealed class RunQueue(Store store, ApprovalSeal seal, CurrentConfiguration configuration)
{
    private const int CandidatesPerRepository = 50;

    /// <summary>More than any score.</summary>
    private const double PinnedBonus = 100;

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
    public async Task<bool> HasWaitingAsync(CancellationToken ct)
    {
        var now = store.Time.GetUtcNow();
        // In the order of an index: without one PostgreSQL reads the table from its beginning, past everything that has ended.
        return RunWindow.NextStart(configuration.Value.Executor.Windows, now) is null
            && await store.ReadAsync((db, token) => db.Runs.Where(r => (r.State == RunState.Queued || r.State == RunState.Parked) && (r.NotBefore == null || r.NotBefore <= now))
                .OrderBy(r => r.RepositoryId).Select(r => (long?)r.Id).FirstOrDefaultAsync(token), ct).ConfigureAwait(false) is not null;
    }

    /// <summary>Takes the first runs all of whose gates are open, in one transaction; each start counts for the gates of those after it, as if they had been claimed one by one.</summary>
    /// <param name="places">At most so many.</param>
    /// <param name="canRun">Which agents this worker can run, by name.</param>
    /// <param name="inHand">Runs this worker has not let go of yet: their directories are still in use.</param>
    public Task<IReadOnlyList<ClaimedRun>> ClaimAsync(OperationContext operation, string owner, int places, Func<string, bool> canRun, IReadOnlyCollection<long> inHand, CancellationToken ct)
        => store.WriteAsync<IReadOnlyList<ClaimedRun>>(operation, async (tx, token) =>
        {
            var now = await tx.Db.LockClaimsAsync(store.Time, token).ConfigureAwait(false);
            var facts = await GateFacts.ReadAsync(tx.Db, configuration.Value, now, token).ConfigureAwait(false);
            var waiting = tx.Db.Runs.Where(r => (r.State == RunState.Queued || r.State == RunState.Parked) && (r.NotBefore == null || r.NotBefore <= now) && r.CancelRequestedAt == null && !inHand.Contains(r.Id));
            var claimed = new List<ClaimedRun>();
            foreach (var next in (HasRoom() ? await TurnsAsync(tx.Db, waiting, facts, token).ConfigureAwait(false) : []).Chunk(places).TakeWhile(_ => HasRoom()))
            {
                foreach (var head in (await HeadsAsync(tx.Db, waiting, next, token).ConfigureAwait(false)).TakeWhile(_ => HasRoom()))
                {
                    await foreach (var candidate in CandidatesAsync(tx.Db, waiting, head, token).ConfigureAwait(false))
                    {
                        if (Start(candidate))
                        {
                            break;
                        }
                    }
                }
            }

            return claimed;

            bool HasRoom() => claimed.Count < places && facts.ActiveRuns < facts.MaxConcurrentRuns;

            bool Start(Candidate candidate)
            {
                var (run, item, approval) = candidate;
                if (seal.Check(approval, item, now) is { } verdict)
                {
                    // Asked again rather than left lying: the person sees why.
                    RunStateMachine.Move(tx, run, RunState.Ended, verdict, RunEndReason.PolicyBlocked);
                    approval.State = approval.ExpiresAt <= now ? ApprovalStates.Expired : ApprovalStates.Stale;
                    approval.StateReason = verdict;
                    WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, verdict);
                    return false;
                }

                if (!canRun(run.Agent) || RunGates.Evaluate(item, run, approval, null, AgentReady.Yes, facts).Any(g => !g.Open))
                {
                    return false;
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
                facts = facts.WithStart(run);
                claimed.Add(new ClaimedRun(new Lease(run.Id, owner, run.Attempt), run, item, item.Repository!, approval));
                return true;
            }
        }, ct);

    /// <summary>
    /// Repositories in the order they are asked: pinned work; then by turns, so that a thousand good items of one repository keep no other waiting: the repository whose last start is longest ago first,
    /// of equals the one with the better head. Repositories in which a run is active are not asked.
    /// </summary>
    private static async Task<IEnumerable<long>> TurnsAsync(ManagerDbContext db, IQueryable<RunEntity> waiting, GateFacts facts, CancellationToken ct)
    {
        var busy = facts.BusyRepositories.Keys.ToList();
        // Each answer is one step in an index, however many runs wait or have ended.
        var turns = await db.Repositories.Where(p => !busy.Contains(p.Id))
            .Select(p => new { p.Id, Score = waiting.Where(r => r.RepositoryId == p.Id).Max(r => (double?)r.Score), LastStart = db.Runs.Where(r => r.RepositoryId == p.Id).Max(r => r.StartedAt) })
            .ToListAsync(ct).ConfigureAwait(false);
        return turns.Where(t => t.Score is not null)
            .OrderByDescending(t => t.Score >= PinnedBonus).ThenBy(t => t.LastStart ?? DateTimeOffset.MinValue).ThenByDescending(t => t.Score).ThenBy(t => t.Id).Select(t => t.Id);
    }

    /// <summary>What is first in each of these repositories, in their order.</summary>
    private static async Task<IEnumerable<Candidate>> HeadsAsync(ManagerDbContext db, IQueryable<RunEntity> waiting, long[] repositories, CancellationToken ct)
    {
        var heads = db.Repositories.Where(p => repositories.Contains(p.Id)).Select(p => waiting.Where(r => r.RepositoryId == p.Id).OrderByDescending(r => r.Score).ThenBy(r => r.Id).Select(r => r.Id).First());
        return repositories.Join(await ReadAsync(db, db.Runs.Where(r => heads.Contains(r.Id)), ct).ConfigureAwait(false), id => id, c => c.Run.RepositoryId, (_, c) => c);
    }

    /// <summary>Within a repository: by score, then age. The first one nearly always starts, so the others are read only when it does not.</summary>
    private static async IAsyncEnumerable<Candidate> CandidatesAsync(ManagerDbContext db, IQueryable<RunEntity> waiting, Candidate head, [EnumeratorCancellation] CancellationToken ct)
    {
        yield return head;
        foreach (var candidate in await ReadAsync(db, waiting.Where(r => r.RepositoryId == head.Run.RepositoryId).OrderByDescending(r => r.Score).ThenBy(r => r.Id).Skip(1).Take(CandidatesPerRepository - 1), ct).ConfigureAwait(false))
        {
            yield return candidate;
        }
    }

    private static async Task<IEnumerable<Candidate>> ReadAsync(ManagerDbContext db, IQueryable<RunEntity> runs, CancellationToken ct)
    {
        var rows = await runs.Join(db.Approvals, r => r.ApprovalId, a => a.Id, (r, a) => new { Run = r, Item = r.WorkItem!, r.WorkItem!.Repository, Findings = r.WorkItem!.Findings.ToList(), Approval = a })
            .OrderByDescending(c => c.Run.Score).ThenBy(c => c.Run.Id).AsTracking().ToListAsync(ct).ConfigureAwait(false);
        return rows.Select(c => new Candidate(c.Run, c.Item, c.Approval));
    }

    private sealed record Candidate(RunEntity Run, WorkItemEntity Item, ApprovalEntity Approval);

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
            var now = await tx.Db.LockClaimsAsync(store.Time, token).ConfigureAwait(false);
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
