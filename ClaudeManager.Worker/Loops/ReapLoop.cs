using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;

namespace ClaudeManager.Worker.Loops;

/// <summary>Cleans up after dead workers: stops their processes first, then gives their runs back to the queue, then removes what they left on disk.</summary>
internal sealed class ReapLoop(RunRecovery recovery, Operation operation, EventSignal signal, TimeProvider time, ILogger<ReapLoop> logger)
    : Loop(OperationCatalog.ReapRuns, TimeSpan.FromSeconds(2), operation, signal, time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await recovery.RecoverAsync(context, ct);
        return false;
    }
}
