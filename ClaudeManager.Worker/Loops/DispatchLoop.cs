using System.Collections.Concurrent;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;

namespace ClaudeManager.Worker.Loops;

/// <summary>
/// Claims as many runs as there is room for and carries each out beside the loop. On stop nothing more is claimed; what runs may end within <c>executor.stopGraceSeconds</c>, and what has not is parked:
/// its work is saved and its lease let go.
/// </summary>
internal sealed partial class DispatchLoop(
    RunQueue queue,
    RunExecutor executor,
    AgentCatalog agents,
    InstanceRegistry instances,
    CurrentConfiguration configuration,
    Operation operation,
    EventSignal signal,
    TimeProvider time,
    ILogger<DispatchLoop> logger) : Loop(OperationCatalog.DispatchRuns, TimeSpan.FromSeconds(1), operation, signal, time, logger)
{
    private readonly ConcurrentDictionary<long, Task> _inHand = new();
    private readonly CancellationTokenSource _letGo = new();

    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        var most = configuration.Value.Executor.MaxConcurrentRuns;
        if (_inHand.Count >= most || !await queue.HasWaitingAsync(ct))
        {
            return false;
        }

        // Its share at once; beyond that one at a time, because the other workers have heard of the same work.
        var places = Math.Max(1, (most / instances.LivePeers) - _inHand.Count);
        var claims = await queue.ClaimAsync(context, instances.Identity.BootId, places, name => agents.Find(name) is not null, [.. _inHand.Keys], ct);
        foreach (var claim in claims)
        {
            // Not awaited here: the run lasts, the loop goes on. Stop awaits them all. In hand before it starts: one that is over at once takes itself out again.
            var run = new Task<Task>(() => CarryOutAsync(claim, _letGo.Token));
            _inHand[claim.Run.Id] = run.Unwrap();
            run.Start(TaskScheduler.Default);
        }

        return claims.Count > 0;
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        var running = Task.WhenAll(_inHand.Values);
        if (!running.IsCompleted)
        {
            var grace = configuration.Value.Executor.StopGrace;
            LogRunsMayEnd(logger, _inHand.Count, grace);
            await running.WaitAsync(grace, Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _letGo.CancelAsync();
        await running.WaitAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _letGo.Dispose();
        base.Dispose();
    }

    private async Task CarryOutAsync(ClaimedRun claim, CancellationToken letGo)
    {
        try
        {
            await Operation.RunAsync(OperationCatalog.ExecuteRun, Caller, (context, ct) => executor.ExecuteAsync(context, claim, ct), letGo, claim.Subject);
        }
        catch (Exception e)
        {
            // The operation has logged it. The lease runs out and the run starts again elsewhere or here.
            LogAbandoned(logger, claim.Run.Id, e.GetType().Name);
        }
        finally
        {
            _inHand.TryRemove(claim.Run.Id, out _);
            Signal.Raise();
        }
    }

    [LoggerMessage(6011, LogLevel.Information, "{Count} runs may end within {Grace}; then they are parked")]
    private static partial void LogRunsMayEnd(ILogger logger, int count, TimeSpan grace);

    [LoggerMessage(6010, LogLevel.Warning, "Run {RunId} was let go after {Fault}; its lease runs out and it starts again")]
    private static partial void LogAbandoned(ILogger logger, long runId, string fault);
}
