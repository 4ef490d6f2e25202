using System.Buffers.Text;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.GitHub.Credentials;

/// <summary>
/// An installation of a GitHub App. Its token lives an hour and is renewed before that; a JSON web token signed with the App's key asks for it.
/// </summary>
/// <param name="privateKey">PEM.</param>
/// <param name="http">Sends to the API without any credential, within <c>github.apiTimeout</c>.</param>
public sealed class AppCredential(long appId, long installationId, SecretString privateKey, GitHubAddress address, HttpMessageInvoker http, Redactor redactor, TimeProvider time) : GitHubCredential, IDisposable
{
    // A call must not start with a token that ends under way, nor git with one that ends in the middle of a fetch.
    private static readonly TimeSpan s_renewBefore = TimeSpan.FromMinutes(10);

    // GitHub refuses an issue time in its future; clocks differ.
    private static readonly TimeSpan s_clockDifference = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_lifetime = TimeSpan.FromMinutes(9);

    private readonly SemaphoreSlim _renewal = new(1, 1);
    private volatile Grant? _grant;

    public override string Name { get; } = string.Create(CultureInfo.InvariantCulture, $"app-{appId}-{installationId}");

    public override async ValueTask<GitHubAuthorization> AuthorizeAsync(CancellationToken ct)
    {
        if (Current() is { } authorization)
        {
            return authorization;
        }

        await _renewal.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return Current() ?? (_grant = await RenewAsync(ct).ConfigureAwait(false)).Authorization;
        }
        finally
        {
            _renewal.Release();
        }
    }

    public override void Reject(GitHubAuthorization authorization)
    {
        if (_grant is { } grant && grant.Authorization == authorization)
        {
            Interlocked.CompareExchange(ref _grant, null, grant);
        }
    }

    public void Dispose() => _renewal.Dispose();

    private GitHubAuthorization? Current() => _grant is { } grant && time.GetUtcNow() < grant.ExpiresAt - s_renewBefore ? grant.Authorization : null;

    private async Task<Grant> RenewAsync(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address.Api, string.Create(CultureInfo.InvariantCulture, $"app/installations/{installationId}/access_tokens")));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", SignToken());
        request.Headers.UserAgent.Add(GitHubHttp.Agent);
        using var response = await http.SendAsync(request, ct).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw (int)response.StatusCode >= 500
                ? new GitHubException(GitHubProblem.Unavailable, $"GitHub answered {(int)response.StatusCode} when asked for a token of the App's installation.") { Status = response.StatusCode }
                : new CredentialException(ErrorCodes.GitHubAppRefused, string.Create(CultureInfo.InvariantCulture, $"GitHub gives App {appId} no token for installation {installationId}: it answered {(int)response.StatusCode}."),
                    "Check github.app.appId, github.app.installationId and that the private key belongs to the App and the installation is not suspended.");
        }

        var answer = await ReadAsync(response.Content, ct).ConfigureAwait(false);
        var token = new SecretString(answer.Token);
        redactor.Learn(token);
        return new Grant(GitHubAuthorization.Of(token), answer.ExpiresAt);
    }

    private static async Task<TokenAnswer> ReadAsync(HttpContent content, CancellationToken ct)
    {
        try
        {
            return await content.ReadFromJsonAsync<TokenAnswer>(ct).ConfigureAwait(false) is { Token.Length: > 0 } answer
                ? answer
                : throw new GitHubException(GitHubProblem.Malformed, "GitHub's answer has no installation token.");
        }
        catch (JsonException cause)
        {
            throw new GitHubException(GitHubProblem.Malformed, "GitHub's answer with an installation token cannot be read.", cause: cause);
        }
    }

    /// <summary>RS256 over header and claims, as RFC 7515 and GitHub ask.</summary>
    private string SignToken()
    {
        var now = time.GetUtcNow();
        var claims = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["iat"] = (now - s_clockDifference).ToUnixTimeSeconds(),
            ["exp"] = (now + s_lifetime).ToUnixTimeSeconds(),
            ["iss"] = appId.ToString(CultureInfo.InvariantCulture),
        });
        var signed = $"{Base64Url.EncodeToString("""{"alg":"RS256","typ":"JWT"}"""u8)}.{Base64Url.EncodeToString(claims)}";
        using var key = RSA.Create();
        try
        {
            key.ImportFromPem(privateKey.Reveal());
            return $"{signed}.{Base64Url.EncodeToString(key.SignData(System.Text.Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
        }
        catch (Exception cause) when (cause is ArgumentException or CryptographicException)
        {
            // The cause may quote the key.
            throw new CredentialException(ErrorCodes.GitHubAppKeyUnreadable, "The private key of the GitHub App cannot be read.", "Store the PEM file that GitHub gave when the key was made, whole.");
        }
    }

    private sealed record Grant(GitHubAuthorization Authorization, DateTimeOffset ExpiresAt);

    private sealed record TokenAnswer([property: JsonPropertyName("token")] string Token, [property: JsonPropertyName("expires_at")] DateTimeOffset ExpiresAt);
}
