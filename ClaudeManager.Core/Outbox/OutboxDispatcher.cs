using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Outbox;

/// <summary>
/// What is to happen outside, decided inside: an entry is written with the change that wants it (so that neither exists without the other), claimed by lease, carried out, and marked as
/// done together with what came of it. A process that dies in between leaves an entry whose next attempt looks before it writes.
/// </summary>
public sealed class OutboxDispatcher(Store store, IEnumerable<IOutboxEffect> effects, InstanceIdentity identity, DataDirectoryOwnership ownership, Redactor redactor, ILogger<OutboxDispatcher> logger)
{
    /// <summary>Longer than an effect can take: every call in it has a time-out, and waits for its turn no longer than half of this.</summary>
    public static readonly TimeSpan LeaseDuration = TimeSpan.FromMinutes(2);

    /// <summary>What is wrong with the credential or the configuration only a person can mend; looked at again this often.</summary>
    private static readonly TimeSpan s_afterConfiguration = TimeSpan.FromMinutes(5);

    /// <summary>Tries until what does not pass by itself is blocked.</summary>
    private const int MostAttempts = 8;

    private static readonly TimeSpan s_whileBlocked = TimeSpan.FromDays(1);

    private static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<long, bool> _inHand = [];
    private readonly Dictionary<string, IOutboxEffect> _effects = effects.ToDictionary(e => e.Kind);

    /// <summary>Queues an effect in the transaction that decides it. One with the same key that is already there stays as it is.</summary>
    public static async Task EnqueueAsync<T>(StoreTransaction tx, string kind, string key, T payload, CancellationToken ct, long? workItemId = null, long? runId = null)
    {
        if (!await tx.Db.Outbox.AnyAsync(o => o.Key == key, ct).ConfigureAwait(false))
        {
            tx.Db.Outbox.Add(new OutboxEntity
            {
                Kind = kind,
                Key = key,
                WorkItemId = workItemId,
                RunId = runId,
                Payload = JsonSerializer.Serialize(payload, ManagerJson.Options),
                State = OutboxStates.Pending,
                CreatedAt = tx.Now,
            });
        }
    }

    /// <summary>Carries out the next effect that is due.</summary>
    /// <returns>False when none is.</returns>
    public async Task<bool> DispatchAsync(OperationContext operation, CancellationToken ct)
    {
        var begun = store.Time.GetUtcNow();
        if (!await HasDueAsync(ct).ConfigureAwait(false) || await ClaimAsync(operation, ct).ConfigureAwait(false) is not { } entry)
        {
            return false;
        }

        try
        {
            await CarryOutAsync(operation, entry, begun, ct).ConfigureAwait(false);
        }
        finally
        {
            _inHand.TryRemove(entry.Id, out _);
        }

        return true;
    }

    private async Task CarryOutAsync(OperationContext operation, OutboxEntity entry, DateTimeOffset begun, CancellationToken ct)
    {
        RecordEffect record;
        try
        {
            var effect = _effects[entry.Kind];
            using (RetriedByCaller.Begin())
            using (GitHubLanes.Begin(effect.Lane))
            using (WriteDeadline.Begin(begun + LeaseDuration))
            {
                record = await effect.CarryOutAsync(entry, ct).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            await OutlastAsync(() => NotDoneAsync(operation, entry, fault), ct).ConfigureAwait(false);
            return;
        }

        // It has happened: nothing but the loss of the lease may keep it from being recorded.
        await OutlastAsync(() => store.WriteAsync(operation, async (tx, token) =>
        {
            var held = await HoldAsync(tx, entry, token).ConfigureAwait(false);
            await record(tx, token).ConfigureAwait(false);
            (held.State, held.DoneAt, held.Error, held.LeaseOwner, held.LeaseExpiresAt) = (OutboxStates.Done, tx.Now, null, null, null);
            Audit(tx, held, "outbox.done");
        }, CancellationToken.None), ct).ConfigureAwait(false);
    }

    /// <summary>While the database is away: else the entry would lie until its lease runs out.</summary>
    private Task<bool> OutlastAsync(Func<Task> write, CancellationToken stopping)
        => store.OutlastAsync(async _ =>
        {
            await write().ConfigureAwait(false);
            return true;
        }, stopping, CancellationToken.None);

    /// <summary>Somebody has mended what was wrong: what is blocked is due at once.</summary>
    /// <returns>How many there are.</returns>
    public Task<int> RetryBlockedAsync(OperationContext operation, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            var blocked = await tx.Db.Outbox.AsTracking().Where(o => o.State == OutboxStates.Blocked).ToListAsync(token).ConfigureAwait(false);
            foreach (var entry in blocked)
            {
                (entry.State, entry.NotBefore) = (OutboxStates.Pending, null);
                Audit(tx, entry, "outbox.retried");
            }

            return blocked.Count;
        }, ct);

    private Task<bool> HasDueAsync(CancellationToken ct)
    {
        var now = store.Time.GetUtcNow();
        return store.ReadAsync((db, token) => db.Outbox.AnyAsync(o => OutboxStates.Open.Contains(o.State) && (o.NotBefore == null || o.NotBefore <= now), token), ct);
    }

    private async Task<OutboxEntity?> ClaimAsync(OperationContext operation, CancellationToken ct)
    {
        long? taken = null;
        try
        {
            return await store.WriteAsync(operation, async (tx, token) =>
            {
                var entry = await NextAsync(tx.Db, token).ConfigureAwait(false);
                if (entry is not null)
                {
                    _inHand[entry.Id] = true;
                    taken = entry.Id;
                }

                return entry;
            }, ct).ConfigureAwait(false);
        }
        catch
        {
            if (taken is { } id)
            {
                _inHand.TryRemove(id, out _);
            }

            throw;
        }
    }

    /// <summary>Takes the next entry that is due and nobody's. One of this process that it has not in hand is: the answer to its claim was lost.</summary>
    private async Task<OutboxEntity?> NextAsync(ManagerDbContext db, CancellationToken ct)
    {
        var now = await db.LockClaimsAsync(store.Time, ct).ConfigureAwait(false);
        // Nobody else has this store: what another boot holds, it holds no more.
        var alone = ownership.Exclusive;
        var urgent = _effects.Values.Where(e => e.Lane == GitHubLane.Interactive).Select(e => e.Kind).ToList();
        var gone = alone ? [] : await GoneHoldersAsync(db, ct).ConfigureAwait(false);
        var inHand = _inHand.Keys.ToList();
        var entry = await db.Outbox.AsTracking()
            .Where(o => OutboxStates.Open.Contains(o.State) && (o.NotBefore == null || o.NotBefore <= now) && (o.LeaseExpiresAt == null || o.LeaseExpiresAt <= now || (alone && o.LeaseOwner != identity.BootId) || (o.LeaseOwner == identity.BootId && !inHand.Contains(o.Id)) || gone.Contains(o.LeaseOwner!)) && _effects.Keys.Contains(o.Kind))
            .Where(o => o.WorkItemId == null || !db.Outbox.Any(older => older.WorkItemId == o.WorkItemId && older.Id < o.Id && OutboxStates.Open.Contains(older.State)))
            .OrderBy(o => urgent.Contains(o.Kind) ? 0 : 1).ThenBy(o => o.Id).FirstOrDefaultAsync(ct).ConfigureAwait(false);
        if (entry is not null)
        {
            entry.Attempt++;
            (entry.LeaseOwner, entry.LeaseExpiresAt) = (identity.BootId, now + LeaseDuration);
        }

        return entry;
    }

    /// <summary>Who holds entries but lives no more: their leases protect nobody. A paused process is not among them, for it would still send.</summary>
    private async Task<List<string>> GoneHoldersAsync(ManagerDbContext db, CancellationToken ct)
    {
        var holders = await db.Outbox.Where(o => OutboxStates.Open.Contains(o.State) && o.LeaseOwner != null && o.LeaseOwner != identity.BootId).Select(o => o.LeaseOwner!).Distinct().ToListAsync(ct).ConfigureAwait(false);
        return holders.Count == 0
            ? []
            : [.. (await db.Instances.Where(i => holders.Contains(i.BootId)).ToListAsync(ct).ConfigureAwait(false)).Where(identity.IsGone).Select(i => i.BootId)];
    }

    private Task NotDoneAsync(OperationContext operation, OutboxEntity entry, Exception fault)
    {
        var failure = Failures.Classify(fault);
        var why = redactor.Redact(fault is ClaudeManagerException known ? known.Message : $"{fault.GetType().Name}: {fault.Message}");
        var final = failure is FailureClass.Policy or FailureClass.Verification or FailureClass.Budget;
        Log.EffectFailed(logger, entry.Kind, entry.Id, entry.Attempt, ManagerJson.Name(failure), fault);
        return store.WriteAsync(operation, async (tx, token) =>
        {
            var held = await HoldAsync(tx, entry, token).ConfigureAwait(false);
            (held.Error, held.LeaseOwner, held.LeaseExpiresAt) = (why, null, null);
            if (final)
            {
                (held.State, held.DoneAt) = (OutboxStates.Failed, tx.Now);
                await _effects[entry.Kind].GiveUpAsync(tx, held, why, token).ConfigureAwait(false);
                Audit(tx, held, "outbox.given_up");
                return;
            }

            if (failure is not (FailureClass.Transient or FailureClass.Cancelled) && entry.Attempt >= MostAttempts)
            {
                if (held.State != OutboxStates.Blocked)
                {
                    Audit(tx, held, "outbox.blocked");
                }

                (held.State, held.NotBefore) = (OutboxStates.Blocked, tx.Now + s_whileBlocked);
                return;
            }

            var pause = failure == FailureClass.Configuration ? s_afterConfiguration : TimeSpan.FromTicks(Math.Min(s_longestRetry.Ticks, s_firstRetry.Ticks << Math.Min(entry.Attempt - 1, 16)));
            held.NotBefore = fault is ClaudeManagerException { ClearsAt: { } clears } && clears > tx.Now ? clears : tx.Now + pause;
        }, CancellationToken.None);
    }

    private static async Task<OutboxEntity> HoldAsync(StoreTransaction tx, OutboxEntity entry, CancellationToken ct)
        => await tx.Db.Outbox.AsTracking().FirstOrDefaultAsync(o => o.Id == entry.Id && o.LeaseOwner == entry.LeaseOwner && o.Attempt == entry.Attempt, ct).ConfigureAwait(false)
            ?? throw new OutboxLeaseLostException(entry.Id);

    private static void Audit(StoreTransaction tx, OutboxEntity entry, string action)
        => tx.Audit(new AuditRecord("outbox", action, entry.WorkItemId is null ? null : "work_item", entry.WorkItemId?.ToString(CultureInfo.InvariantCulture),
            Details: new Dictionary<string, object?> { ["effect"] = entry.Kind, ["key"] = entry.Key, ["attempt"] = entry.Attempt, ["error"] = entry.Error }));
}

/// <summary>Another process took the entry over. What this one did is found there by its marker.</summary>
public sealed class OutboxLeaseLostException(long id) : ClaudeManagerException(ErrorCodes.OutboxLeaseLost, FormattableString.Invariant($"The lease of outbox entry {id} is lost."));
