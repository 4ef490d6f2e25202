using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs;

internal static partial class Log
{
    [LoggerMessage(4001, LogLevel.Warning, "The lease of run {RunId} (attempt {Attempt}) is lost: its agent is stopped and nothing more is written")]
    public static partial void LeaseLost(ILogger logger, long runId, int attempt);

    [LoggerMessage(4002, LogLevel.Warning, "The lease of run {RunId} could not be renewed; it is tried again")]
    public static partial void LeaseNotRenewed(ILogger logger, long runId, Exception exception);

    [LoggerMessage(4003, LogLevel.Information, "Run {RunId} (attempt {Attempt}) starts: {Agent} on work item {WorkItemId}")]
    public static partial void RunStarts(ILogger logger, long runId, int attempt, string agent, long workItemId);

    [LoggerMessage(4004, LogLevel.Information, "Run {RunId} ended: {Reason}")]
    public static partial void RunEnded(ILogger logger, long runId, string reason);

    [LoggerMessage(4005, LogLevel.Error, "Run {RunId} (attempt {Attempt}) failed in the service itself")]
    public static partial void RunFaulted(ILogger logger, long runId, int attempt, Exception exception);

    [LoggerMessage(4006, LogLevel.Warning, "Run {RunId} goes back to the queue: {Why}")]
    public static partial void RunRequeued(ILogger logger, long runId, string why);

    [LoggerMessage(4007, LogLevel.Warning, "A snapshot of run {RunId} failed; the next one is tried in a minute")]
    public static partial void SnapshotFailed(ILogger logger, long runId, Exception exception);

    [LoggerMessage(4008, LogLevel.Warning, "Process {ProcessId} of a dead worker was stopped (run {RunId})")]
    public static partial void OrphanStopped(ILogger logger, int processId, long runId);

    [LoggerMessage(4009, LogLevel.Warning, "The workspace of run {RunId} could not be removed; it is tried again")]
    public static partial void WorkspaceNotRemoved(ILogger logger, long runId, Exception exception);

    [LoggerMessage(4010, LogLevel.Warning, "Whether run {RunId} is to be cancelled could not be read; it is asked again in a second")]
    public static partial void CancellationNotRead(ILogger logger, long runId, Exception exception);

    [LoggerMessage(4011, LogLevel.Warning, "No workspace could be made ahead of time for repository {RepositoryId}; its runs start without until it moves on")]
    public static partial void WorkspaceNotPrepared(ILogger logger, long repositoryId, Exception exception);

    [LoggerMessage(4012, LogLevel.Warning, "The agent's session of run {RunId} could not be saved; it is tried again with the next snapshot")]
    public static partial void SessionNotSaved(ILogger logger, long runId, Exception exception);

    [LoggerMessage(4013, LogLevel.Information, "Run {RunId} is parked: {Why}")]
    public static partial void RunParked(ILogger logger, long runId, string why);
}
