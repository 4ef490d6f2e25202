using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Security;

internal static partial class Log
{
    [LoggerMessage(1101, LogLevel.Warning,
        "No CREDENTIAL_ENCRYPTION_KEY is set: created the master key {KeyId} in {File}. Back this file up; without it approvals and credentials of this store are lost")]
    public static partial void MasterKeyCreated(ILogger logger, string keyId, string file);
}
