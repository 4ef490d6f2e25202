using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs;

/// <summary>
/// Puts right what a dead worker left, in this order: its processes are stopped (an orphan must not write into a workspace that starts again), its runs go back to the queue,
/// and workspaces of runs that are over are removed. An outage of the database steals nothing: leases and silence are judged only after it was reachable for a whole lease time.
/// </summary>
/// <param name="ownership">Whether this process alone owns its data directory, which proves that every earlier boot on it is dead.</param>
public sealed class RunRecovery(Store store, RunQueue queue, OrphanReaper orphans, WorkspaceStore workspaces, InstanceRegistry instances, LeaseKeeper keeper, DataDirectoryOwnership ownership, ILogger<RunRecovery> logger)
{
    // Boots whose processes have been stopped: the dead start no new ones, and looking at every process of the machine is not for every round.
    private readonly HashSet<string> _stopped = [];
    private long? _reachableSince;
    private long? _sweptAt;

    public async Task RecoverAsync(OperationContext operation, CancellationToken ct)
    {
        DeadBoots dead;
        try
        {
            dead = await instances.DeadBootsAsync(ownership.Exclusive, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _reachableSince = null;
            throw;
        }

        _reachableSince ??= store.Time.GetTimestamp();
        var patient = store.Time.GetElapsedTime(_reachableSince.Value) >= Lease.Duration;

        // After an outage everybody has been silent, and whoever looks first would stop the agents of all others.
        var newlyDead = (patient ? dead.All : dead.Gone).Except(_stopped).ToHashSet();
        if (newlyDead.Count > 0)
        {
            await StopOrphansAsync(operation, newlyDead, ct).ConfigureAwait(false);
            _stopped.UnionWith(newlyDead);
        }

        // A process that got no processor time for a whole lease time must not take its own runs away from itself: what it still holds is renewed before expiry is judged.
        if (patient)
        {
            keeper.RenewAll();
        }

        foreach (var run in await queue.ReapAsync(operation, dead.Gone, patient, ct).ConfigureAwait(false))
        {
            Log.RunRequeued(logger, run, "its worker is gone");
        }

        if (_sweptAt is not { } before || store.Time.GetElapsedTime(before) >= Lease.Duration)
        {
            await SweepAsync(ct).ConfigureAwait(false);
            _sweptAt = store.Time.GetTimestamp();
        }
    }

    /// <summary>
    /// Removes workspaces of runs that are over. Not only at the start: a run whose worker died here may go on elsewhere and end there long after this process has come up.
    /// Whoever ended a run removes its workspace a moment later; that moment is left to it, except at the start, when it was an earlier process.
    /// </summary>
    private async Task SweepAsync(CancellationToken ct)
    {
        // Listed first: a directory that is made from here on is not looked at.
        var here = workspaces.List();
        if (here.Count == 0)
        {
            return;
        }

        var isStart = _sweptAt is null;
        var live = await store.ReadAsync(async (db, token) =>
        {
            var recent = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false) - Lease.Duration;
            return await db.Runs.Where(r => here.Contains(r.Id) && (r.State != Contracts.RunState.Ended || (!isStart && r.EndedAt > recent))).Select(r => r.Id).ToListAsync(token).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
        foreach (var run in here.Except(live))
        {
            await workspaces.RemoveAsync(run, ct).ConfigureAwait(false);
        }
    }

    private async Task StopOrphansAsync(OperationContext operation, HashSet<string> dead, CancellationToken ct)
    {
        var host = instances.Identity.Host;
        var rows = await store.ReadAsync((db, token) => db.RunProcesses.Where(p => p.Host == host && p.EndedAt == null && dead.Contains(p.BootId)).ToListAsync(token), ct).ConfigureAwait(false);
        foreach (var stopped in await orphans.ReapAsync(dead, rows, ct).ConfigureAwait(false))
        {
            Log.OrphanStopped(logger, stopped.ProcessId, stopped.Run?.RunId ?? 0);
        }

        if (rows.Count > 0)
        {
            var ids = rows.Select(r => r.Id).ToList();
            await store.WriteAsync(operation, (tx, token) => tx.Db.RunProcesses.Where(p => ids.Contains(p.Id)).ExecuteUpdateAsync(u => u.SetProperty(p => p.EndedAt, tx.Now), token), ct).ConfigureAwait(false);
        }
    }
}

/// <summary>Whether this process holds the exclusive lock of its data directory.</summary>
public sealed record DataDirectoryOwnership(bool Exclusive);
