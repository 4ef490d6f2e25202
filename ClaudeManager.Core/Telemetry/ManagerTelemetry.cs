using System.Diagnostics;

namespace ClaudeManager.Core.Telemetry;

public static class ManagerTelemetry
{
    /// <summary>Name of the one activity source and prefix of every meter.</summary>
    public const string Name = "ClaudeManager";

    public static readonly ActivitySource Source = new(Name);
}
