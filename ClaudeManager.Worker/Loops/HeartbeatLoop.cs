using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;

namespace ClaudeManager.Worker.Loops;

/// <summary>Says every five seconds that this process lives, and how it is; does what operators told all processes to do.</summary>
internal sealed class HeartbeatLoop(InstanceRegistry instances, InstanceSnapshots snapshots, InstanceCommands commands, Operation operation, TimeProvider time, ILogger<HeartbeatLoop> logger)
    : Loop(OperationCatalog.Beat, InstanceRegistry.Heartbeat, operation, new EventSignal(), time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await instances.BeatAsync(ct);
        await commands.CarryOutAsync(ct);
        await snapshots.WriteAsync(context, ct);
        return false;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await instances.StopAsync(cancellationToken);
    }
}
