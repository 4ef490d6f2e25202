using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.WorkItems.Proposals;

namespace ClaudeManager.Worker.Loops;

/// <summary>Looks once an interval at what people did to the issues.</summary>
internal sealed class ProposalLoop(ProposalPoll poll, Operation operation, TimeProvider time, ILogger<ProposalLoop> logger)
    : Loop(OperationCatalog.PollProposals, poll.Interval, operation, new EventSignal(), time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await poll.PollAsync(context, ct);
        return false;
    }
}
