using System.Collections.Frozen;
using System.Globalization;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.RateLimiting.Inbound;

/// <summary>
/// The clients that are shut out, in the store, for all replicas. Requests look at a copy of at most a second's age, so that none of them costs a query; a client this process blocks is out here at once, even while the
/// database is away.
/// </summary>
public sealed class ClientBlocks(Store store, CurrentConfiguration configuration, Operation operation, ILogger<ClientBlocks> logger)
{
    /// <summary>However often it comes back. A block that ended longer ago than this is forgotten.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    private static readonly Caller s_caller = Caller.System("rate-limits");
    private static readonly TimeSpan s_staleAfter = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task? _reading;
    private FrozenDictionary<string, DateTimeOffset>? _active;
    private long _readAt;

    /// <summary>Until when the client is shut out; null: it is not.</summary>
    public async ValueTask<DateTimeOffset?> UntilAsync(string client, CancellationToken ct)
    {
        if (Volatile.Read(ref _active) is null)
        {
            await ReadAsync().WaitAsync(ct).ConfigureAwait(false);
        }
        else if (store.Time.GetElapsedTime(Volatile.Read(ref _readAt)) > s_staleAfter)
        {
            // Nobody waits for it: who comes meanwhile is judged by what was known.
            _ = ReadAsync();
        }

        return Volatile.Read(ref _active) is { } active && active.TryGetValue(client, out var until) && until > store.Time.GetUtcNow() ? until : null;
    }

    /// <summary>Shuts a client out: for the configured time, and for twice as long as before each time it comes back within a day, up to a day.</summary>
    internal async Task BlockAsync(string client, string reason)
    {
        var wanted = configuration.Value.Security.RateLimiting.BlockDuration;
        Here(client, store.Time.GetUtcNow() + wanted);
        try
        {
            // Not with the request's token: who hangs up is blocked all the same.
            var until = await operation.RunAsync(OperationCatalog.BlockClient, s_caller with { Address = client }, (context, token) => WriteAsync(context, client, reason, wanted, token), CancellationToken.None).ConfigureAwait(false);
            Here(client, until);
            Log.ClientBlocked(logger, client, reason, until);
        }
        catch (Exception e) when (Operation.WasLogged(e))
        {
            // The store is away. It is blocked here; its next violation writes it down.
        }
    }

    public Task<IReadOnlyList<ClientBlockDto>> ListAsync(CancellationToken ct)
        => store.ReadAsync<IReadOnlyList<ClientBlockDto>>(async (db, token) =>
        {
            var now = store.Time.GetUtcNow();
            return [.. (await db.ClientBlocks.Where(b => b.Until > now).OrderByDescending(b => b.BlockedAt).ThenBy(b => b.Id).Take(1000).ToListAsync(token).ConfigureAwait(false))
                .Select(b => new ClientBlockDto(b.Id, b.Client, b.Reason, b.Times, b.BlockedAt, b.Until))];
        }, ct);

    public async Task<Outcome<ClientBlockDto>> LiftAsync(OperationContext context, long id, CancellationToken ct)
    {
        var lifted = await store.WriteAsync(context, async (tx, token) =>
        {
            var block = await tx.Db.ClientBlocks.FirstOrDefaultAsync(b => b.Id == id && b.Until > tx.Now, token).ConfigureAwait(false);
            if (block is null)
            {
                return null;
            }

            // Forgiven whole: the next one begins from the beginning.
            await tx.Db.ClientBlocks.Where(b => b.Id == id).ExecuteDeleteAsync(token).ConfigureAwait(false);
            tx.Audit(new AuditRecord("rate_limit", "lift", "client_block", Id(id), AuditSeverity.Medium, Details: new Dictionary<string, object?> { ["reason"] = block.Reason, ["times"] = block.Times }));
            return new ClientBlockDto(block.Id, block.Client, block.Reason, block.Times, block.BlockedAt, block.Until);
        }, ct).ConfigureAwait(false);
        if (lifted is null)
        {
            return Refusal.NotFound("block", id);
        }

        Here(lifted.Client, null);
        return lifted;
    }

    private async Task<DateTimeOffset> WriteAsync(OperationContext context, string client, string reason, TimeSpan wanted, CancellationToken ct)
    {
        try
        {
            return await store.WriteAsync(context, async (tx, token) =>
            {
                var block = await tx.Db.ClientBlocks.AsTracking().FirstOrDefaultAsync(b => b.Client == client, token).ConfigureAwait(false);
                if (block?.Until > tx.Now)
                {
                    return block.Until;
                }

                if (block is null)
                {
                    block = new ClientBlockEntity { Client = client, Reason = reason };
                    tx.Db.ClientBlocks.Add(block);
                }

                block.Times = block.Until + Longest > tx.Now ? block.Times + 1 : 1;
                (block.Reason, block.BlockedAt, block.Until) = (reason, tx.Now, tx.Now + Duration(wanted, block.Times));
                await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
                tx.Audit(new AuditRecord("rate_limit", "block", "client_block", Id(block.Id), AuditSeverity.Medium, AuditResult.Blocked,
                    new Dictionary<string, object?> { ["reason"] = reason, ["times"] = block.Times, ["until"] = block.Until }));
                return block.Until;
            }, ct).ConfigureAwait(false);
        }
        catch (DbUpdateException)
        {
            // Another replica was faster; anything else is thrown again here.
            return await store.ReadAsync((db, token) => db.ClientBlocks.Where(b => b.Client == client).Select(b => b.Until).SingleAsync(token), ct).ConfigureAwait(false);
        }
    }

    internal static TimeSpan Duration(TimeSpan wanted, int times)
        => TimeSpan.FromTicks((long)Math.Min(Longest.Ticks, wanted.Ticks * Math.Pow(2, times - 1)));

    /// <summary>One at a time; whoever comes meanwhile gets the one that runs.</summary>
    private Task ReadAsync()
    {
        lock (_lock)
        {
            return _reading = _reading is { IsCompleted: false } running ? running : ReadOnceAsync();
        }
    }

    private async Task ReadOnceAsync()
    {
        Volatile.Write(ref _readAt, store.Time.GetTimestamp());
        try
        {
            var active = await operation.RunAsync(OperationCatalog.RefreshBlocks, s_caller, (_, token) => store.ReadAsync(async (db, t) =>
            {
                var now = store.Time.GetUtcNow();
                return await db.ClientBlocks.Where(b => b.Until > now).Select(b => new { b.Client, b.Until }).ToListAsync(t).ConfigureAwait(false);
            }, token), CancellationToken.None).ConfigureAwait(false);
            Volatile.Write(ref _active, active.ToFrozenDictionary(b => b.Client, b => b.Until, StringComparer.Ordinal));
        }
        catch (Exception e) when (Operation.WasLogged(e))
        {
            // The store is away: what was known stays.
            Interlocked.CompareExchange(ref _active, FrozenDictionary<string, DateTimeOffset>.Empty, null);
        }
    }

    private void Here(string client, DateTimeOffset? until)
    {
        FrozenDictionary<string, DateTimeOffset>? known;
        FrozenDictionary<string, DateTimeOffset> with;
        do
        {
            known = Volatile.Read(ref _active);
            var now = store.Time.GetUtcNow();
            var others = (known ?? FrozenDictionary<string, DateTimeOffset>.Empty).Where(b => b.Value > now && b.Key != client);
            with = (until is { } end ? others.Append(new(client, end)) : others).ToFrozenDictionary(StringComparer.Ordinal);
        }
        while (Interlocked.CompareExchange(ref _active, with, known) != known);
    }

    private static string Id(long id) => id.ToString(CultureInfo.InvariantCulture);
}
