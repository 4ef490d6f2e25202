using ClaudeManager.Core.Contracts;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Resilience.Pipelines;

internal static partial class Log
{
    [LoggerMessage(8101, LogLevel.Warning, "Circuit breaker {Breaker} is now {State}: {Reason}")]
    public static partial void Opened(ILogger logger, string breaker, CircuitPosition state, string? reason);

    [LoggerMessage(8103, LogLevel.Debug, "{Upstream}: attempt {Attempt} failed, the next one comes in {Seconds} s: {Reason}")]
    public static partial void Repeated(ILogger logger, string upstream, int attempt, double seconds, string reason);

    [LoggerMessage(8102, LogLevel.Information, "Circuit breaker {Breaker} is now {State}")]
    public static partial void Moved(ILogger logger, string breaker, CircuitPosition state);
}
