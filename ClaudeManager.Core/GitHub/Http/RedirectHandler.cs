using System.Net;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>Follows GitHub's redirects of renamed repositories for reads, at the same host only. A write is not sent to a place nobody named.</summary>
internal sealed class RedirectHandler(ILogger logger) : DelegatingHandler
{
    private const int MaximumHops = 3;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var origin = request.RequestUri!;
        for (var hop = 0; ; hop++)
        {
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (Target(response, request.RequestUri!) is not { } target)
            {
                request.RequestUri = origin;
                return response;
            }

            using (response)
            {
                if (hop == MaximumHops || !SameOrigin(origin, target))
                {
                    throw new GitHubException(GitHubProblem.Malformed, $"GitHub redirects {origin.AbsolutePath} to another host or without end.") { Status = response.StatusCode, MovedTo = target };
                }

                if (request.Method != HttpMethod.Get)
                {
                    throw new GitHubException(GitHubProblem.Moved, $"{origin.AbsolutePath} has another address now.", "The next scan takes the repository's new name; try again then.")
                    {
                        Status = response.StatusCode,
                        MovedTo = target,
                    };
                }
            }

            Log.Moved(logger, origin.AbsolutePath, target.AbsolutePath);
            request.RequestUri = target;
        }
    }

    private static Uri? Target(HttpResponseMessage response, Uri from)
        => response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect && response.Headers.Location is { } location
            ? new Uri(from, location)
            : null;

    private static bool SameOrigin(Uri one, Uri other)
        => Uri.Compare(one, other, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;
}
