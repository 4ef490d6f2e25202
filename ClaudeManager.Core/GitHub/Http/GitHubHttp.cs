using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>
/// The way to GitHub's API for one credential. From outside in: kept answers, total time-out and retry of reads, redirects, limits, circuit breaker and concurrency limit, authorization, attempt time-out. It is a chain of its own and no named client,
/// because the defaults of named clients would put a second retry around it.
/// </summary>
internal sealed class GitHubHttp : IDisposable
{
    /// <summary>GitHub refuses who does not say what it is.</summary>
    public static readonly ProductInfoHeaderValue Agent = new("claude-manager", typeof(GitHubHttp).Assembly.GetName().Version?.ToString(3));

    private readonly HttpMessageInvoker _chain;

    public GitHubHttp(GitHubCredential credential, GitHubLimits limits, HttpMessageHandler transport, CurrentConfiguration configuration, UpstreamPipelines pipelines, Store store, TimeProvider time, ILogger<GitHubHttp> logger)
    {
        DelegatingHandler[] handlers =
        [
            new ConditionalHandler(credential, new ResponseStore(store, logger)),
            new RepeatHandler(pipelines, time),
            new RedirectHandler(logger),
            new LimitHandler(credential, limits),
            new AttemptHandler(pipelines),
            new AuthorizationHandler(credential),
            new AnswerHandler(configuration, time),
        ];
        for (var i = 1; i < handlers.Length; i++)
        {
            handlers[i - 1].InnerHandler = handlers[i];
        }

        handlers[^1].InnerHandler = transport;
        _chain = new HttpMessageInvoker(handlers[0], disposeHandler: false);
    }

    public static string? RequestIdOf(HttpResponseMessage response) => response.Headers.TryGetValues("x-github-request-id", out var ids) ? ids.First() : null;

    /// <returns>A 2xx with its whole body, which is JSON or nothing.</returns>
    /// <exception cref="GitHubException">Anything else.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, GitHubCall call, CancellationToken ct)
    {
        call.Attach(request);
        request.Headers.UserAgent.Clear();
        request.Headers.UserAgent.Add(Agent);
        var response = await _chain.SendAsync(request, ct).ConfigureAwait(false);
        if (response.IsSuccessStatusCode && IsJsonOrEmpty(response))
        {
            return response;
        }

        using (response)
        {
            throw await FailureOfAsync(request, call, response, ct).ConfigureAwait(false);
        }
    }

    public void Dispose() => _chain.Dispose();

    private static bool IsJsonOrEmpty(HttpResponseMessage response)
        => response.StatusCode == HttpStatusCode.NoContent || response.Content.Headers.ContentLength == 0 || response.Content.Headers.ContentType?.MediaType is "application/json";

    private static async Task<GitHubException> FailureOfAsync(HttpRequestMessage request, GitHubCall call, HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        var problem = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => GitHubProblem.Unauthorized,
            HttpStatusCode.Forbidden => GitHubProblem.Forbidden,
            HttpStatusCode.NotFound => GitHubProblem.NotFound,
            HttpStatusCode.Gone or HttpStatusCode.UnavailableForLegalReasons => GitHubProblem.Gone,
            >= HttpStatusCode.InternalServerError => GitHubProblem.Unavailable,
            >= HttpStatusCode.BadRequest => GitHubProblem.Refused,
            _ => GitHubProblem.Malformed,
        };
        var said = await MessageOfAsync(response, ct).ConfigureAwait(false);
        var place = $"{request.Method} {request.RequestUri!.AbsolutePath}";
        return new GitHubException(problem, FormattableString.Invariant($"GitHub answered {status} to {place}{(said.Length > 0 ? ": " + said : "")}."), FixOf(problem))
        {
            Status = response.StatusCode,
            RequestId = RequestIdOf(response),
            MayHaveHappened = !call.IsRead(request) && problem is GitHubProblem.Unavailable or GitHubProblem.Malformed,
        };
    }

    private static string? FixOf(GitHubProblem problem) => problem switch
    {
        GitHubProblem.Unauthorized => "Set a valid GITHUB_TOKEN and start the server again.",
        GitHubProblem.Forbidden => "Give the token the permission that is missing; with single sign-on, authorize it for the organization.",
        GitHubProblem.NotFound => "Check the name, and that the token may see the repository.",
        GitHubProblem.Gone => "Switch issues on in the repository's settings, or take the repository out of github.reposToScan.",
        GitHubProblem.Moved => "Use the repository's new name.",
        GitHubProblem.Refused or GitHubProblem.Limited or GitHubProblem.Unavailable or GitHubProblem.Unreachable or GitHubProblem.TimedOut or GitHubProblem.Malformed => null,
    };

    /// <summary>GitHub's own words, short: they may quote what we sent.</summary>
    private static async Task<string> MessageOfAsync(HttpResponseMessage response, CancellationToken ct)
    {
        const int longest = 300;
        if (response.Content.Headers.ContentType?.MediaType != "application/json")
        {
            return "";
        }

        try
        {
            using var body = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false));
            var text = body.RootElement.ValueKind == JsonValueKind.Object && body.RootElement.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String ? message.GetString()! : "";
            var plain = string.Concat(text.Where(c => !char.IsControl(c)).Take(longest));
            return plain.TrimEnd('.');
        }
        catch (JsonException)
        {
            return "";
        }
    }
}
