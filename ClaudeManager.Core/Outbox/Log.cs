using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Outbox;

internal static partial class Log
{
    [LoggerMessage(1401, LogLevel.Warning, "Effect {Kind} (entry {Id}, attempt {Attempt}) did not happen: {Failure}")]
    public static partial void EffectFailed(ILogger logger, string kind, long id, int attempt, string failure, Exception exception);
}
