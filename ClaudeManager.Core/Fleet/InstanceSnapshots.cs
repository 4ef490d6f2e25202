using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Fleet;

/// <summary>What each process says of itself to the others, with its heartbeat: where its limits are counted, its breakers, its errors, GitHub's budgets. Of this process it is read at once, of others as they last said it.</summary>
public sealed class InstanceSnapshots(Store store, InstanceIdentity identity, IRateLimiter limiter, CircuitBreakers breakers, ErrorTracker errors, EventSignal signal, GitHubLimits gitHub)
{
    /// <summary>Of the errors, so many are told to the others.</summary>
    private const int Shared = 50;

    /// <summary>Where nothing changes it is written so often all the same, so that its age says something.</summary>
    private static readonly TimeSpan s_atLeast = TimeSpan.FromMinutes(1);

    private string? _written;
    private long _writtenAt;

    /// <summary>Writes it if it has changed. One caller at a time.</summary>
    public async Task WriteAsync(OperationContext operation, CancellationToken ct)
    {
        var state = await TakeAsync(Shared, ct).ConfigureAwait(false);
        var said = JsonSerializer.Serialize(state with { AsOf = default }, ManagerJson.Options);
        if (said == _written && store.Time.GetElapsedTime(_writtenAt) < s_atLeast)
        {
            return;
        }

        var document = JsonSerializer.Serialize(state, ManagerJson.Options);
        await store.WriteAsync(operation, async (tx, token) =>
        {
            if (await tx.Db.InstanceSnapshots.Where(s => s.BootId == identity.BootId)
                .ExecuteUpdateAsync(u => u.SetProperty(s => s.TakenAt, state.AsOf).SetProperty(s => s.Document, document), token).ConfigureAwait(false) == 0)
            {
                tx.Db.InstanceSnapshots.Add(new InstanceSnapshotEntity { BootId = identity.BootId, TakenAt = state.AsOf, Document = document });
            }
        }, ct).ConfigureAwait(false);
        (_written, _writtenAt) = (said, store.Time.GetTimestamp());
    }

    /// <summary>Every live process, this one first.</summary>
    /// <param name="recent">So many of the last errors, of others at most fifty.</param>
    public async Task<FleetDto> ReadAsync(int recent, CancellationToken ct)
    {
        var others = await store.ReadAsync(async (db, token) =>
        {
            var silent = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false) - InstanceRegistry.DeadAfter;
            return await db.InstanceSnapshots
                .Where(s => s.BootId != identity.BootId && db.Instances.Any(i => i.BootId == s.BootId && i.StoppedAt == null && i.HeartbeatAt >= silent))
                .OrderBy(s => s.BootId).Select(s => s.Document).ToListAsync(token).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
        return new FleetDto([await TakeAsync(recent, ct).ConfigureAwait(false), .. others.Select(Read).Select(other => other with { Errors = other.Errors with { Recent = [.. other.Errors.Recent.Take(recent)] } })]);
    }

    private static InstanceStateDto Read(string document) => JsonSerializer.Deserialize<InstanceStateDto>(document, ManagerJson.Options)!;

    private async Task<InstanceStateDto> TakeAsync(int recent, CancellationToken ct)
    {
        var state = limiter.State;
        return new InstanceStateDto(
            identity.BootId, identity.Role, identity.Host, identity.ProcessId, store.Time.GetUtcNow(),
            new LimiterStateDto(ManagerJson.Name(state.Source), state.Since, state.Reason),
            [
                .. breakers.Snapshot().Select(b => new BreakerDto(
                    b.Name, b.Upstream, b.Host, b.State, b.Since, b.NextTrial, b.Failures, b.Successes, b.Reason, [.. b.LastTransitions.Select(t => new BreakerTransitionDto(t.At, t.To, t.Reason))])),
            ],
            errors.Read(recent, Math.Max(recent, Shared)),
            await gitHub.ReadAsync(ct).ConfigureAwait(false))
        {
            Fallbacks =
            [
                .. state.Source == LimiterSource.LocalShare ? [new FallbackDto(Fallback.LocalShare, state.Since, state.Reason)] : Array.Empty<FallbackDto>(),
                .. signal.Polling is { } polling ? [polling] : Array.Empty<FallbackDto>(),
            ],
        };
    }
}
