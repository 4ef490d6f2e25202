using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace ClaudeManager.ServiceDefaults;

/// <summary>What every host of ours has in common: telemetry, health endpoints, service discovery and HTTP resilience. No domain code.</summary>
public static class ServiceDefaultsExtensions
{
    /// <summary>Tag of checks that say only that this process lives.</summary>
    public const string LiveTag = "live";

    /// <summary>Tag of checks that say that this process may be given traffic.</summary>
    public const string ReadyTag = "ready";

    private const string AlivePath = "/alive";
    private const string ReadyPath = "/readyz";
    private const string HealthPath = "/health";

    /// <param name="telemetry">False for a second host in one process: the first host's providers already hear the whole process.</param>
    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder, bool telemetry = true)
        where TBuilder : IHostApplicationBuilder
    {
        if (telemetry)
        {
            builder.AddTelemetry();
        }

        // Every statement of every loop, each second, is not information; what goes wrong with one is still said.
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore.Database.Command", LogLevel.Warning);
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag]);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http =>
        {
            // A POST that timed out may have taken effect: only safe methods are tried again.
            http.AddStandardResilienceHandler(options => options.Retry.DisableForUnsafeHttpMethods());
            http.AddServiceDiscovery();
        });
        return builder;
    }

    /// <summary>Health answers in every environment, because probes need them there; each says one word and no detail.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks(AlivePath, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) });
        app.MapHealthChecks(ReadyPath, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) || check.Tags.Contains(ReadyTag) });
        app.MapHealthChecks(HealthPath);
        return app;
    }

    private static void AddTelemetry<TBuilder>(this TBuilder builder)
        where TBuilder : IHostApplicationBuilder
    {
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        var telemetry = builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter("ClaudeManager*"))
            .WithTracing(tracing => tracing
                .AddSource(builder.Environment.ApplicationName)
                .AddSource("ClaudeManager*")
                .AddAspNetCoreInstrumentation(options => options.Filter = context => !IsHealthPath(context.Request.Path))
                .AddHttpClientInstrumentation());
        if (!string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            telemetry.UseOtlpExporter();
        }
    }

    /// <summary>Probes come from anywhere and as often as they like.</summary>
    public static bool IsHealthPath(PathString path)
        => path.StartsWithSegments(AlivePath) || path.StartsWithSegments(ReadyPath) || path.StartsWithSegments(HealthPath);
}
