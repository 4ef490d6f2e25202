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
}
