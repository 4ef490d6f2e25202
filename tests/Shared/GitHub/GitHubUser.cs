namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>GitHub's roles in a repository, weakest first: each may do what the ones before it may.</summary>
public enum GitHubRole
{
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

public enum GitHubUserType
{
    User,
    Bot,
    Organization,
}

/// <summary>An account. A deleted one is <c>null</c> wherever it was an author or an actor.</summary>
public sealed class GitHubUser
{
    internal GitHubUser(long id, string login, GitHubUserType type, DateTimeOffset createdAt)
        => (Id, Login, Type, CreatedAt) = (id, login, type, createdAt);

    public long Id { get; }

    public string Login { get; }

    public GitHubUserType Type { get; }

    public DateTimeOffset CreatedAt { get; }

    public bool IsDeleted { get; internal set; }
}
