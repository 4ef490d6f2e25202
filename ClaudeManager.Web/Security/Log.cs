namespace ClaudeManager.Web.Security;

internal static partial class Log
{
    [LoggerMessage(5100, LogLevel.Warning, "Refused a cross-origin {Method} request")]
    public static partial void CrossOriginRefused(this ILogger logger, string method);
}
