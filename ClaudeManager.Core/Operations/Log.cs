using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Operations;

internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Error, "Operation {Operation} failed: {Code} ({Failure}), correlation {CorrelationId}")]
    public static partial void OperationFailed(ILogger logger, string operation, string code, string failure, string correlationId, Exception exception);

    [LoggerMessage(1002, LogLevel.Warning, "Operation {Operation} refused: {Code} ({Failure}), correlation {CorrelationId}")]
    public static partial void OperationRefused(ILogger logger, string operation, string code, string failure, string correlationId, Exception exception);

    [LoggerMessage(1003, LogLevel.Debug, "Operation {Operation} was not tried: {Code}, correlation {CorrelationId}")]
    public static partial void OperationNotTried(ILogger logger, string operation, string code, string correlationId, Exception exception);
}
