using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.RateLimiting.Inbound;

internal static partial class Log
{
    [LoggerMessage(8010, LogLevel.Warning, "Client {Client} violated a limit: {Reason}")]
    public static partial void Violation(ILogger logger, string client, string reason);

    [LoggerMessage(8011, LogLevel.Warning, "Client {Client} is shut out until {Until:O}: {Reason}")]
    public static partial void ClientBlocked(ILogger logger, string client, string reason, DateTimeOffset until);
}
