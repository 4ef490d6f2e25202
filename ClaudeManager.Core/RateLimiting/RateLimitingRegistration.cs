using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.RateLimiting;

internal static class RateLimitingRegistration
{
    /// <summary>One limiter per container: in Redis where one is configured, else in this process.</summary>
    public static IServiceCollection AddRateLimiting(this IServiceCollection services, RedisConfiguration redis)
    {
        services.AddSingleton<LimiterTelemetry>();
        return redis.Connection is { } connection
            ? services.AddSingleton<IRateLimiter>(p =>
            {
                var time = p.GetRequiredService<TimeProvider>();
                var instances = p.GetRequiredService<InstanceRegistry>();
                return new FailoverRateLimiter(
                    new RedisRateLimiter(RedisRateLimiter.Options(connection.Reveal()), redis.KeyPrefix, time),
                    () => new LiveInstances(instances.LivePeers, instances.LiveInstances),
                    time,
                    p.GetRequiredService<LimiterTelemetry>(),
                    p.GetRequiredService<ILogger<FailoverRateLimiter>>());
            })
            : services.AddSingleton<IRateLimiter>(p =>
            {
                // What comes in is counted where it arrives; what goes out meets one limit, whoever sent it.
                var instances = p.GetRequiredService<InstanceRegistry>();
                return new InProcessRateLimiter(p.GetRequiredService<TimeProvider>(), p.GetRequiredService<LimiterTelemetry>(), () => new LiveInstances(1, instances.LiveInstances));
            });
    }
}
