using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>One breaker at one moment.</summary>
/// <param name="Name"><c>upstream/host</c>: what <see cref="CircuitBreakers.Isolate"/> and <see cref="CircuitBreakers.Reset"/> take.</param>
/// <param name="Since">When it came into this state.</param>
/// <param name="NextTrial">When the next call is let through to see whether the upstream is back; null unless it is open.</param>
/// <param name="Failures">Since then.</param>
/// <param name="Successes">Since then.</param>
/// <param name="LastTransitions">Newest first.</param>
/// <param name="Reason">Why it is in this state, if it is not closed.</param>
public sealed record CircuitBreakerState(
    string Name, string Upstream, string Host, CircuitPosition State, DateTimeOffset Since, DateTimeOffset? NextTrial, long Failures, long Successes,
    IReadOnlyList<CircuitTransition> LastTransitions, string? Reason);

public sealed record CircuitTransition(DateTimeOffset At, CircuitPosition To, string? Reason);
