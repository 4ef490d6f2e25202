namespace ClaudeManager.Web.Services;

internal static partial class Log
{
    [LoggerMessage(5200, LogLevel.Information, "Event feed connected")]
    public static partial void FeedConnected(this ILogger logger);

    [LoggerMessage(5201, LogLevel.Warning, "Event feed lost: {Reason}. Next attempt in {Delay}")]
    public static partial void FeedLost(this ILogger logger, string reason, TimeSpan delay);

    [LoggerMessage(5202, LogLevel.Error, "A page could not take an event")]
    public static partial void SubscriberFailed(this ILogger logger, Exception exception);
}
