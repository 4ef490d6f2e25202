using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.WorkItems.Proposals;

internal static partial class Log
{
    [LoggerMessage(1501, LogLevel.Warning, "The issues of {Repository} could not be looked at")]
    public static partial void PollFailed(ILogger logger, string repository, Exception exception);

    [LoggerMessage(1502, LogLevel.Warning, "Issue {Repository}#{Number} could not be dealt with; it is looked at again")]
    public static partial void IssueNotHandled(ILogger logger, string repository, int number, Exception exception);
}
