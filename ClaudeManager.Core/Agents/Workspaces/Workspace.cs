namespace ClaudeManager.Core.Agents.Workspaces;

/// <summary>The place of one run: a stand-alone repository (no remote, no alternates, no credentials) with full files, and a home beside it.</summary>
public sealed class Workspace
{
    internal Workspace(long runId, long repositoryId, string baseCommit, string runDirectory)
    {
        RunId = runId;
        RepositoryId = repositoryId;
        BaseCommit = baseCommit;
        Directory = Path.Combine(runDirectory, "workspace");
        Home = Path.Combine(runDirectory, "home");
        IndexFile = Path.Combine(runDirectory, "index");
    }

    public long RunId { get; }

    public long RepositoryId { get; }

    public string BaseCommit { get; }

    public string Directory { get; }

    /// <summary>Kept over attempts on this machine, so that an agent's session can be resumed.</summary>
    public string Home { get; }

    /// <summary>Our own index of the workspace: what it says is never read from the workspace's <c>.git</c>.</summary>
    internal string IndexFile { get; }

    /// <summary>Snapshots of one workspace share its index, so they go one after another.</summary>
    internal SemaphoreSlim Gate { get; } = new(1, 1);

    internal Snapshot? Last { get; set; }
}

/// <summary>The state of a workspace as a commit on top of its base.</summary>
/// <param name="Changed">Whether the tree differs from the base's.</param>
/// <param name="NestedGit">Folders with a <c>.git</c> of their own. Files in a repository the agent made are taken like any others; what was put into a submodule's folder is not.</param>
/// <param name="Skipped">What was not taken, with why: too large, or neither file nor link.</param>
public sealed record Snapshot(string Commit, string Tree, bool Changed, IReadOnlyList<string> NestedGit, IReadOnlyList<string> Skipped);

/// <param name="Content">Null when there is none; then <paramref name="Problem"/> says why.</param>
public sealed record WorkBundle(byte[]? Content, string? Problem);

/// <summary>Who a commit is by.</summary>
public sealed record CommitIdentity(string Name, string Email);
