using System.Collections.Concurrent;
using ClaudeManager.Core.Configuration;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>The pipelines of this process: one for each upstream and host, made at its first call with the settings of that moment.</summary>
internal sealed class UpstreamPipelines(CurrentConfiguration configuration, CircuitBreakers breakers, TimeProvider time, Random random, ILogger<UpstreamPipelines> logger)
{
    private readonly ConcurrentDictionary<(string Upstream, string Host), object> _pipelines = new();

    /// <param name="host">Without user or password: it is shown.</param>
    public UpstreamPipeline<T> Of<T>(Upstream<T> upstream, string host)
        => _pipelines.TryGetValue((upstream.Name, host), out var known) ? (UpstreamPipeline<T>)known : Make(upstream, host);

    private UpstreamPipeline<T> Make<T>(Upstream<T> upstream, string host)
        => (UpstreamPipeline<T>)_pipelines.GetOrAdd((upstream.Name, host), _ => new UpstreamPipeline<T>(upstream, breakers.Of(upstream, host), upstream.Configuration(configuration.Value.Resilience), time, random, logger));
}
