using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Agents.Gateway;

internal static partial class Log
{
    [LoggerMessage(LogLevel.Warning, "The request of run {RunId} to the model API at {Host} failed")]
    public static partial void UpstreamFailed(ILogger logger, Exception exception, long runId, string host);
}
