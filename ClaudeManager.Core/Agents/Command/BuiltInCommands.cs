using ClaudeManager.Core.Configuration;

namespace ClaudeManager.Core.Agents.Command;

/// <summary>Commands that come with the service and need no configuration, by name. Their names are reserved: the configuration cannot replace them.</summary>
public sealed record BuiltInCommands(IReadOnlyDictionary<string, CommandAgentConfiguration> Commands)
{
    /// <summary>The agent of the sample repository.</summary>
    public const string Sample = "sample";

    public static readonly BuiltInCommands None = new(new Dictionary<string, CommandAgentConfiguration>());
}
