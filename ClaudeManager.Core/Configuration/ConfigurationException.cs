using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Configuration;

/// <summary>The program cannot run with this configuration; the report says why and what to do. At start it ends the program with exit code 78.</summary>
public sealed class ConfigurationException(ConfigurationReport report)
    : ClaudeManagerException(ErrorCodes.ConfigurationInvalid, $"The configuration is not valid:\n{report}", "Correct what the report names; `claude-manager validate` checks without starting.")
{
    public ConfigurationReport Report { get; } = report;
}
