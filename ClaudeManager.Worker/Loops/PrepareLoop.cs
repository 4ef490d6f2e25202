using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;

namespace ClaudeManager.Worker.Loops;

/// <summary>Keeps workspaces ready for the runs to come. Never at once: what has just started, the service or a run, has the machine first.</summary>
internal sealed class PrepareLoop(PreparedWorkspaces workspaces, Operation operation, TimeProvider time, ILogger<PrepareLoop> logger)
    : Loop(OperationCatalog.PrepareWorkspaces, s_interval, operation, new EventSignal(), time, logger)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(s_interval, Time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.ExecuteAsync(stoppingToken);
    }

    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        await workspaces.RefreshAsync(ct);
        return false;
    }
}
