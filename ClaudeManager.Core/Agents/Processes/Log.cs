using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Agents.Processes;

internal static partial class Log
{
    [LoggerMessage(LogLevel.Error, "{Count} processes of {ProcessId} do not end on SIGKILL; they are in the hands of the kernel")]
    public static partial void NotKilled(ILogger logger, int processId, int count);

    [LoggerMessage(LogLevel.Warning, "Something process {ProcessId} started got out of its session and environment and still holds its output")]
    public static partial void OutputHeldOpen(ILogger logger, int processId);

    [LoggerMessage(LogLevel.Warning, "Ended process {ProcessId}, left over from instance {BootId}, run {RunId}")]
    public static partial void Reaped(ILogger logger, int processId, string bootId, long? runId);

    [LoggerMessage(LogLevel.Debug, "The end of process {ProcessId} could not be recorded after the fault that stopped it")]
    public static partial void EndNotRecorded(ILogger logger, Exception exception, int processId);
}
