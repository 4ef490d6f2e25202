using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Telemetry;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ClaudeManager.Core.Persistence;

/// <summary>
/// The one way to the database. Reads get a context of their own; every change goes through <see cref="WriteAsync{T}"/>: one transaction that carries the state change,
/// its audit entry and its event, or none of them. On SQLite writers pass one gate, because busy waiting is slow and can still fail.
/// </summary>
public sealed class Store
{
    private static readonly TimeSpan s_betweenTries = TimeSpan.FromMilliseconds(500);

    private readonly IDbContextFactory<ManagerDbContext> _contexts;
    private readonly ConnectionOpener _opener;
    private readonly WriteGate _gate;
    private readonly AuditWriter _audit;
    private readonly EventSignal _signal;

    internal Store(IDbContextFactory<ManagerDbContext> contexts, ConnectionOpener opener, WriteGate gate, AuditWriter audit, EventSignal signal, TimeProvider time)
        => (_contexts, _opener, _gate, _audit, _signal, Time) = (contexts, opener, gate, audit, signal, time);

    public TimeProvider Time { get; }

    /// <summary>Whether a write failed because another process was faster to write the one row there can be.</summary>
    public static bool IsTaken(DbUpdateException fault)
        => fault.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } or SqliteException { SqliteExtendedErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT_UNIQUE or SQLitePCL.raw.SQLITE_CONSTRAINT_PRIMARYKEY };

    public async Task<T> ReadAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        await using var db = await _contexts.CreateDbContextAsync(ct).ConfigureAwait(false);
        await _opener.OpenAsync(db, ct).ConfigureAwait(false);
        db.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        return await read(db, ct).ConfigureAwait(false);
    }

    /// <summary>As <see cref="ReadAsync{T}"/>, with all its queries answered from the same moment: a page and its total, say.</summary>
    public Task<T> ReadSnapshotAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read, CancellationToken ct)
        => ReadAsync(async (db, token) =>
        {
            await using var snapshot = await db.BeginSnapshotAsync(token).ConfigureAwait(false);
            using var held = TransactionGuard.Hold(db);
            return await read(db, token).ConfigureAwait(false);
        }, ct);

    public async Task<T> WriteAsync<T>(OperationContext operation, Func<StoreTransaction, CancellationToken, Task<T>> write, CancellationToken ct)
    {
        T result;
        bool published;
        using (await _gate.EnterAsync(ct).ConfigureAwait(false))
        {
            await using var db = await _contexts.CreateDbContextAsync(ct).ConfigureAwait(false);
            await _opener.OpenAsync(db, ct).ConfigureAwait(false);
            await using var transaction = await db.Database.BeginTransactionAsync(ct).ConfigureAwait(false);
            // A save that fails undoes the whole transaction; nobody goes on from the middle of one.
            db.Database.AutoSavepointsEnabled = false;
            using var held = TransactionGuard.Hold(db);
            var scope = new StoreTransaction(db, operation, _audit, Time.GetUtcNow());
            result = await write(scope, ct).ConfigureAwait(false);
            await db.SaveChangesAsync(ct).ConfigureAwait(false);
            if (scope.EndedRuns.Count > 0)
            {
                await ResultComments.FollowAsync(scope, scope.EndedRuns, ct).ConfigureAwait(false);
            }

            if (scope.ChangedItems.Count > 0)
            {
                await ProposalIssues.FollowAsync(scope, scope.ChangedItems, ct).ConfigureAwait(false);
            }

            await db.SaveChangesAsync(ct).ConfigureAwait(false);
            await IdempotencyKeys.MarkAsync(db, operation, scope.Now, ct).ConfigureAwait(false);
            await transaction.CommitAsync(ct).ConfigureAwait(false);
            published = scope.Published;
        }

        if (published)
        {
            _signal.Raise();
        }

        return result;
    }

    public Task WriteAsync(OperationContext operation, Func<StoreTransaction, CancellationToken, Task> write, CancellationToken ct)
        => WriteAsync(operation, async (tx, token) =>
        {
            await write(tx, token).ConfigureAwait(false);
            return true;
        }, ct);

    /// <summary>
    /// Does it again until the database is there for it, so that an outage costs time and not the work that waits to be written. Only for what may be done twice: of a commit whose answer was lost nobody
    /// knows whether it happened.
    /// </summary>
    /// <param name="enough">Once it is cancelled the fault goes to the caller.</param>
    public async Task<T> OutlastAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken enough, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return await call(ct).ConfigureAwait(false);
            }
            catch (Exception e) when (DatabaseUnavailableException.IsAway(e) && !enough.IsCancellationRequested)
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(enough, ct);
                await Task.Delay(s_betweenTries, Time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}

/// <summary>One write transaction: the context, who acts, and the two things every change carries.</summary>
public sealed class StoreTransaction(ManagerDbContext db, OperationContext operation, AuditWriter audit, DateTimeOffset now)
{
    public ManagerDbContext Db => db;

    public OperationContext Operation => operation;

    /// <summary>The same instant for everything in the transaction.</summary>
    public DateTimeOffset Now => now;

    internal bool Published { get; private set; }

    /// <summary>Work items this transaction changes: what their issues on GitHub need is decided once, before it commits.</summary>
    internal HashSet<WorkItemEntity> ChangedItems { get; } = [];

    /// <summary>Runs this transaction ends: what people are told of them on GitHub is decided once, before it commits.</summary>
    internal HashSet<RunEntity> EndedRuns { get; } = [];

    /// <summary>Records the act in this transaction: if it cannot be written, the act does not happen.</summary>
    public void Audit(AuditRecord record)
    {
        var correlationId = CorrelationOf(record) ?? operation.CorrelationId;
        if (correlationId != operation.CorrelationId && Activity.Current is { } activity)
        {
            ManagerTelemetry.Follow(activity, correlationId);
        }

        audit.Append(db, operation, record, correlationId, now);
    }

    /// <summary>Tells the live feed. Readers fetch what they show; the event only says what changed.</summary>
    public void Publish(string type, string? subjectType = null, long? subjectId = null, string? state = null, string? text = null)
    {
        Published = true;
        db.Events.Add(new EventEntity { At = now, Type = type, SubjectType = subjectType, SubjectId = subjectId, State = state, Text = text });
    }

    /// <summary>One piece of work is followed by one id, whoever does something to it: that of its work item, which whoever changes item or run has read.</summary>
    private string? CorrelationOf(AuditRecord record)
    {
        if (!long.TryParse(record.SubjectId, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            return null;
        }

        // Asked for what it tracks, a context first compares all of it with what it was; only the keys are of interest here.
        db.ChangeTracker.AutoDetectChangesEnabled = false;
        try
        {
            return record.SubjectType switch
            {
                "work_item" => ItemOf(id),
                "run" => db.Runs.Local.FindEntry(id) is { } run ? ItemOf(run.Entity.WorkItemId) : null,
                _ => null,
            };
        }
        finally
        {
            db.ChangeTracker.AutoDetectChangesEnabled = true;
        }

        string? ItemOf(long item) => db.WorkItems.Local.FindEntry(item)?.Entity.CorrelationId;
    }
}

/// <summary>Serialises the write transactions of one SQLite file in this process; open for PostgreSQL.</summary>
public sealed class WriteGate(bool serial) : IDisposable
{
    private readonly SemaphoreSlim? _gate = serial ? new SemaphoreSlim(1, 1) : null;

    public async ValueTask<IDisposable> EnterAsync(CancellationToken ct)
    {
        if (_gate is null)
        {
            return Releaser.Open;
        }

        await _gate.WaitAsync(ct).ConfigureAwait(false);
        return new Releaser(_gate);
    }

    /// <summary>The same for a caller with a thread of its own.</summary>
    public IDisposable Enter()
    {
        _gate?.Wait();
        return _gate is null ? Releaser.Open : new Releaser(_gate);
    }

    public void Dispose() => _gate?.Dispose();

    private sealed class Releaser(SemaphoreSlim? gate) : IDisposable
    {
        public static readonly Releaser Open = new(null);

        private SemaphoreSlim? _gate = gate;

        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Release();
    }
}
