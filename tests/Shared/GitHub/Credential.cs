namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>A GitHub App as registered: whoever holds the private key of <paramref name="PublicKeyPem"/> is it.</summary>
public sealed record GitHubApp(long Id, string Slug, string ClientId, string PublicKeyPem, GitHubUser Bot, DateTimeOffset CreatedAt);

/// <param name="Repositories">Ids of the repositories chosen, or null for all of the account.</param>
public sealed record GitHubInstallation(long Id, GitHubApp App, GitHubUser Account, IReadOnlySet<long>? Repositories, IReadOnlyDictionary<string, string> Permissions, DateTimeOffset CreatedAt);

/// <summary>A token and what stands behind it.</summary>
/// <param name="Name">What the ledger calls it: never the token itself.</param>
/// <param name="User">The account it acts as; an installation acts as its App's bot.</param>
internal sealed record Credential(
    string Token,
    string Name,
    GitHubUser? User,
    GitHubInstallation? Installation,
    IReadOnlySet<long>? Repositories,
    IReadOnlyDictionary<string, string>? Permissions,
    DateTimeOffset? ExpiresAt)
{
    public static Credential Anonymous { get; } = new("", "anonymous", null, null, null, null, null);

    /// <summary>An App speaking for itself; its JSON web token is looked at by the operation.</summary>
    public static Credential App { get; } = new("", "app", null, null, null, null, null);

    public bool IsRevoked { get; set; }

    /// <summary>GitHub limits the account or the installation, not the token.</summary>
    public string LimitedAs => Installation is { } installation ? FormattableString.Invariant($"installation {installation.Id}") : User?.Login ?? Name;

    public GitHubRole RoleIn(GitHubRepository repository)
    {
        if (Installation is { } installation)
        {
            var covered = installation.Account == repository.Owner
                && (installation.Repositories?.Contains(repository.Id) ?? true)
                && (Repositories?.Contains(repository.Id) ?? true);
            return covered ? GitHubRole.Write : repository.IsPrivate ? GitHubRole.None : GitHubRole.Read;
        }

        return repository.RoleOf(User);
    }

    /// <summary>Whether an installation's token was given this permission; a person's token may what the person may.</summary>
    public bool Grants(string permission, bool write)
        => Permissions is null || (Permissions.TryGetValue(permission, out var level) && (!write || level is "write" or "admin"));
}
