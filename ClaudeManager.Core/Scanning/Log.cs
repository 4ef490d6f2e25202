using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Scanning;

internal static partial class Log
{
    [LoggerMessage(2001, LogLevel.Information, "Scanned repository {RepositoryId}: {FilesRead} files read, {Found} findings, {New} new, {Gone} gone, {Seconds:0.00} s")]
    public static partial void ScanFinished(ILogger logger, long repositoryId, int filesRead, int found, int @new, int gone, double seconds);

    [LoggerMessage(2002, LogLevel.Warning, "The scan of repository {RepositoryId} failed")]
    public static partial void ScanFailed(ILogger logger, long repositoryId, Exception exception);

    [LoggerMessage(2003, LogLevel.Warning, "How far the scan of repository {RepositoryId} is cannot be written; the scan goes on")]
    public static partial void ProgressNotWritten(ILogger logger, long repositoryId, Exception exception);
}
