using System.Collections.Concurrent;
using ClaudeManager.Core.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs;

/// <summary>
/// Renews this process's leases every <see cref="Lease.RenewEvery"/> from a thread of its own: a starved thread pool, a busy agent or a slow disk elsewhere must not cost a lease.
/// A lease that is lost cancels its run. An unreachable database does not: the lease may be renewed later while owner and attempt still match.
/// </summary>
public sealed class LeaseKeeper : IDisposable
{
    private readonly ConcurrentDictionary<Lease, CancellationTokenSource> _held = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly IDbContextFactory<ManagerDbContext> _contexts;
    private readonly WriteGate _gate;
    private readonly TimeProvider _time;
    private readonly ILogger<LeaseKeeper> _logger;
    private readonly Lazy<Thread> _thread;

    public LeaseKeeper(IDbContextFactory<ManagerDbContext> contexts, WriteGate gate, TimeProvider time, ILogger<LeaseKeeper> logger)
    {
        (_contexts, _gate, _time, _logger) = (contexts, gate, time, logger);
        _thread = new Lazy<Thread>(() =>
        {
            var thread = new Thread(Loop) { IsBackground = true, Name = "leases" };
            thread.Start();
            return thread;
        });
    }

    /// <summary>Keeps a lease until the result is disposed; its token is cancelled when the lease is lost.</summary>
    public HeldLease Hold(Lease lease)
    {
        _ = _thread.Value;
        var lost = new CancellationTokenSource();
        _held[lease] = lost;
        return new HeldLease(this, lease, lost);
    }

    /// <summary>One round over every held lease.</summary>
    internal void RenewAll()
    {
        foreach (var (lease, lost) in _held)
        {
            try
            {
                using var scope = _gate.Enter();
                using var db = _contexts.CreateDbContext();
                if (!RunQueue.Renew(db, lease, db.GetDatabaseTime(_time)))
                {
                    Log.LeaseLost(_logger, lease.RunId, lease.Attempt);
                    _held.TryRemove(lease, out _);
                    lost.Cancel();
                }
            }
#pragma warning disable CA1031 // The loop must outlive any database fault; the lease is renewed when the database is back.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Log.LeaseNotRenewed(_logger, lease.RunId, e);
            }
        }
    }

    private void Loop()
    {
        while (!_stop.Wait(Lease.RenewEvery))
        {
            RenewAll();
        }
    }

    public void Dispose()
    {
        _stop.Set();
        if (_thread.IsValueCreated)
        {
            _thread.Value.Join();
        }

        _stop.Dispose();
    }

    public sealed class HeldLease(LeaseKeeper keeper, Lease lease, CancellationTokenSource lost) : IDisposable
    {
        public CancellationToken Lost => lost.Token;

        /// <summary>It is renewed no more. Until it is disposed, <see cref="Lost"/> can still be asked.</summary>
        public void Release() => keeper._held.TryRemove(lease, out _);

        public void Dispose()
        {
            Release();
            lost.Dispose();
        }
    }
}
