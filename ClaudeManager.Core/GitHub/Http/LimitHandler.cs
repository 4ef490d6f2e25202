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
        for (var refusals = 0; ; refusals++)
        {
            HttpResponseMessage response;
            using (await limits.AdmitAsync(credential, call, cost, cancellationToken).ConfigureAwait(false))
            {
                response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            }

            if (await limits.ObserveAsync(credential, cost, response, cancellationToken).ConfigureAwait(false) is not { } refused)
            {
                return response;
            }

            response.Dispose();
            // Admission waits, or says that the limit clears too late for this call.
            if (cost.IsWrite || refusals > 0)
            {
                throw refused;
            }
        }
    }
}
