using System.Collections.Concurrent;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Operations;

/// <param name="Status">HTTP status.</param>
public sealed record KeptAnswer(int Status, string? ContentType, byte[] Body);

/// <summary>A key this process carries a request out for.</summary>
/// <param name="Owner">Boot id of the process.</param>
public sealed record IdempotencyHold(string Key, string Owner);

/// <summary>What a request with an idempotency key is to do: begin, give the first answer again, or nothing.</summary>
public readonly record struct IdempotencyClaim(KeptAnswer? Answer, Refusal? Refusal)
{
    public bool IsFirst => Answer is null && Refusal is null;
}

/// <summary>This process was away for so long that another one has taken its request over.</summary>
public sealed class IdempotencyKeyLostException() : ClaudeManagerException(ErrorCodes.IdempotencyKeyLost, "Another process has taken this request over: nothing was done here.", "Send it again with the same Idempotency-Key.");

/// <summary>
/// The first answer to each request with an <c>Idempotency-Key</c> (draft-ietf-httpapi-idempotency-key-header), kept for a day for each caller. The transaction that carries the request out says so in the key's row,
/// so that a request whose answer was lost with its process is not carried out a second time.
/// </summary>
public sealed class IdempotencyKeys(Store store, InstanceIdentity identity)
{
    public static readonly TimeSpan KeptFor = TimeSpan.FromHours(24);

    /// <summary>Bytes. What is longer is not kept: its request is not carried out again, and says so.</summary>
    public const int LongestAnswer = 1024 * 1024;

    private static readonly Refusal s_inProgress = Refusal.Conflict(ErrorCodes.IdempotencyInProgress, "The first request with this Idempotency-Key is still being carried out.", "Ask again in a few seconds.");
    private readonly ConcurrentDictionary<(string Caller, string Key), bool> _here = [];

    /// <param name="operation">Its actor is the caller.</param>
    /// <param name="requestSha256">Of everything the request says: another request with the same key is refused.</param>
    public async Task<IdempotencyClaim> ClaimAsync(OperationContext operation, string key, string requestSha256, CancellationToken ct)
    {
        var caller = operation.Actor;
        while (true)
        {
            var (known, ownerLives) = await ReadAsync(caller, key, ct).ConfigureAwait(false);
            if (known is null)
            {
                if (!_here.TryAdd((caller, key), true))
                {
                    return new(null, s_inProgress);
                }

                if (await TryBeginAsync(operation, key, requestSha256, ct).ConfigureAwait(false))
                {
                    return default;
                }

                continue;
            }

            if (known.CreatedAt + KeptFor <= store.Time.GetUtcNow())
            {
                await ForgetAsync(operation, k => k.Caller == caller && k.Key == key && k.CreatedAt == known.CreatedAt, ct).ConfigureAwait(false);
                continue;
            }

            if (known.RequestSha256 != requestSha256)
            {
                return new(null, new Refusal(RefusalKind.Reused, ErrorCodes.IdempotencyKeyReused, "This Idempotency-Key came with another request before.", "Take a new key for another request.", "Idempotency-Key"));
            }

            if (known is { Status: { } status, Body: { } body })
            {
                return new(new KeptAnswer(status, known.ContentType, body), null);
            }

            if (known.Owner == identity.BootId ? _here.ContainsKey((caller, key)) : ownerLives)
            {
                return new(null, s_inProgress);
            }

            if (known.CarriedOutAt is not null)
            {
                return new(null, Refusal.Conflict(ErrorCodes.IdempotencyAnswerLost, "The first request with this Idempotency-Key was carried out, but its answer is not kept.", "Look at what there is; take a new key to do it again."));
            }

            // Its process died before it did anything.
            await ForgetAsync(operation, k => k.Caller == caller && k.Key == key && k.Owner == known.Owner && k.CarriedOutAt == null && k.Status == null, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Keeps the answer of the first request.</summary>
    public async Task KeepAsync(OperationContext operation, string key, KeptAnswer answer, CancellationToken ct)
    {
        var (caller, status, type, body) = (operation.Actor, answer.Status, answer.ContentType, answer.Body);
        if (body.Length <= LongestAnswer)
        {
            await store.WriteAsync(Own(operation), (tx, token) => tx.Db.IdempotencyKeys.Where(k => k.Caller == caller && k.Key == key && k.Owner == identity.BootId)
                .ExecuteUpdateAsync(u => u.SetProperty(k => k.Status, status).SetProperty(k => k.ContentType, type).SetProperty(k => k.Body, body), token), ct).ConfigureAwait(false);
        }
        else
        {
            await CarriedOutAsync(operation, key, ct).ConfigureAwait(false);
        }

        _here.TryRemove((caller, key), out _);
    }

    /// <summary>The first request failed: unless something of it was carried out, the next one is a first one again.</summary>
    public async Task FailAsync(OperationContext operation, string key, CancellationToken ct)
    {
        var caller = operation.Actor;
        _here.TryRemove((caller, key), out _);
        await ForgetAsync(operation, k => k.Caller == caller && k.Key == key && k.Owner == identity.BootId && k.CarriedOutAt == null, ct).ConfigureAwait(false);
    }

    /// <summary>What the operation that carries the request out is to have: its transactions say so in the key's row, and none commits once another process has taken the key over.</summary>
    public IdempotencyHold Hold(string key) => new(key, identity.BootId);

    /// <summary>Called by every write transaction of a request with a key, before it commits.</summary>
    internal static async Task MarkAsync(ManagerDbContext db, OperationContext operation, DateTimeOffset now, CancellationToken ct)
    {
        if (operation.Idempotency is { } hold
            && await db.IdempotencyKeys.Where(k => k.Caller == operation.Actor && k.Key == hold.Key && k.Owner == hold.Owner)
                .ExecuteUpdateAsync(u => u.SetProperty(k => k.CarriedOutAt, k => k.CarriedOutAt ?? now), ct).ConfigureAwait(false) == 0)
        {
            throw new IdempotencyKeyLostException();
        }
    }

    private Task CarriedOutAsync(OperationContext operation, string key, CancellationToken ct)
        => store.WriteAsync(operation with { Idempotency = Hold(key) }, (_, _) => Task.CompletedTask, ct);

    private Task<(IdempotencyKeyEntity? Known, bool OwnerLives)> ReadAsync(string caller, string key, CancellationToken ct)
        => store.ReadAsync(async (db, token) =>
        {
            var known = await db.IdempotencyKeys.FirstOrDefaultAsync(k => k.Caller == caller && k.Key == key, token).ConfigureAwait(false);
            var silent = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false) - InstanceRegistry.DeadAfter;
            return (known, known is not null && await db.Instances.AnyAsync(i => i.BootId == known.Owner && i.StoppedAt == null && i.HeartbeatAt >= silent, token).ConfigureAwait(false));
        }, ct);

    /// <returns>False when a request with the key was faster in another process.</returns>
    private async Task<bool> TryBeginAsync(OperationContext operation, string key, string requestSha256, CancellationToken ct)
    {
        var begun = false;
        try
        {
            await store.WriteAsync(Own(operation), (tx, _) =>
            {
                tx.Db.IdempotencyKeys.Add(new IdempotencyKeyEntity { Caller = operation.Actor, Key = key, RequestSha256 = requestSha256, Owner = identity.BootId, CreatedAt = tx.Now });
                return Task.CompletedTask;
            }, ct).ConfigureAwait(false);
            begun = true;
        }
        catch (DbUpdateException) when (!ct.IsCancellationRequested)
        {
            if ((await ReadAsync(operation.Actor, key, ct).ConfigureAwait(false)).Known is null)
            {
                throw;
            }
        }
        finally
        {
            if (!begun)
            {
                _here.TryRemove((operation.Actor, key), out _);
            }
        }

        return begun;
    }

    private Task<int> ForgetAsync(OperationContext operation, System.Linq.Expressions.Expression<Func<IdempotencyKeyEntity, bool>> which, CancellationToken ct)
        => store.WriteAsync(Own(operation), (tx, token) => tx.Db.IdempotencyKeys.Where(which).ExecuteDeleteAsync(token), ct);

    // Its own bookkeeping is nothing that is carried out.
    private static OperationContext Own(OperationContext operation) => operation with { Idempotency = null };
}
