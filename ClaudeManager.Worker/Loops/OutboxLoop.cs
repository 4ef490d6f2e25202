using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Outbox;

namespace ClaudeManager.Worker.Loops;

/// <summary>Carries out what was decided to happen outside, one effect after the other.</summary>
internal sealed class OutboxLoop(OutboxDispatcher outbox, Operation operation, EventSignal signal, TimeProvider time, ILogger<OutboxLoop> logger)
    : Loop(OperationCatalog.DispatchOutbox, TimeSpan.FromSeconds(1), operation, signal, time, logger)
{
    protected override Task<bool> RoundAsync(OperationContext context, CancellationToken ct) => outbox.DispatchAsync(context, ct);
}
