using ClaudeManager.Core.Configuration;
using Polly;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>What an attempt says of the upstream.</summary>
internal enum Verdict
{
    /// <summary>It did its work, be the answer yes or no.</summary>
    Answered,

    /// <summary>It did not. Where the call may be repeated, it is; enough of these open the breaker.</summary>
    Failed,

    /// <summary>It works, and wants to be asked later. Where the call may be repeated, it is, at that time.</summary>
    Busy,

    /// <summary>The upstream had no part in it: cancelled by the caller, refused by ourselves.</summary>
    Nothing,
}

/// <summary>Something outside that we call, and how its answers are read. One line makes another; <see cref="Upstreams"/> has them.</summary>
/// <param name="Name">Also the section under <c>resilience</c>.</param>
/// <param name="Judge">Of everything but what the pipeline itself makes (time-outs, refusals).</param>
/// <param name="WaitOf">How long the upstream asked us to stay away; null when it did not.</param>
internal sealed record Upstream<T>(
    string Name, Func<ResilienceConfiguration, UpstreamConfiguration> Configuration, Func<Outcome<T>, Verdict> Judge, Func<Outcome<T>, DateTimeOffset, TimeSpan?> WaitOf)
{
    /// <summary>Before the second attempt at least.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(500);
}
