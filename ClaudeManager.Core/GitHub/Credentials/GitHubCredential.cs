using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.GitHub.Credentials;

/// <summary>What one call is sent with.</summary>
/// <param name="Token">Goes into one header, or through one pipe to git.</param>
/// <param name="Fingerprint">Tells tokens apart without being one: ETags are bound to the token.</param>
public sealed record GitHubAuthorization(SecretString Token, string Fingerprint)
{
    public static GitHubAuthorization Of(SecretString token) => new(token, FingerprintOf(token));

    private static string FingerprintOf(SecretString token)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("claude-manager/github/" + token.Reveal())))[..16];
}

/// <summary>Who we are on GitHub. Answers the authorization for each call; nothing else sees a token.</summary>
public abstract class GitHubCredential
{
    /// <summary>Names the credential for budgets and kept answers. It is not secret, and stays the same when an installation's token is renewed.</summary>
    public abstract string Name { get; }

    /// <exception cref="CredentialException">There is none to be had.</exception>
    public abstract ValueTask<GitHubAuthorization> AuthorizeAsync(CancellationToken ct);

    /// <summary>GitHub answered 401 to it.</summary>
    public abstract void Reject(GitHubAuthorization authorization);
}

/// <summary>A token of a person or a machine user: <c>GITHUB_TOKEN</c>.</summary>
public sealed class TokenCredential(SecretString? token) : GitHubCredential
{
    private readonly GitHubAuthorization? _authorization = token is null ? null : GitHubAuthorization.Of(token);

    public override string Name => "token-" + (_authorization?.Fingerprint ?? "missing");

    public override ValueTask<GitHubAuthorization> AuthorizeAsync(CancellationToken ct)
        => _authorization is { } authorization
            ? ValueTask.FromResult(authorization)
            : throw new CredentialException(ErrorCodes.GitHubTokenMissing, "There is no GitHub token.", "Set GITHUB_TOKEN in the environment of the server and start it again.");

    /// <summary>Nothing to renew: the next call is refused as well, until the operator gives another token.</summary>
    public override void Reject(GitHubAuthorization authorization)
    {
    }
}
