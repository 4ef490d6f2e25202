using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs;

/// <summary>The right to write about a run: owner and attempt must both still match. <paramref name="Attempt"/> is the fencing token: it only grows.</summary>
public sealed record Lease(long RunId, string Owner, int Attempt)
{
    /// <summary>How long a lease lasts without renewal. Renewed at a third of it; a dead worker's run starts again within this and one reaper interval.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromSeconds(12);

    public static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(4);

    /// <summary>Loads the run for a write under this lease, or throws <see cref="LeaseLostException"/>. The row's own WHERE repeats the check when it is saved.</summary>
    public Task<RunEntity> HoldAsync(StoreTransaction tx, CancellationToken ct) => HoldAsync(tx.Db.Runs, ct);

    /// <summary>The same with the run's work item and repository, for a write that changes the item too.</summary>
    public Task<RunEntity> HoldWithItemAsync(StoreTransaction tx, CancellationToken ct) => HoldAsync(tx.Db.Runs.Include(r => r.WorkItem!.Repository), ct);

    private async Task<RunEntity> HoldAsync(IQueryable<RunEntity> runs, CancellationToken ct)
        => await runs.AsTracking().SingleOrDefaultAsync(r => r.Id == RunId && r.LeaseOwner == Owner && r.Attempt == Attempt, ct).ConfigureAwait(false)
            ?? throw new LeaseLostException(this);
}

/// <summary>Somebody else has the run now: stop the agent and write nothing.</summary>
public sealed class LeaseLostException : ClaudeManagerException
{
    public LeaseLostException(Lease lease)
        : base(ErrorCodes.RunLeaseLost, FormattableString.Invariant($"The lease of run {lease.RunId} (attempt {lease.Attempt}) is lost."))
        => Context = new FailureContext(RunId: lease.RunId, Attempt: lease.Attempt);
}
