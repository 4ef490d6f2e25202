using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs.Outcomes;

namespace ClaudeManager.Worker.Loops;

/// <summary>Looks once an interval at what became of published results.</summary>
internal sealed class OutcomeLoop(OutcomePoll poll, Operation operation, TimeProvider time, ILogger<OutcomeLoop> logger)
    : Loop(OperationCatalog.PollOutcomes, poll.Interval, operation, new EventSignal(), time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await poll.PollAsync(context, ct);
        return false;
    }
}
