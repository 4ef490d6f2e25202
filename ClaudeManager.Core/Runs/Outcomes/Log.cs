using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs.Outcomes;

internal static partial class Log
{
    [LoggerMessage(1701, LogLevel.Warning, "Pull request {Repository}#{Number} could not be looked at; it is tried again")]
    public static partial void PullRequestNotHandled(ILogger logger, string repository, int number, Exception exception);

    [LoggerMessage(1702, LogLevel.Warning, "Pull request {Repository}#{Number} is out of reach: its repository is gone, or private to this credential")]
    public static partial void PullRequestOutOfReach(ILogger logger, string repository, int number);

    [LoggerMessage(1703, LogLevel.Warning, "What became of branch {Branch} of run {RunId} could not be found out; it is tried again")]
    public static partial void BranchNotHandled(ILogger logger, string branch, long runId, Exception exception);
}
