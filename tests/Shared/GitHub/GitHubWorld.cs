using System.Security.Cryptography;
using System.Text;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>Everything the stand-in knows. Whoever reads or changes it holds <see cref="Gate"/>; git's own data is on disk and guarded by git.</summary>
internal sealed class GitHubWorld(TimeProvider time, string directory)
{
    private long _ids = 1_000;

    public Lock Gate { get; } = new();

    public TimeProvider Time => time;

    /// <summary>GitHub's times have no fractions of a second.</summary>
    public DateTimeOffset Now => DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());

    public Dictionary<string, GitHubUser> Users { get; } = new(StringComparer.OrdinalIgnoreCase);

    public Dictionary<string, GitHubRepository> Repositories { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Names repositories had before they were renamed; a new repository may take such a name.</summary>
    public Dictionary<string, GitHubRepository> Former { get; } = new(StringComparer.OrdinalIgnoreCase);

    public Dictionary<string, Credential> Credentials { get; } = new(StringComparer.Ordinal);

    public Dictionary<long, GitHubApp> Apps { get; } = [];

    public Dictionary<long, GitHubInstallation> Installations { get; } = [];

    /// <summary>How far search is behind, as GitHub's is by seconds to minutes.</summary>
    public TimeSpan SearchLag { get; set; }

    public long NextId() => ++_ids;

    public GitHubUser User(string login, GitHubUserType type = GitHubUserType.User)
    {
        lock (Gate)
        {
            if (!Users.TryGetValue(login, out var user))
            {
                Users[login] = user = new GitHubUser(NextId(), login, type, Now);
            }

            return user;
        }
    }

    public GitHubRepository Repository(string fullName)
    {
        lock (Gate)
        {
            if (!Repositories.TryGetValue(fullName, out var repository))
            {
                var (owner, name) = fullName.Split('/') is [var o, var n] ? (o, n) : throw new ArgumentException("A repository is named owner/name.", nameof(fullName));
                var id = NextId();
                repository = new GitHubRepository(this, id, User(owner), name, Path.Combine(directory, FormattableString.Invariant($"{id}.git")));
                Repositories[fullName] = repository;
                Former.Remove(fullName);
            }

            return repository;
        }
    }

    public Credential Issue(GitHubUser? user, GitHubInstallation? installation, IReadOnlySet<long>? repositories, IReadOnlyDictionary<string, string>? permissions, DateTimeOffset? expiresAt)
    {
        lock (Gate)
        {
            var number = Credentials.Count + 1;
            var secret = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"stand-in {number}")));
            // Installation tokens carry a JWT since 2026 and are some 500 characters long.
            var token = installation is null ? $"ghp_{secret[..36]}" : $"ghs_{installation.App.Id}_eyJ{string.Concat(Enumerable.Repeat(secret, 4))}.{secret}{secret}-{secret}.{secret}_{secret[..20]}";
            var credential = new Credential(token, $"{user?.Login}/{number}", user, installation, repositories, permissions, expiresAt);
            Credentials[token] = credential;
            return credential;
        }
    }
}
