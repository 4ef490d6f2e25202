using System.Globalization;
using ClaudeManager.Api.Errors;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.RateLimiting.Inbound;
using ClaudeManager.ServiceDefaults;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.HttpOverrides;

namespace ClaudeManager.Api.RateLimiting;

/// <summary>
/// The first thing a request meets. Every answer to a client with limits says how it stands: <c>RateLimit-*</c> (draft-ietf-httpapi-ratelimit-headers-03, seconds) and the older <c>X-RateLimit-*</c>
/// (its reset as Unix time, as GitHub has it).
/// </summary>
internal sealed class InboundLimits(RequestDelegate next, InboundRateLimits limits, TimeProvider time)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (limits.IsFree(context.Connection.RemoteIpAddress) || ServiceDefaultsExtensions.IsHealthPath(context.Request.Path))
        {
            await next(context);
            return;
        }

        var client = ClientKey.Of(context.Connection.RemoteIpAddress);
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var suspicion = SuspiciousRequest.ReasonOf(target, context.Request.Headers.UserAgent.ToString());
        var admission = await limits.AdmitAsync(client, context.GetEndpoint()?.Metadata.GetMetadata<OperationDescriptor>()?.Class == OperationClass.Heavy, suspicion, context.RequestAborted);
        if (admission.Limit is not null)
        {
            context.Response.OnStarting(() =>
            {
                Describe(context.Response.Headers, admission);
                return Task.CompletedTask;
            });
        }

        if (!admission.Allowed)
        {
            await RefuseAsync(context, admission);
            return;
        }

        await next(context);
        if (context.Response.StatusCode is StatusCodes.Status401Unauthorized or StatusCodes.Status404NotFound)
        {
            await limits.MissedAsync(client, CancellationToken.None);
        }
    }

    private void Describe(IHeaderDictionary headers, Admission admission)
    {
        var (limit, remaining) = (Text(admission.Limit!.Value.Burst), Text(admission.Reading.Remaining));
        var reset = Seconds(admission.Reading.Reset);
        (headers["RateLimit-Limit"], headers["RateLimit-Remaining"], headers["RateLimit-Reset"]) = (limit, remaining, Text(reset));
        (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"], headers["X-RateLimit-Reset"]) = (limit, remaining, Text(time.GetUtcNow().ToUnixTimeSeconds() + reset));
    }

    private Task RefuseAsync(HttpContext context, Admission admission)
    {
        var wait = Math.Max(1, Seconds(admission.BlockedUntil is { } until ? until - time.GetUtcNow() : admission.Reading.RetryAfter));
        context.Response.Headers.RetryAfter = Text(wait);
        var refusal = admission.BlockedUntil is null
            ? new Refusal(RefusalKind.TooMany, ErrorCodes.RateLimited, "Too many requests.", $"Ask again in {wait} s.") { ClearsAt = time.GetUtcNow().AddSeconds(wait) }
            : new Refusal(RefusalKind.TooMany, ErrorCodes.ClientBlocked, "This address is shut out because it violated the limits again and again.", $"It ends by itself in {wait} s; an operator can lift it (claude-manager security blocks lift).") { ClearsAt = admission.BlockedUntil };
        return refusal.ToProblem().ExecuteAsync(context);
    }

    // Never a moment too early.
    private static long Seconds(TimeSpan span) => (long)Math.Ceiling(span.TotalSeconds);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

internal static class InboundLimitsRegistration
{
    /// <summary>Whose request it is: the peer's address, or, where the peer is a proxy that is trusted, the last address that is not one's.</summary>
    public static IServiceCollection AddInboundLimits(this IServiceCollection services)
    {
        services.AddOptions<ForwardedHeadersOptions>().Configure<CurrentConfiguration>((options, configuration) =>
        {
            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor;
            // As many as there are: it goes from right to left and stops at the first that is not trusted, so whatever a client writes there itself is never reached.
            options.ForwardLimit = null;
            foreach (var network in configuration.Value.Server.TrustedProxies)
            {
                options.KnownIPNetworks.Add(network);
            }
        });
        return services;
    }

    public static IApplicationBuilder UseInboundLimits(this IApplicationBuilder app) => app.UseForwardedHeaders().UseMiddleware<InboundLimits>();
}
