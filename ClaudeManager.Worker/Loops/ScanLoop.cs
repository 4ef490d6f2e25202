using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Scanning;

namespace ClaudeManager.Worker.Loops;

/// <summary>Scans what is due: asked for by a person, or by the schedule. One bad repository never stops the others.</summary>
internal sealed class ScanLoop(ScanSchedule schedule, ScanService scans, CurrentConfiguration configuration, Operation operation, EventSignal signal, TimeProvider time, ILogger<ScanLoop> logger)
    : Loop("scans.dispatch", TimeSpan.FromSeconds(5), operation, signal, time, logger)
{
    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        var due = await schedule.ClaimDueAsync(context, ct);
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = configuration.Value.Analyzer.MaxConcurrentScans, CancellationToken = ct }, async (id, token) =>
        {
            try
            {
                await Operation.RunAsync("repositories.scan", "system:worker", (scan, inner) => scans.ScanAsync(scan, id, full: false, propose: null, inner), token);
            }
            catch (Exception e) when (e is not OperationCanceledException || !token.IsCancellationRequested)
            {
                // The operation has logged it and the scan has written it on its repository; the others go on.
            }
        });
        return false;
    }
}
