using System.Diagnostics;

namespace ClaudeManager.Core.Operations;

/// <summary>The piece of work an operation is about, where that is known before it begins.</summary>
/// <param name="CorrelationId">Trace id of the first operation on the work item: everything later on it carries it.</param>
public sealed record OperationSubject(string CorrelationId, long WorkItemId, string? Repository = null, long? RunId = null, int? Attempt = null);

/// <summary>Who does what, on whose behalf. Every API call, command and loop iteration has one; audit entries and logs take their subject from it.</summary>
/// <param name="Name">E.g. <c>work_item.approve</c>.</param>
/// <param name="Actor">A person, or <c>system:&lt;component&gt;</c>.</param>
/// <param name="CorrelationId">32 hex digits: that of the work item it is about, else the trace id of this operation.</param>
public sealed record OperationContext(string Name, string Actor, string CorrelationId, string? Address = null, string? Client = null)
{
    /// <summary>The key under which a caller asked for it, where there is one.</summary>
    public IdempotencyHold? Idempotency { get; init; }

    public OperationSubject? Subject { get; init; }

    /// <summary>A context for bookkeeping of Core's own, on the current trace or a new one. Whatever somebody asks for runs in <see cref="Operation"/>.</summary>
    public static OperationContext Create(string name, string actor)
        => new(name, actor, (Activity.Current?.TraceId ?? ActivityTraceId.CreateRandom()).ToHexString());
}
