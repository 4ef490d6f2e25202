using System.Net;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.Resilience;

/// <summary>The pipeline of one upstream, with the settings of its own that a test gives it.</summary>
internal sealed class PipelineGround
{
    public static readonly UpstreamConfiguration Defaults = new()
    {
        Attempts = 3,
        TotalTimeout = TimeSpan.FromSeconds(60),
        AttemptTimeout = TimeSpan.FromSeconds(10),
        Concurrency = 1_000,
        MinimumThroughput = 10,
        Window = TimeSpan.FromSeconds(30),
        Break = TimeSpan.FromSeconds(15),
    };

    private readonly CurrentConfiguration _configuration;
    private readonly UpstreamPipelines _pipelines;

    public PipelineGround(TimeProvider time, UpstreamConfiguration? upstream = null)
    {
        _configuration = new CurrentConfiguration(ManagerConfiguration.Default with { Resilience = new ResilienceConfiguration { Registry = upstream ?? Defaults } });
        Breakers = new CircuitBreakers(_configuration, time, NullLogger<CircuitBreakers>.Instance);
        _pipelines = new UpstreamPipelines(_configuration, Breakers, time, new Random(5), NullLogger<UpstreamPipelines>.Instance);
    }

    public CircuitBreakers Breakers { get; }

    public UpstreamPipeline<HttpResponseMessage> Pipeline(string host = "one") => _pipelines.Of(Upstreams.Registry, host);

    public CircuitBreakerState State(string host = "one") => Breakers.Snapshot().Single(s => s.Host == host);

    public Task<HttpResponseMessage> CallAsync(Func<CancellationToken, Task<HttpResponseMessage>> attempt, bool repeatable = true, string host = "one")
        => CancellableAsync(attempt, TestContext.Current.CancellationToken, repeatable, host);

    public Task<HttpResponseMessage> CancellableAsync(Func<CancellationToken, Task<HttpResponseMessage>> attempt, CancellationToken ct, bool repeatable = true, string host = "one")
        => Pipeline(host).ExecuteAsync(static (s, token) => new ValueTask<HttpResponseMessage>(s(token)), attempt, repeatable, ct).AsTask();

    public static async Task<HttpResponseMessage> Answer(HttpStatusCode status)
    {
        // Later than the call, as every real answer: what counts only what a method throws at once misses it.
        await Task.Yield();
        return new HttpResponseMessage(status);
    }

    public static async Task<HttpResponseMessage> Break()
    {
        await Task.Yield();
        throw new HttpRequestException("The connection broke.");
    }
}
