using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.RateLimiting;

internal static partial class Log
{
    [LoggerMessage(8001, LogLevel.Warning, "Redis does not answer in time; limits are kept here, as one of {Instances} instances' share, until it does")]
    public static partial void RedisLost(ILogger logger, int instances, Exception exception);

    [LoggerMessage(8002, LogLevel.Debug, "Redis still does not answer in time")]
    public static partial void RedisStillLost(ILogger logger, Exception exception);

    [LoggerMessage(8003, LogLevel.Information, "Redis is back after {Seconds} s; limits are shared again")]
    public static partial void RedisBack(ILogger logger, double seconds);
}
