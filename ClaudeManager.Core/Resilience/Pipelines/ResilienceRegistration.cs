using ClaudeManager.Core.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Resilience.Pipelines;

internal static class ResilienceRegistration
{
    /// <summary>Breakers and pipelines, once per container. A container with a store alone has no configuration, and takes the defaults.</summary>
    public static IServiceCollection AddResilience(this IServiceCollection services)
    {
        services.AddLogging();
        services.TryAddSingleton(new CurrentConfiguration(ManagerConfiguration.Default));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<CircuitBreakers>();
        services.TryAddSingleton(p => new UpstreamPipelines(
            p.GetRequiredService<CurrentConfiguration>(), p.GetRequiredService<CircuitBreakers>(), p.GetRequiredService<TimeProvider>(), Random.Shared, p.GetRequiredService<ILogger<UpstreamPipelines>>()));
        return services;
    }
}
