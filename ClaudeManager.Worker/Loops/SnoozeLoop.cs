using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Worker.Loops;

/// <summary>Brings snoozed work items back when their time has come.</summary>
internal sealed class SnoozeLoop(WorkItemService items, Operation operation, TimeProvider time, ILogger<SnoozeLoop> logger)
    : Loop(OperationCatalog.WakeWorkItems, TimeSpan.FromSeconds(30), operation, new EventSignal(), time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await items.WakeSnoozedAsync(context, ct);
        return false;
    }
}
