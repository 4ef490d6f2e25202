namespace ClaudeManager.Tests.Shared.Faults;

/// <summary>What is wrong with the way just now. All of it holds for connections that live, too, from the next byte on.</summary>
public sealed record Toxics
{
    public static readonly Toxics None = new();

    /// <summary>Each piece of data comes so much later, in both directions. Throughput is not touched.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>Bytes a second in each direction of each connection; 0: no limit.</summary>
    public int Bandwidth { get; init; }

    /// <summary>Nothing comes through, and nothing is said; connections are accepted and stay open. What was sent meanwhile arrives when it ends.</summary>
    public bool BlackHole { get; init; }

    /// <summary>An end of one side is told to the other so much later.</summary>
    public TimeSpan SlowClose { get; init; }
}
