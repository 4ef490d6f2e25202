using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace ClaudeManager.Core.Agents.Gateway;

/// <summary>
/// The only way from an agent to the model: a loopback endpoint of the worker that takes the key of a run, puts the real one in its place and passes everything else on as it is, streamed,
/// errors included. Agents therefore never hold a key worth stealing.
/// </summary>
public sealed class ModelGateway : IHostedService, IAsyncDisposable
{
    /// <summary>Above the API's own limit of 32 MB, so that it is the API that refuses.</summary>
    private const long MaxRequestBytes = 40 * 1024 * 1024;

    private static readonly string[] s_notForwarded =
        ["Host", "Authorization", "x-api-key", "Cookie", "Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Accept-Encoding", "Expect"];

    private static readonly string[] s_notReturned = ["Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer", "Set-Cookie", "Server", "Alt-Svc"];

    private readonly ConcurrentDictionary<string, ModelKey> _keys = new(StringComparer.Ordinal);
    private readonly ModelCredentials _credentials;
    private readonly TimeProvider _time;
    private readonly ILogger<ModelGateway> _logger;
    private readonly UpstreamPipeline<HttpResponseMessage> _pipeline;
    private readonly HttpMessageInvoker _upstream;
    private readonly WebApplication _app;

    internal ModelGateway(ModelCredentials credentials, CurrentConfiguration configuration, UpstreamPipelines pipelines, TimeProvider time, ILogger<ModelGateway> logger)
    {
        _credentials = credentials;
        _pipeline = pipelines.Of(Upstreams.ModelApi, credentials.BaseUrl.Authority);
        _time = time;
        _logger = logger;
        _upstream = new HttpMessageInvoker(UpstreamHandler(configuration.Value.Network));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxRequestBytes;

            // An agent reads its stream as slowly as its tools let it.
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        builder.Services.AddRoutingCore();
        _app = builder.Build();
        _app.MapPost("/v1/messages", AnswerAsync);
        _app.MapPost("/v1/messages/count_tokens", AnswerAsync);
    }

    /// <summary>What an agent gets as <c>ANTHROPIC_BASE_URL</c>; there is one once the gateway has started.</summary>
    public Uri Address => new(_app.Urls.Single());

    public Task StartAsync(CancellationToken cancellationToken) => _app.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _upstream.Dispose();
    }

    /// <summary>A key for one attempt of a run; dispose it when the agent has ended.</summary>
    public ModelKey Issue(RunIdentity run)
    {
        var key = new ModelKey(run, new SecretString("cm-run-" + RandomNumberGenerator.GetHexString(64, lowercase: true)), k => _keys.TryRemove(k.Secret.Reveal(), out _));
        _keys[key.Secret.Reveal()] = key;
        return key;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (KeyOf(context.Request) is not { } presented || !_keys.TryGetValue(presented, out var key))
        {
            await RefuseAsync(context, StatusCodes.Status401Unauthorized, "authentication_error", "This gateway takes the key of a run that is under way, and nothing else.");
            return;
        }

        try
        {
            await ForwardAsync(context, key);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The agent hung up, and the request to the model ended with it.
        }
        catch (CircuitOpenException open)
        {
            RefuseUntil(context.Response.Headers, open);
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, "api_error", open.Message);
        }
        catch (TimeoutException late)
        {
            Log.UpstreamFailed(_logger, late, key.Run.RunId, _credentials.BaseUrl.Host);
            await RefuseAsync(context, StatusCodes.Status504GatewayTimeout, "timeout_error", late.Message);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            Log.UpstreamFailed(_logger, e, key.Run.RunId, _credentials.BaseUrl.Host);
            if (context.Response.HasStarted)
            {
                // A cut stream must look cut, or half an answer would pass for a whole one.
                context.Abort();
                return;
            }

            await RefuseAsync(context, StatusCodes.Status502BadGateway, "api_error", $"The model API at {_credentials.BaseUrl.Host} could not be reached: {e.Message}");
        }
    }

    /// <summary>The one place where a request to the model and its answer pass.</summary>
    private async Task ForwardAsync(HttpContext context, ModelKey key)
    {
        var ct = context.RequestAborted;
        using var request = RequestTo(context.Request);
        using var response = await _pipeline.AttemptAsync(SendAsync, request, ct);
        key.LimitResetsAt = LimitOf(response);
        context.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated))
        {
            if (!s_notReturned.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                context.Response.Headers[name] = new StringValues([.. values]);
            }
        }

        context.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        await context.Response.StartAsync(ct);
        await using var answer = await response.Content.ReadAsStreamAsync(ct);
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await answer.ReadAsync(buffer, ct)) > 0)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), ct);
            await context.Response.Body.FlushAsync(ct);
        }
    }

    /// <summary>Until the answer begins: the breaker learns from that, and how long the stream then lasts is nobody's fault.</summary>
    private async ValueTask<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        try
        {
            return await _upstream.SendAsync(request, ct);
        }
        catch (Exception) when (ct.IsCancellationRequested)
        {
            // Whatever it looks like: the agent hung up, or the time is over.
            throw new OperationCanceledException(ct);
        }
    }

    /// <summary>Agents try again after <c>retry-after</c>; where only an operator can help, they are told not to.</summary>
    private void RefuseUntil(IHeaderDictionary headers, CircuitOpenException open)
    {
        if (open.ClearsAt is { } trial)
        {
            headers.RetryAfter = Math.Max(1, (long)Math.Ceiling((trial - _time.GetUtcNow()).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            headers["x-should-retry"] = "false";
        }
    }

    private HttpRequestMessage RequestTo(HttpRequest incoming)
    {
        var target = new UriBuilder(_credentials.BaseUrl) { Path = _credentials.BaseUrl.AbsolutePath.TrimEnd('/') + incoming.Path.Value, Query = incoming.QueryString.Value };
        var request = new HttpRequestMessage(HttpMethod.Post, target.Uri) { Content = new StreamContent(incoming.Body), Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionOrLower };
        foreach (var (name, values) in incoming.Headers)
        {
            if (!s_notForwarded.Contains(name, StringComparer.OrdinalIgnoreCase) && !request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                request.Content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        if (_credentials.AuthToken is { } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Reveal());
        }
        else if (_credentials.ApiKey is { } apiKey)
        {
            request.Headers.Add("x-api-key", apiKey.Reveal());
        }

        return request;
    }

    private static string? KeyOf(HttpRequest request)
        => request.Headers["x-api-key"] is [{ } apiKey] ? apiKey
            : request.Headers.Authorization is [{ } authorization] && AuthenticationHeaderValue.TryParse(authorization, out var bearer) && bearer.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? bearer.Parameter
            : null;

    /// <summary>A 429 says by its headers when to come back: the account's window, else the plain HTTP one.</summary>
    private DateTimeOffset? LimitOf(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.TooManyRequests)
        {
            return null;
        }

        if (response.Headers.TryGetValues("anthropic-ratelimit-unified-reset", out var reset) && long.TryParse(reset.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds())
        {
            return DateTimeOffset.FromUnixTimeSeconds(seconds);
        }

        return response.Headers.RetryAfter switch
        {
            { Date: { } date } => date,
            { Delta: { } delta } => _time.GetUtcNow() + delta,
            _ => null,
        };
    }

    private static Task RefuseAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(new { type = "error", error = new { type, message } }), context.RequestAborted);
    }

    private static SocketsHttpHandler UpstreamHandler(NetworkConfiguration network)
    {
        var handler = new SocketsHttpHandler
        {
            // A redirect would carry the key to another host.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ActivityHeadersPropagator = null,
        };
        if (network.Proxy is { } proxy)
        {
            handler.Proxy = new WebProxy(proxy)
            {
                BypassProxyOnLocal = true,
                BypassList = [.. (network.NoProxy ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                    .Select(host => $"(^|[./]){System.Text.RegularExpressions.Regex.Escape(host.TrimStart('*', '.'))}(:[0-9]+)?(/|$)")],
            };
        }

        if (network.CaBundle is { } bundle)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust };
            policy.CustomTrustStore.ImportFromPemFile(bundle);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        return handler;
    }
}
