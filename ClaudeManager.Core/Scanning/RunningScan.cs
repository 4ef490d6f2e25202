using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Scanning;

/// <summary>
/// One scan as other processes see it: a row that comes and goes with the scan and is renewed once a second beside it, so that the scan itself never waits for the store.
/// Neither an event nor an audit entry: it is of no interest once the scan is over.
/// </summary>
internal sealed class RunningScan(Store store, long repositoryId, ILogger logger) : IAsyncDisposable
{
    /// <summary>A row nobody has renewed for so long is of a dead process.</summary>
    private static readonly TimeSpan s_silentAfter = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _over = new();
    private RunningScanEntity? _row;
    private bool _begun;
    private Task _reporting = Task.CompletedTask;

    /// <summary>What the row is written as.</summary>
    public static OperationContext Operation { get; } = OperationContext.Create("scan.progress", "system:scan");

    public ScanProgress Progress { get; } = new();

    /// <summary>What is being scanned now, by repository.</summary>
    public static async Task<IReadOnlyDictionary<long, ScanProgressDto>> ListAsync(ManagerDbContext db, TimeProvider time, CancellationToken ct)
    {
        var rows = await db.RunningScans.AsNoTracking().OrderBy(s => s.Id).ToListAsync(ct).ConfigureAwait(false);
        if (rows.Count == 0)
        {
            return new Dictionary<long, ScanProgressDto>();
        }

        var silent = await db.GetDatabaseTimeAsync(time, ct).ConfigureAwait(false) - s_silentAfter;
        return rows.Where(s => s.HeartbeatAt >= silent).GroupBy(s => s.RepositoryId).ToDictionary(s => s.Key, s => ToDto(s.Last()));
    }

    /// <summary>Adds the row in the transaction that says the scan has begun; a scan that begins anew keeps its row.</summary>
    public async Task BeginAsync(StoreTransaction tx, CancellationToken ct)
    {
        if (_begun)
        {
            return;
        }

        var now = await tx.Db.GetDatabaseTimeAsync(store.Time, ct).ConfigureAwait(false);
        var silent = now - s_silentAfter;
        await tx.Db.RunningScans.Where(s => s.HeartbeatAt < silent).ExecuteDeleteAsync(ct).ConfigureAwait(false);
        _row = new RunningScanEntity { RepositoryId = repositoryId, StartedAt = now, HeartbeatAt = now };
        tx.Db.RunningScans.Add(_row);
    }

    /// <summary>Call when the row is committed.</summary>
    public void StartReporting()
    {
        if (!_begun)
        {
            _begun = true;
            _reporting = ReportAsync(_over.Token);
        }
    }

    /// <summary>Takes the row away in the transaction that says how the scan ended.</summary>
    public async Task EndAsync(StoreTransaction tx, CancellationToken ct)
    {
        if (_row is { Id: var id })
        {
            await tx.Db.RunningScans.Where(s => s.Id == id).ExecuteDeleteAsync(ct).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync().ConfigureAwait(false);
        await _reporting.ConfigureAwait(false);
        _over.Dispose();
    }

    private async Task ReportAsync(CancellationToken over)
    {
        using var timer = new PeriodicTimer(s_interval, store.Time);
        var faults = 0;
        try
        {
            while (await timer.WaitForNextTickAsync(over).ConfigureAwait(false))
            {
                try
                {
                    await WriteAsync(over).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // Nobody sees how far the scan is; that is no reason to end it, and saying it once is enough.
                    if (++faults == 1)
                    {
                        Log.ProgressNotWritten(logger, repositoryId, e);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The scan is over.
        }
    }

    private Task WriteAsync(CancellationToken ct)
        => store.WriteAsync(Operation, async (tx, token) =>
        {
            var now = await tx.Db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var (id, files, total, findings) = (_row!.Id, Progress.Files, Progress.TotalFiles, Progress.Findings);
            await tx.Db.RunningScans.Where(s => s.Id == id)
                .ExecuteUpdateAsync(u => u.SetProperty(s => s.Files, files).SetProperty(s => s.TotalFiles, total).SetProperty(s => s.Findings, findings).SetProperty(s => s.HeartbeatAt, now), token).ConfigureAwait(false);
        }, ct);

    private static ScanProgressDto ToDto(RunningScanEntity scan)
    {
        var seconds = (scan.HeartbeatAt - scan.StartedAt).TotalSeconds;
        double? rate = scan.Files > 0 && seconds > 0 ? scan.Files / seconds : null;
        return new ScanProgressDto(scan.Files, scan.TotalFiles, scan.Findings, rate, rate is { } r && scan.TotalFiles is { } total ? Math.Max(0, total - scan.Files) / r : null, scan.StartedAt);
    }
}
