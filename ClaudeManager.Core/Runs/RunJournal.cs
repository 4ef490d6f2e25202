using System.Text.Json;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Runs;

/// <summary>
/// Everything a run says, redacted, in order, under its lease: collected for 50 ms (or 256 events) and appended in one transaction, at most four times a second, which is also as often as the live feed hears of it.
/// An unreachable database stops the writer, not the collecting; when too much waits, the agent's output waits too. What has to be written before anything else happens waits for the database.
/// </summary>
public sealed class RunJournal : IAgentSink, IAsyncDisposable
{
    private const int BatchSize = 256;
    private const int MostWaiting = 4096;
    private const int LongestText = 64 * 1024;
    private const int LongestData = 256 * 1024;
    private static readonly TimeSpan s_collect = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_betweenWrites = TimeSpan.FromMilliseconds(250);

    private readonly Store _store;
    private readonly OperationContext _operation;
    private readonly Lease _lease;
    private readonly Redactor _redactor;
    private readonly string _host;
    private readonly AgentUsage _before;
    private readonly CancellationToken _enough;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly SemaphoreSlim _room = new(MostWaiting, MostWaiting);
    private readonly SemaphoreSlim _work = new(0, 1);
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly Task _loop;
    private List<RunEventEntity> _waiting = [];
    private AgentUsage? _usage;
    private Exception? _failure;
    private long _seq;

    // The last write failed, and may have been carried out all the same.
    private bool _unsure;

    private RunJournal(Store store, OperationContext operation, Lease lease, AgentUsage before, Redactor redactor, string host, long lastSeq, CancellationToken enough)
    {
        (_store, _operation, _lease, _before, _redactor, _host, _seq, _enough) = (store, operation, lease, before, redactor, host, lastSeq, enough);
        _loop = Task.Run(LoopAsync, CancellationToken.None);
    }

    /// <param name="before">What earlier attempts of the run have used: an agent counts its own only.</param>
    /// <param name="enough">Ends the waiting for a database that is away.</param>
    public static async Task<RunJournal> OpenAsync(Store store, OperationContext operation, Lease lease, AgentUsage before, Redactor redactor, string host, CancellationToken enough, CancellationToken ct)
    {
        var last = await store.OutlastAsync(token => store.ReadAsync((db, inner) => LastSeqAsync(db, lease, inner), token), enough, ct).ConfigureAwait(false);
        return new RunJournal(store, operation, lease, before, redactor, host, last, enough);
    }

    public async ValueTask AppendAsync(AgentEvent agentEvent, CancellationToken ct)
    {
        await _room.WaitAsync(ct).ConfigureAwait(false);
        var data = agentEvent.Data is { ValueKind: not JsonValueKind.Undefined } element ? Cut(_redactor.Redact(element.GetRawText()), LongestData, json: true) : null;
        var entity = new RunEventEntity
        {
            RunId = _lease.RunId,
            Attempt = _lease.Attempt,
            At = _store.Time.GetUtcNow(),
            Kind = agentEvent.Kind,
            Text = Cut(_redactor.Redact(agentEvent.Text).Replace('\0', '\uFFFD'), LongestText, json: false)!,
            Data = data?.Replace("\\u0000", "\\uFFFD", StringComparison.Ordinal),
        };
        lock (_lock)
        {
            ThrowIfFailed();
            entity.Seq = ++_seq;
            _waiting.Add(entity);
        }

        Signal();
    }

    public ValueTask UsageAsync(AgentUsage usage, CancellationToken ct)
    {
        lock (_lock)
        {
            ThrowIfFailed();
            _usage = usage;
        }

        Signal();
        return ValueTask.CompletedTask;
    }

    public async ValueTask SessionStartedAsync(string? agentVersion, CancellationToken ct)
        => await WriteAsync(async (tx, token) =>
        {
            var run = await _lease.HoldAsync(tx, token).ConfigureAwait(false);
            run.SessionStarted = true;
            run.AgentVersion = agentVersion ?? run.AgentVersion;
        }, ct).ConfigureAwait(false);

    /// <summary>Written twice where the first answer was lost, which says nothing else: both rows end with the process.</summary>
    public Task ProcessStartedAsync(int processId, long processStart, string purpose, CancellationToken ct)
        => WriteAsync(async (tx, token) =>
        {
            await _lease.HoldAsync(tx, token).ConfigureAwait(false);
            tx.Db.RunProcesses.Add(new RunProcessEntity
            {
                RunId = _lease.RunId,
                Attempt = _lease.Attempt,
                BootId = _lease.Owner,
                Host = _host,
                ProcessId = processId,
                ProcessStart = processStart,
                Purpose = purpose,
                StartedAt = tx.Now,
            });
        }, ct);

    /// <summary>Not fenced: it only says that a process of ours is gone, which stays true after the lease is lost.</summary>
    public Task ProcessEndedAsync(int processId, long processStart, CancellationToken ct)
        => WriteAsync((tx, token) => tx.Db.RunProcesses
            .Where(p => p.Host == _host && p.ProcessId == processId && p.ProcessStart == processStart && p.EndedAt == null)
            .ExecuteUpdateAsync(u => u.SetProperty(p => p.EndedAt, tx.Now), token), ct);

    /// <summary>Writes what still waits. Throws when the lease is lost.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        while (await _store.OutlastAsync(WriteBatchAsync, _enough, ct).ConfigureAwait(false))
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _closing.Dispose();
        _writing.Dispose();
        _room.Dispose();
        _work.Dispose();
    }

    private async Task LoopAsync()
    {
        var ct = _closing.Token;
        try
        {
            while (true)
            {
                await _work.WaitAsync(ct).ConfigureAwait(false);
                await Task.Delay(s_collect, _store.Time, ct).ConfigureAwait(false);
                try
                {
                    while (await WriteBatchAsync(ct).ConfigureAwait(false))
                    {
                    }
                }
                catch (Exception e) when (e is not (OperationCanceledException or LeaseLostException or DbUpdateConcurrencyException))
                {
                    // The database is away: what waits stays, and is tried again with the next pause.
                    Signal();
                }

                await Task.Delay(s_betweenWrites - s_collect, _store.Time, ct).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Closing: FlushAsync has written what the run still had to say, or the lease is lost.
        }
        catch (Exception e) when (e is LeaseLostException or DbUpdateConcurrencyException)
        {
            lock (_lock)
            {
                _failure = new LeaseLostException(_lease);
            }
        }
    }

    /// <returns>True when there is more to write.</returns>
    private async Task<bool> WriteBatchAsync(CancellationToken ct)
    {
        await _writing.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            List<RunEventEntity> batch;
            AgentUsage? usage;
            lock (_lock)
            {
                if (_waiting.Count == 0 && _usage is null)
                {
                    return false;
                }

                batch = _waiting.GetRange(0, Math.Min(BatchSize, _waiting.Count));
                usage = _usage;
            }

            await _store.WriteAsync(_operation, async (tx, token) =>
            {
                var run = await _lease.HoldAsync(tx, token).ConfigureAwait(false);
                run.LastEventAt = tx.Now;
                if (usage is not null)
                {
                    run.CostMicroUsd = usage.CostUsd is { } cost ? (long)Math.Ceiling(((_before.CostUsd ?? 0) + cost) * 1_000_000m) : run.CostMicroUsd;
                    run.InputTokens = usage.InputTokens is { } input ? (_before.InputTokens ?? 0) + input : run.InputTokens;
                    run.OutputTokens = usage.OutputTokens is { } output ? (_before.OutputTokens ?? 0) + output : run.OutputTokens;
                    run.Turns = usage.Turns is { } turns ? (_before.Turns ?? 0) + turns : run.Turns;
                }

                var last = _unsure ? await LastSeqAsync(tx.Db, _lease, token).ConfigureAwait(false) : 0;
                tx.Db.RunEvents.AddRange(batch.Where(e => e.Seq > last));
                tx.Publish("run.output", "run", _lease.RunId);
                _unsure = true;
            }, ct).ConfigureAwait(false);

            _unsure = false;
            lock (_lock)
            {
                _waiting = _waiting.GetRange(batch.Count, _waiting.Count - batch.Count);
                _usage = ReferenceEquals(_usage, usage) ? null : _usage;
                if (batch.Count > 0)
                {
                    _room.Release(batch.Count);
                }

                return _waiting.Count > 0;
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    private Task<bool> WriteAsync(Func<StoreTransaction, CancellationToken, Task> write, CancellationToken ct)
        => _store.OutlastAsync(async token =>
        {
            await _store.WriteAsync(_operation, write, token).ConfigureAwait(false);
            return true;
        }, _enough, ct);

    private static async Task<long> LastSeqAsync(ManagerDbContext db, Lease lease, CancellationToken ct)
        => await db.RunEvents.Where(e => e.RunId == lease.RunId).MaxAsync(e => (long?)e.Seq, ct).ConfigureAwait(false) ?? 0;

    private void Signal()
    {
        try
        {
            _work.Release();
        }
        catch (SemaphoreFullException)
        {
            // A signal already waits; one is enough.
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw _failure;
        }
    }

    private static string? Cut(string text, int longest, bool json)
        => text.Length <= longest ? text : json ? null : string.Concat(text.AsSpan(0, longest), $" … ({text.Length - longest} more characters)");
}
