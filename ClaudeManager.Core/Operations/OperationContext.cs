using System.Diagnostics;

namespace ClaudeManager.Core.Operations;

/// <summary>Who does what, on whose behalf. Every API call, command and loop iteration has one; audit entries and logs take their subject from it.</summary>
/// <param name="Name">E.g. <c>work_item.approve</c>.</param>
/// <param name="Actor">A person, or <c>system:&lt;component&gt;</c>.</param>
/// <param name="CorrelationId">32 hex digits: the trace id of this operation.</param>
public sealed record OperationContext(string Name, string Actor, string CorrelationId, string? Address = null, string? Client = null)
{
    /// <summary>The key under which a caller asked for it, where there is one.</summary>
    public IdempotencyHold? Idempotency { get; init; }

    /// <summary>A context for a loop or a command, on the current trace or a new one.</summary>
    public static OperationContext Create(string name, string actor)
        => new(name, actor, (Activity.Current?.TraceId ?? ActivityTraceId.CreateRandom()).ToHexString());
}
