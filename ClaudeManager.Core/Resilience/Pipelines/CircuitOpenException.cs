using System.Globalization;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>A breaker refused the call; the upstream heard nothing of it.</summary>
/// <param name="name">Of the breaker.</param>
/// <param name="until">When the next trial is; null when an operator has isolated it.</param>
public sealed class CircuitOpenException(string name, DateTimeOffset? until, string? reason) : ClaudeManagerException(
    ErrorCodes.CircuitOpen,
    until is { } at
        ? string.Create(CultureInfo.InvariantCulture, $"{name} is not called before {at.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}, because too many calls failed{(reason is null ? "" : ": " + reason)}")
        : $"{name} is not called, because an operator isolated it: {reason}",
    until is null ? "Reset the breaker when calls may go there again." : null)
{
    public string Breaker { get; } = name;
}
