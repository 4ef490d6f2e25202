using System.Globalization;
using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Contracts;
using Spectre.Console;

namespace ClaudeManager.Cli.Commands;

/// <summary>Shows how far a scan is to whom waits for it at a terminal.</summary>
internal static class ScanWatch
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    /// <param name="repositoryId">Null: one that is not registered; of its dry run nothing is known but that it goes on.</param>
    public static async Task<T> WatchAsync<T>(this Invocation invocation, ManagerApiClient api, string name, long? repositoryId, Task<T> scan, CancellationToken ct)
    {
        if (invocation.Output.IsWatched)
        {
            await invocation.Output.ProgressAsync(name, line => FollowAsync(line, api, name, repositoryId, scan, invocation.Time, ct)).ConfigureAwait(false);
        }

        return await scan.ConfigureAwait(false);
    }

    private static async Task FollowAsync(ProgressTask line, ManagerApiClient api, string name, long? repositoryId, Task scan, TimeProvider time, CancellationToken ct)
    {
        while (await Task.WhenAny(scan, Task.Delay(s_interval, time, ct)).ConfigureAwait(false) != scan && !ct.IsCancellationRequested)
        {
            if (repositoryId is { } id && await TryLookAsync(api, id, ct).ConfigureAwait(false) is { TotalFiles: > 0 and var total } now)
            {
                line.Description = Markup.Escape($"{PrintableText.Line(name)}: {Describe(now, total)}");
                line.IsIndeterminate = false;
                line.MaxValue = total;
                line.Value = Math.Min(now.Files, total);
            }
        }
    }

    /// <summary>The scan itself tells what is wrong; not to see how far it is, is no failure of the command.</summary>
    private static async Task<ScanProgressDto?> TryLookAsync(ManagerApiClient api, long id, CancellationToken ct)
    {
        try
        {
            return (await api.GetRepositoryAsync(id, ct).ConfigureAwait(false)).Scan;
        }
        catch (Exception fault) when (fault is ManagerApiException or HttpRequestException)
        {
            return null;
        }
    }

    internal static string Describe(ScanProgressDto scan, int total)
    {
        var rate = scan.FilesPerSecond is { } speed ? string.Create(CultureInfo.InvariantCulture, $", {speed:#,0.#} files/s") : "";
        var left = scan.RemainingSeconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $", {Math.Ceiling(seconds):#,0} s left") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{scan.Files:#,0} of {total:#,0} files, {scan.Findings:#,0} findings{rate}{left}");
    }
}
