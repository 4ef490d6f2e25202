using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Fleet;

/// <summary>
/// What operators tell all processes to do. This one does it at once, the others with their next heartbeat, and one that starts later finds what still holds: an isolated breaker stays so until it is reset.
/// </summary>
public sealed class InstanceCommands(Store store, CircuitBreakers breakers, InstanceSnapshots snapshots)
{
    public const string Isolate = "breaker.isolate";
    public const string Reset = "breaker.reset";
    public const int LongestReason = 500;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _done = new(StringComparer.Ordinal);

    public Task<Outcome<FleetDto>> IsolateAsync(OperationContext operation, IsolateBreakerRequest request, CancellationToken ct)
        => string.IsNullOrWhiteSpace(request.Reason) || request.Reason.Length > LongestReason
            ? Task.FromResult<Outcome<FleetDto>>(Refusal.Invalid("reason", $"A reason of 1 to {LongestReason} characters is needed.", "Say why nothing may be sent there."))
            : GiveAsync(operation, Isolate, request.Name, request.Reason.Trim(), ct);

    public Task<Outcome<FleetDto>> ResetAsync(OperationContext operation, ResetBreakerRequest request, CancellationToken ct) => GiveAsync(operation, Reset, request.Name, null, ct);

    /// <summary>Carries out what is new to this process.</summary>
    public async Task CarryOutAsync(CancellationToken ct)
    {
        var commands = await store.ReadAsync((db, token) => db.InstanceCommands.OrderBy(c => c.Id).ToListAsync(token), ct).ConfigureAwait(false);
        lock (_lock)
        {
            foreach (var command in commands.Where(c => c.Id > _done.GetValueOrDefault(c.Target)))
            {
                if (command.Kind == Isolate)
                {
                    breakers.Isolate(command.Target, command.Reason ?? "");
                }
                else
                {
                    breakers.Reset(command.Target);
                }

                _done[command.Target] = command.Id;
            }
        }
    }

    private async Task<Outcome<FleetDto>> GiveAsync(OperationContext operation, string kind, string target, string? reason, CancellationToken ct)
    {
        var known = (await snapshots.ReadAsync(0, ct).ConfigureAwait(false)).Instances.SelectMany(i => i.Breakers).Select(b => b.Name).Distinct().Order(StringComparer.Ordinal).ToList();
        if (!known.Contains(target, StringComparer.Ordinal))
        {
            return new Refusal(RefusalKind.NotFound, ErrorCodes.NotFound, "There is no such breaker.", known.Count == 0 ? "Nothing outside was called yet." : $"There are: {string.Join(", ", known)}.");
        }

        await store.WriteAsync(operation, async (tx, token) =>
        {
            // What came before of this breaker no longer says anything.
            await tx.Db.InstanceCommands.Where(c => c.Target == target).ExecuteDeleteAsync(token).ConfigureAwait(false);
            tx.Db.InstanceCommands.Add(new InstanceCommandEntity { Kind = kind, Target = target, Reason = reason, CreatedAt = tx.Now });
            tx.Audit(new AuditRecord("resilience", kind, "breaker", target, AuditSeverity.Medium, Details: new Dictionary<string, object?> { ["reason"] = reason }));
        }, ct).ConfigureAwait(false);
        await CarryOutAsync(ct).ConfigureAwait(false);
        return await snapshots.ReadAsync(0, ct).ConfigureAwait(false);
    }
}
