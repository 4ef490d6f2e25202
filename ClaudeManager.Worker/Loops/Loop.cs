using System.Numerics;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;

namespace ClaudeManager.Worker.Loops;

/// <summary>What every loop has in common: one operation per round, and no fault that ends it: logged once (by the operation), backed off, and on it goes.</summary>
internal abstract partial class Loop(OperationDescriptor descriptor, TimeSpan interval, Operation operation, EventSignal signal, TimeProvider time, ILogger logger) : BackgroundService
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_longestPauseOfTransient = TimeSpan.FromSeconds(1);

    /// <summary>As whom loops act.</summary>
    protected static Caller Caller { get; } = Caller.System("worker");

    protected Operation Operation => operation;

    protected EventSignal Signal => signal;

    protected TimeProvider Time => time;

    /// <summary>One round. True: look again at once, there may be more.</summary>
    protected abstract Task<bool> RoundAsync(OperationContext context, CancellationToken ct);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var listener = signal.Listen();
        var faults = 0;
        try
        {
            while (true)
            {
                bool more;
                try
                {
                    more = await operation.RunAsync(descriptor, Caller, RoundAsync, stoppingToken);
                    faults = 0;
                }
                catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
                {
                    faults++;
                    var pause = PauseAfter(e, faults);
                    // The first, the second, the fourth, …: a night without a database is not a million lines.
                    if (BitOperations.IsPow2(faults))
                    {
                        LogRoundFailed(logger, descriptor.Name, faults, pause);
                    }

                    await Task.Delay(pause, time, stoppingToken);
                    continue;
                }

                if (!more)
                {
                    await listener.WaitAsync(interval, time, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>
    /// What is over in a moment, such as a restart of the database, is looked at again soon; the breaker in front of it keeps that cheap, and says itself when it lets somebody through.
    /// </summary>
    private TimeSpan PauseAfter(Exception fault, int faults)
    {
        var longest = Failures.Classify(fault) == FailureClass.Transient ? s_longestPauseOfTransient : s_longestPause;
        return fault is CircuitOpenException { ClearsAt: { } trial }
            ? TimeSpan.FromTicks(Math.Clamp((trial - time.GetUtcNow()).Ticks, s_shortestPause.Ticks, longest.Ticks))
            : TimeSpan.FromTicks(Math.Min(longest.Ticks, interval.Ticks << Math.Min(faults, 10)));
    }

    [LoggerMessage(6001, LogLevel.Warning, "Loop {Loop} failed {Faults} times in a row; next round in {Pause}")]
    private static partial void LogRoundFailed(ILogger logger, string loop, int faults, TimeSpan pause);
}
