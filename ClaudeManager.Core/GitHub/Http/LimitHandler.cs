using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Limits;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>Lets each request wait for its turn, and each answer tell what is left. Every attempt pays.</summary>
internal sealed class LimitHandler(GitHubCredential credential, GitHubLimits limits) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = GitHubCall.Of(request);
        var cost = RequestCost.Of(request);
        HttpResponseMessage response;
        await using ((await limits.AdmitAsync(credential, call, cost, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false))
        {
            response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }

        if (await limits.ObserveAsync(credential, cost, response, cancellationToken).ConfigureAwait(false) is not { } refused)
        {
            return response;
        }

        // One layer counts attempts, and it is further out: it repeats a read when the limit clears in time for this call.
        response.Dispose();
        throw refused;
    }
}
