using System.Net;
using System.Net.Http.Headers;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>Asks for what is known only whether it has changed: a 304 costs nothing of the primary budget, and the kept answer is given instead.</summary>
internal sealed class ConditionalHandler(GitHubCredential credential, ResponseStore responses) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Method != HttpMethod.Get)
        {
            return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }

        var authorization = await credential.AuthorizeAsync(cancellationToken).ConfigureAwait(false);
        var key = ResponseStore.KeyOf(credential.Name, request);
        var kept = await responses.FindAsync(key, cancellationToken).ConfigureAwait(false);
        if (kept is not null)
        {
            Ask(request, kept, authorization);
        }

        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.NotModified && kept is not null)
        {
            await responses.UsedAsync(kept, cancellationToken).ConfigureAwait(false);
            return Restore(response, kept);
        }

        if (response.StatusCode == HttpStatusCode.OK && (response.Headers.ETag is not null || response.Content.Headers.LastModified is not null))
        {
            await responses.KeepAsync(key, credential.Name, authorization.Fingerprint, response, cancellationToken).ConfigureAwait(false);
        }

        return response;
    }

    /// <summary>An ETag is bound to the token it came with; after the token was renewed only the date can still match.</summary>
    private static void Ask(HttpRequestMessage request, GitHubResponseEntity kept, GitHubAuthorization authorization)
    {
        if (kept.ETag is not null && kept.Token == authorization.Fingerprint)
        {
            request.Headers.TryAddWithoutValidation("If-None-Match", kept.ETag);
        }
        else if (kept.LastModified is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Modified-Since", kept.LastModified);
        }
    }

    private static HttpResponseMessage Restore(HttpResponseMessage notModified, GitHubResponseEntity kept)
    {
        var response = new HttpResponseMessage(HttpStatusCode.OK) { RequestMessage = notModified.RequestMessage, Content = new ByteArrayContent(ResponseStore.Unpack(kept)) };
        foreach (var (name, values) in notModified.Headers)
        {
            response.Headers.TryAddWithoutValidation(name, values);
        }

        response.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(kept.ContentType);
        if (kept.Link is not null)
        {
            response.Headers.Remove("Link");
            response.Headers.TryAddWithoutValidation("Link", kept.Link);
        }

        notModified.Dispose();
        return response;
    }
}
