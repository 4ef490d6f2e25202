using System.Collections.Concurrent;
using ClaudeManager.Core.Configuration;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>All breakers of this process, one for each upstream and host it has called.</summary>
public sealed class CircuitBreakers(CurrentConfiguration configuration, TimeProvider time, ILogger<CircuitBreakers> logger)
{
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<string, Circuit> _circuits = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _isolated = new(StringComparer.Ordinal);

    public IReadOnlyList<CircuitBreakerState> Snapshot() => [.. _circuits.Values.Select(circuit => circuit.Read()).OrderBy(state => state.Name, StringComparer.Ordinal)];

    /// <summary>Refuses every call until <see cref="Reset"/>; where none was made yet, from the first one on.</summary>
    public void Isolate(string name, string reason)
    {
        lock (_lock)
        {
            _isolated[name] = reason;
            if (_circuits.TryGetValue(name, out var circuit))
            {
                circuit.Isolate(reason);
            }
        }
    }

    /// <summary>Closes it, isolated or open, and forgets what it has counted.</summary>
    public void Reset(string name)
    {
        lock (_lock)
        {
            _isolated.Remove(name);
            if (_circuits.TryGetValue(name, out var circuit))
            {
                circuit.Reset();
            }
        }
    }

    internal Circuit<T> Of<T>(Upstream<T> upstream, string host)
    {
        var name = $"{upstream.Name}/{host}";
        if (_circuits.TryGetValue(name, out var known))
        {
            return (Circuit<T>)known;
        }

        lock (_lock)
        {
            return (Circuit<T>)_circuits.GetOrAdd(name, _ =>
            {
                var made = new Circuit<T>(upstream, host, upstream.Configuration(configuration.Value.Resilience), time, logger);
                if (_isolated.TryGetValue(name, out var reason))
                {
                    made.Isolate(reason);
                }

                return made;
            });
        }
    }
}
