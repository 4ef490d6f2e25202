using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;

namespace ClaudeManager.Worker.Loops;

/// <summary>Scans what is due: asked for by a person, or by the schedule. One bad repository never stops the others.</summary>
internal sealed class ScanLoop(RepositoryRegistry repositories, ScanSchedule schedule, ScanService scans, CurrentConfiguration configuration, Operation operation, EventSignal signal, TimeProvider time, ILogger<ScanLoop> logger)
    : Loop(OperationCatalog.DispatchScans, TimeSpan.FromSeconds(5), operation, signal, time, logger)
{
    private long _registered;

    protected override async Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
    {
        var current = configuration.Value;
        if (_registered != current.Generation)
        {
            await repositories.RegisterConfiguredAsync(context, ct);
            _registered = current.Generation;
        }

        var due = await schedule.ClaimDueAsync(context, ct);
        using var round = await scans.BeginRoundAsync(due, ct);
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = current.Analyzer.MaxConcurrentScans, CancellationToken = ct }, async (id, token) =>
        {
            try
            {
                await Operation.RunAsync(OperationCatalog.ScanDue, Caller, (scan, inner) => scans.ScanAsync(scan, id, full: false, propose: null, inner, round), token);
            }
            catch (Exception e) when (e is not OperationCanceledException || !token.IsCancellationRequested)
            {
                // The operation has logged it and the scan has written it on its repository; the others go on.
            }
        });
        return false;
    }
}
