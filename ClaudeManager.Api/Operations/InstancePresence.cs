using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;

namespace ClaudeManager.Api.Operations;

/// <summary>
/// Says every five seconds that this Api lives, and learns how many others do: without Redis each keeps to its share of the limits. In the all-in-one the Worker beats for the whole process.
/// </summary>
internal sealed class InstancePresence(InstanceRegistry instances, InstanceSnapshots snapshots, InstanceCommands commands, Operation operation, TimeProvider time) : BackgroundService
{
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await instances.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await operation.RunAsync(OperationCatalog.Beat, Caller.System("api"), async (context, token) =>
                {
                    await instances.BeatAsync(token);
                    await commands.CarryOutAsync(token);
                    await snapshots.WriteAsync(context, token);
                }, stoppingToken);
            }
            catch (Exception e) when (Operation.WasLogged(e))
            {
                // While the database is away there is nobody to tell; the next beat tries again.
            }

            await Task.Delay(InstanceRegistry.Heartbeat, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
