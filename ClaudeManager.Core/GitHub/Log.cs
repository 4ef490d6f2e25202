using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub;

internal static partial class Log
{
    [LoggerMessage(7001, LogLevel.Warning, "GitHub refused {Credential} by a limit of {Resource} with {Status}; nothing is sent for {Seconds} s")]
    public static partial void Limited(ILogger logger, string credential, string resource, int status, double seconds);

    [LoggerMessage(7002, LogLevel.Warning, "GitHub redirects {From} to {To}: the repository has another name now")]
    public static partial void Moved(ILogger logger, string from, string to);

    [LoggerMessage(7003, LogLevel.Warning, "The mirror {Mirror} was damaged and is made anew: {Reason}")]
    public static partial void MirrorRemade(ILogger logger, string mirror, string reason);

    [LoggerMessage(7004, LogLevel.Information, "The mirror {Mirror} had {Count} locks left by a git that is gone; they are removed")]
    public static partial void LocksRemoved(ILogger logger, string mirror, int count);

    [LoggerMessage(7005, LogLevel.Warning, "The store of kept answers is away: GitHub is asked for everything, and what it answers is not kept")]
    public static partial void AnswersAway(ILogger logger, Exception exception);

    [LoggerMessage(7006, LogLevel.Warning, "What {Credential} may spend of {Resource} is known to this process alone: the store is away")]
    public static partial void LimitNotShared(ILogger logger, string credential, string resource, Exception exception);
}
