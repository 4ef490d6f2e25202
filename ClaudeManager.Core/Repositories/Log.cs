using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Repositories;

internal static partial class Log
{
    [LoggerMessage(1501, LogLevel.Warning, "github.reposToScan names {Place}, which cannot be read as a git repository on this machine; the others are registered")]
    public static partial void NotRegistered(ILogger logger, string place);
}
