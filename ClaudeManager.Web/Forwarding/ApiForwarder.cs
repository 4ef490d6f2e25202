using System.Diagnostics;
using System.Net;
using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace ClaudeManager.Web.Forwarding;

/// <summary>Hands <c>/api/v1</c> on to Api: streaming both ways, no cookies, nothing tried twice.</summary>
internal sealed class ApiForwarder(IHttpForwarder forwarder, IHttpMessageHandlerFactory handlers, WebSettings settings)
{
    public const string ClientName = "api-forward";

    // The event stream is silent for as long as nothing happens; its heartbeat comes well within this.
    private static readonly ForwarderRequestConfig s_request = new() { ActivityTimeout = TimeSpan.FromMinutes(10), AllowResponseBuffering = false };

    public static HttpMessageHandler CreateHandler() => new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
        ConnectTimeout = TimeSpan.FromSeconds(5),
    };

    public async Task ForwardAsync(HttpContext context)
    {
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        using var client = new HttpMessageInvoker(handlers.CreateHandler(ClientName), disposeHandler: false);
        var error = await forwarder.SendAsync(context, settings.ApiAddress().ToString(), client, s_request, CookieFree.Instance);
        if (error is not ForwarderError.None && !context.Response.HasStarted)
        {
            await Results.Problem(
                title: "The manager's API does not answer.",
                detail: "Nothing is known about whether the request took effect. Look at the current state, then try again.",
                statusCode: context.Response.StatusCode,
                extensions: new Dictionary<string, object?>(ErrorCodes.ApiUnreachable.ToExtensions()) { ["traceId"] = Activity.Current?.TraceId.ToHexString() }).ExecuteAsync(context);
        }
    }

    /// <summary>A cookie of this origin says nothing to Api, and a cookie of Api's has no business in the browser.</summary>
    private sealed class CookieFree : HttpTransformer
    {
        private const string ForwardedFor = "X-Forwarded-For";

        public static readonly CookieFree Instance = new();

        public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.Headers.Remove(HeaderNames.Cookie);
            proxyRequest.Headers.Host = null;
            // Api counts by client: what came along may be true or made up, the last one is.
            if (httpContext.Connection.RemoteIpAddress is { } client)
            {
                proxyRequest.Headers.TryAddWithoutValidation(ForwardedFor, client.ToString());
            }
        }

        public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
        {
            var copyBody = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
            httpContext.Response.Headers.Remove(HeaderNames.SetCookie);
            return copyBody;
        }
    }
}
