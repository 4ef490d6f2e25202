using System.Globalization;

namespace ClaudeManager.Core.Configuration;

/// <summary>Where a server keeps what it owns. One process at a time owns a data directory (an exclusive lock on <see cref="LockFile"/>).</summary>
public sealed class DataDirectory(string root)
{
    public string Root { get; } = Path.GetFullPath(root);

    public string DatabaseFile => Path.Combine(Root, "claude-manager.db");

    /// <summary>pid, start time and URL of the server that owns the directory.</summary>
    public string ServerFile => Path.Combine(Root, "server.json");

    public string LockFile => Path.Combine(Root, "lock");

    public string MasterKeyFile => Path.Combine(Root, "master.key");

    public string SampleRepository => Path.Combine(Root, "sample");

    /// <summary>A bare repository of ours per registered repository: base commits, snapshots and results live here, never in the user's own until published.</summary>
    public string ObjectStore(long repositoryId) => Path.Combine(Root, "repositories", repositoryId.ToString(CultureInfo.InvariantCulture) + ".git");

    public string Mirrors => Path.Combine(Root, "mirrors");

    /// <summary>A bare mirror per repository on GitHub, by GitHub's number of it: a renamed repository keeps its mirror.</summary>
    public string Mirror(long gitHubId) => Path.Combine(Mirrors, gitHubId.ToString(CultureInfo.InvariantCulture) + ".git");

    /// <summary>Workspace, HOME and index of one run; gone when the run has ended and its work is saved.</summary>
    public string RunDirectory(long runId) => Path.Combine(Root, "runs", runId.ToString(CultureInfo.InvariantCulture));

    public string RunsRoot => Path.Combine(Root, "runs");

    /// <summary>A workspace made ahead of the next run of a repository. On the same file system as the runs, so that it is taken by a rename.</summary>
    public string PreparedDirectory(long repositoryId) => Path.Combine(PreparedRoot, repositoryId.ToString(CultureInfo.InvariantCulture));

    public string PreparedRoot => Path.Combine(Root, "prepared");
}
