using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Publishing;

internal static partial class Log
{
    [LoggerMessage(1601, LogLevel.Warning, "The reviewers of {Repository}#{Number} could not be asked")]
    public static partial void ReviewersNotAsked(ILogger logger, string repository, int number, Exception exception);
}
