using System.Collections.Concurrent;
using ClaudeManager.Core.Configuration;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>All breakers of this process, one for each upstream and host it has called.</summary>
public sealed class CircuitBreakers(CurrentConfiguration configuration, TimeProvider time, ILogger<CircuitBreakers> logger)
{
    private readonly ConcurrentDictionary<string, Circuit> _circuits = new(StringComparer.Ordinal);

    public IReadOnlyList<CircuitBreakerState> Snapshot() => [.. _circuits.Values.Select(circuit => circuit.Read()).OrderBy(state => state.Name, StringComparer.Ordinal)];

    /// <summary>Refuses every call until <see cref="TryReset"/>.</summary>
    /// <returns>False when there is no such breaker here.</returns>
    public bool TryIsolate(string name, string reason)
    {
        if (!_circuits.TryGetValue(name, out var circuit))
        {
            return false;
        }

        circuit.Isolate(reason);
        return true;
    }

    /// <summary>Closes it, isolated or open, and forgets what it has counted.</summary>
    /// <returns>False when there is no such breaker here.</returns>
    public bool TryReset(string name)
    {
        if (!_circuits.TryGetValue(name, out var circuit))
        {
            return false;
        }

        circuit.Reset();
        return true;
    }

    internal Circuit<T> Of<T>(Upstream<T> upstream, string host)
        => (Circuit<T>)_circuits.GetOrAdd($"{upstream.Name}/{host}", static (_, made) => new Circuit<T>(made.upstream, made.host, made.configuration, made.time, made.logger),
            (upstream, host, configuration: upstream.Configuration(configuration.Value.Resilience), time, logger));
}
