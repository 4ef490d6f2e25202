using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ClaudeManager.Core.Telemetry;

public static class ManagerTelemetry
{
    /// <summary>Name of the one activity source and prefix of every meter.</summary>
    public const string Name = "ClaudeManager";

    public static readonly ActivitySource Source = new(Name);

    /// <summary>The one meter. The factory gives the same instance for the same name, so features share it without passing it around.</summary>
    public static Meter CreateMeter(IMeterFactory meters) => meters.Create(Name);
}
