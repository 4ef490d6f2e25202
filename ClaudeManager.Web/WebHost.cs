using ClaudeManager.Core.Contracts;
using ClaudeManager.ServiceDefaults;
using ClaudeManager.Web.Components;
using ClaudeManager.Web.Forwarding;
using ClaudeManager.Web.Security;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Http.Resilience;
using MudBlazor;
using MudBlazor.Services;

namespace ClaudeManager.Web;

/// <summary>The dashboard and the one public origin, for its own <c>Program.cs</c> and for the all-in-one host.</summary>
public static class WebHost
{
    /// <summary>Expects <see cref="ServiceDefaultsExtensions.AddServiceDefaults{TBuilder}"/> to have been called.</summary>
    public static WebApplicationBuilder AddWeb(this WebApplicationBuilder builder, WebSettings settings)
    {
        // Without this every asset fails from build output outside Development; published, it does nothing.
        builder.WebHost.UseStaticWebAssets();
        builder.WebHost.ConfigureKestrel(options => options.AddServerHeader = false);

        var services = builder.Services;
        services.AddLoopbackOnly();
        services.Configure<HostFilteringOptions>(options =>
        {
            // A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding); it cannot make the browser send one of these.
            options.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"];
            options.AllowEmptyHosts = false;
        });
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddMudServices(options =>
        {
            options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomRight;
            options.SnackbarConfiguration.VisibleStateDuration = 6000;
        });
        services.AddHttpForwarder();
        services.AddSingleton<ApiForwarder>();
        services.AddSingleton<EventFeed>();
        services.AddHostedService(provider => provider.GetRequiredService<EventFeed>());
        services.AddScoped<ViewerClock>();
        services.AddApiClients(settings);
        services.AddSingleton(TimeProvider.System);
        return builder;
    }

    public static WebApplication MapWeb(this WebApplication app)
    {
        app.UseMiddleware<SecurityHeaders>();
        app.UseMiddleware<SameOriginOnly>();
        app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
        app.UseAntiforgery();
        app.MapStaticAssets();
        app.Map("/api/v1/{**path}", (HttpContext context, ApiForwarder forwarder) => forwarder.ForwardAsync(context))
            .WithMetadata(new SkipStatusCodePagesAttribute())
            .DisableAntiforgery();
        app.MapRazorComponents<App>()
            .AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null);
        return app;
    }

    private static void AddApiClients(this IServiceCollection services, WebSettings settings)
    {
        // The clients live as long as a circuit does, so addresses are refreshed by the connection pool and not by handler rotation.
        // One resilience pipeline each, never the default one beside it: they would multiply.
#pragma warning disable EXTEXP0001 // RemoveAllResilienceHandlers is the only way to leave out the default.
        services.AddHttpClient<ManagerApiClient>(client => Address(client, settings))
            .UseSocketsHttpHandler((handler, _) => handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5))
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllResilienceHandlers()
            .AddStandardResilienceHandler(options =>
            {
                // A first scan of a large repository answers after minutes.
                options.AttemptTimeout.Timeout = TimeSpan.FromMinutes(5);
                options.TotalRequestTimeout.Timeout = TimeSpan.FromMinutes(10);
                options.CircuitBreaker.SamplingDuration = TimeSpan.FromMinutes(10);
                options.Retry.MaxRetryAttempts = 2;
                options.Retry.Delay = TimeSpan.FromMilliseconds(200);
                options.Retry.DisableForUnsafeHttpMethods();
            });
        services.AddHttpClient(EventFeed.ClientName, client => Address(client, settings))
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllResilienceHandlers();
        services.AddHttpClient(ApiForwarder.ClientName, client => client.BaseAddress = settings.ApiAddress())
            .ConfigurePrimaryHttpMessageHandler(ApiForwarder.CreateHandler)
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllResilienceHandlers();
#pragma warning restore EXTEXP0001
        services.AddSingleton(settings);
    }

    private static void Address(HttpClient client, WebSettings settings)
    {
        client.BaseAddress = settings.ApiAddress();
        client.Timeout = Timeout.InfiniteTimeSpan;
    }
}
