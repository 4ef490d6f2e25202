using System.Diagnostics.Metrics;
using ClaudeManager.Core.Telemetry;

namespace ClaudeManager.Core.RateLimiting;

/// <summary>Counts by where and how it was decided; never by key, of which there are as many as clients.</summary>
internal sealed class LimiterTelemetry
{
    private readonly Counter<long> _decisions;
    private readonly Counter<long> _moves;

    public LimiterTelemetry(IMeterFactory meters)
    {
        var meter = ManagerTelemetry.CreateMeter(meters);
        _decisions = meter.CreateCounter<long>("claude_manager.rate_limits.decisions", "{decision}", "Requests admitted and refused by a rate limit, by where it was counted.");
        _moves = meter.CreateCounter<long>("claude_manager.rate_limits.moves", "{move}", "How often the limiter left Redis for its local share, and came back.");
    }

    public void Decided(LimiterSource source, bool allowed) => _decisions.Add(1, new("source", Name(source)), new("outcome", allowed ? "allowed" : "refused"));

    public void Moved(LimiterSource to) => _moves.Add(1, new KeyValuePair<string, object?>("to", Name(to)));

    private static string Name(LimiterSource source) => source switch
    {
        LimiterSource.InProcess => "in_process",
        LimiterSource.Shared => "shared",
        LimiterSource.LocalShare => "local_share",
    };
}
