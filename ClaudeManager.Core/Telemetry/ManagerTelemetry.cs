using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ClaudeManager.Core.Telemetry;

public static class ManagerTelemetry
{
    /// <summary>Name of the one activity source and prefix of every meter.</summary>
    public const string Name = "ClaudeManager";

    public static readonly ActivitySource Source = new(Name);

    /// <summary>Links what runs now to the trace a piece of work began with. Only that trace is known, not the span in it: the link's span id is the first half of the trace's, because none is not valid.</summary>
    public static void Follow(Activity activity, string correlationId)
    {
        var trace = ActivityTraceId.CreateFromString(correlationId);
        if (activity.TraceId != trace && activity.Links.All(link => link.Context.TraceId != trace))
        {
            activity.AddLink(new ActivityLink(new ActivityContext(trace, ActivitySpanId.CreateFromString(correlationId.AsSpan(0, 16)), ActivityTraceFlags.None, isRemote: true)));
        }
    }

    /// <summary>The one meter. The factory gives the same instance for the same name, so features share it without passing it around.</summary>
    public static Meter CreateMeter(IMeterFactory meters) => meters.Create(Name);
}
