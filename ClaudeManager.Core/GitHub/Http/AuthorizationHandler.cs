using System.Net;
using System.Net.Http.Headers;
using ClaudeManager.Core.GitHub.Credentials;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>Puts the token into its one header, as late as possible.</summary>
internal sealed class AuthorizationHandler(GitHubCredential credential) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var authorization = await credential.AuthorizeAsync(cancellationToken).ConfigureAwait(false);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", authorization.Token.Reveal());
        try
        {
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.Unauthorized)
            {
                credential.Reject(authorization);
            }

            return response;
        }
        finally
        {
            request.Headers.Authorization = null;
        }
    }
}
