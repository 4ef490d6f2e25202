using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Octokit;
using Octokit.Internal;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>Puts Octokit on our chain, for one call: no redirects, time-outs or clock of its own.</summary>
internal sealed class OctokitTransport(GitHubHttp http, GitHubCall call, CancellationToken ct) : IHttpClient
{
    /// <summary>A write was answered; what follows is only about reading the answer.</summary>
    public bool Wrote { get; private set; }

    public async Task<IResponse> Send(IRequest request, CancellationToken cancellationToken, Func<object, object>? preprocessResponseBody = null)
    {
        using var message = new HttpRequestMessage(request.Method, new Uri(request.BaseAddress, request.Endpoint));
        foreach (var (name, value) in request.Headers)
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        if (request.Body is string body)
        {
            message.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json", "utf-8"));
        }

        using var response = await http.SendAsync(message, call, ct).ConfigureAwait(false);
        Wrote = !call.IsRead(message);
        return new Answer(
            await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false),
            response.Headers.ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase),
            response.StatusCode,
            response.Content.Headers.ContentType?.MediaType);
    }

    public void SetRequestTimeout(TimeSpan timeout) => throw new NotSupportedException("github.apiTimeout holds for every request.");

    public void Dispose()
    {
        // The chain belongs to the credential, not to the call.
    }

    private sealed class Answer(string body, IReadOnlyDictionary<string, string> headers, HttpStatusCode status, string? contentType) : IResponse
    {
        public object Body => body;

        public IReadOnlyDictionary<string, string> Headers => headers;

        public ApiInfo ApiInfo { get; } = new(Links(headers), [], [], headers.GetValueOrDefault("ETag") ?? "", new RateLimit(), TimeSpan.Zero);

        public HttpStatusCode StatusCode => status;

        public string ContentType => contentType ?? "";

        /// <summary>RFC 8288, as much of it as GitHub uses: <c>&lt;address&gt;; rel="next", …</c>.</summary>
        private static Dictionary<string, Uri> Links(IReadOnlyDictionary<string, string> headers)
        {
            var links = new Dictionary<string, Uri>(StringComparer.Ordinal);
            foreach (var link in (headers.GetValueOrDefault("Link") ?? "").Split(", <"))
            {
                if (link.TrimStart('<').Split(">; rel=\"", 2) is [var address, var relation] && Uri.TryCreate(address, UriKind.Absolute, out var uri))
                {
                    links[relation.Split('"')[0]] = uri;
                }
            }

            return links;
        }
    }
}
