using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Agents.Workspaces;

/// <summary>
/// Makes the workspaces of runs, takes their state and removes them. Per registered repository there is a bare repository of ours that holds bases, snapshots and results;
/// git runs with <em>its</em> directory only. A workspace's own <c>.git</c> is the agent's: no git of ours ever reads it, because its configuration can name programs to run.
/// </summary>
public sealed class WorkspaceStore(DataDirectory data, TimeProvider time)
{
    /// <summary>The branch an agent finds itself on.</summary>
    public const string AgentBranch = "agent/task";

    private static readonly CommitIdentity s_snapshots = new("Claude Manager", "claude-manager@localhost");

    /// <summary>A running agent can swap a file for a pipe under git's eyes, which would then wait for ever.</summary>
    private static readonly TimeSpan s_snapshotLimit = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<long, SemaphoreSlim> _fetches = new();
    private readonly ConcurrentDictionary<long, Shelf> _shelves = new();

    /// <summary>More than this of one run's work and session stays on this machine only. Default 64 MB.</summary>
    public long MaxBundleBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>A workspace at the base, or at saved work on top of it. What an earlier attempt left in the directory is gone afterwards; its home stays.</summary>
    /// <param name="wipCommit">A snapshot that is in the store (see <see cref="ContainsAsync"/> and <see cref="RestoreBundleAsync"/>).</param>
    public async Task<Workspace> PrepareAsync(long runId, long repositoryId, string sourceRepositoryPath, string baseCommit, string? wipCommit, CancellationToken ct)
    {
        await EnsureBaseAsync(repositoryId, sourceRepositoryPath, baseCommit, ct).ConfigureAwait(false);
        var workspace = new Workspace(runId, repositoryId, baseCommit, data.RunDirectory(runId));
        await AgentDirectory.RemoveAsync(workspace.Directory, ct).ConfigureAwait(false);
        Directory.CreateDirectory(workspace.Home);
        File.Delete(workspace.IndexFile);
        File.Delete(workspace.IndexFile + ".lock");
        if (wipCommit is not null || !await TryTakeAsync(workspace, ct).ConfigureAwait(false))
        {
            await PopulateAsync(repositoryId, workspace.Directory, workspace.IndexFile, baseCommit, wipCommit ?? baseCommit, ct).ConfigureAwait(false);
        }

        return workspace;
    }

    /// <summary>
    /// Makes a workspace at a base ahead of time, which the next <see cref="PrepareAsync"/> at that base takes by renaming it: writing a thousand files takes a slow disk a second. One per repository;
    /// none that was used comes back. Only this process's memory says which are complete: what an earlier process left is never taken, and removed here or by <see cref="KeepPreparedAsync"/>.
    /// </summary>
    public async Task PrepareAheadAsync(long repositoryId, string sourceRepositoryPath, string baseCommit, CancellationToken ct)
    {
        var shelf = ShelfOf(repositoryId);
        if (shelf.Ready == baseCommit)
        {
            return;
        }

        await shelf.Gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            shelf.Making = baseCommit;
            await EnsureBaseAsync(repositoryId, sourceRepositoryPath, baseCommit, ct).ConfigureAwait(false);
            var directory = data.PreparedDirectory(repositoryId);
            shelf.Ready = null;
            await AgentDirectory.RemoveAsync(directory, ct).ConfigureAwait(false);
            var (files, index) = Places(directory);
            await PopulateAsync(repositoryId, files, index, baseCommit, baseCommit, ct).ConfigureAwait(false);
            shelf.Ready = baseCommit;
        }
        finally
        {
            shelf.Making = null;
            shelf.Gate.Release();
        }
    }

    /// <summary>Removes what is prepared for every other repository.</summary>
    public async Task KeepPreparedAsync(IReadOnlySet<long> repositoryIds, CancellationToken ct)
    {
        if (!Directory.Exists(data.PreparedRoot))
        {
            return;
        }

        foreach (var path in Directory.GetDirectories(data.PreparedRoot))
        {
            if (!long.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var repositoryId) || repositoryIds.Contains(repositoryId))
            {
                continue;
            }

            var shelf = ShelfOf(repositoryId);
            await shelf.Gate.WaitAsync(ct).ConfigureAwait(false);
            try
            {
                shelf.Ready = null;
                await AgentDirectory.RemoveAsync(path, ct).ConfigureAwait(false);
            }
            finally
            {
                shelf.Gate.Release();
            }
        }
    }

    /// <summary>How many bytes the files of a workspace at a base have.</summary>
    public async Task<long> SizeAsync(long repositoryId, string sourceRepositoryPath, string baseCommit, CancellationToken ct)
    {
        var shelf = ShelfOf(repositoryId);
        if (shelf.Size is not { } known || known.Commit != baseCommit)
        {
            await EnsureBaseAsync(repositoryId, sourceRepositoryPath, baseCommit, ct).ConfigureAwait(false);
            var sizes = (await GitAsync(repositoryId, ["ls-tree", "-r", "--format=%(objectsize)", baseCommit], ct).ConfigureAwait(false)).Text;
            known = (baseCommit, sizes.Split('\n').Sum(size => long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0));
            shelf.Size = known;
        }

        return known.Bytes;
    }

    /// <summary>A clean stand-alone checkout, e.g. to verify in. The directory must be empty or not exist.</summary>
    public async Task CheckoutAsync(long repositoryId, string commit, string directory, CancellationToken ct)
    {
        var index = Path.Combine(Directory.CreateDirectory(Path.GetDirectoryName(directory)!).FullName, Path.GetFileName(directory) + ".index");
        try
        {
            await PopulateAsync(repositoryId, directory, index, commit, commit, ct).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(index);
        }
    }

    /// <summary>Takes the workspace as it is, without running anything the agent could have planted, and keeps it as <c>refs/claude-manager/wip/RUN</c>. The agent may be working meanwhile.</summary>
    public async Task<Snapshot> SnapshotAsync(Workspace workspace, string message, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(s_snapshotLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        await workspace.Gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return workspace.Last = await TakeAsync(workspace, message, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new TimeoutException($"The workspace of run {workspace.RunId} could not be read within {s_snapshotLimit}.");
        }
        finally
        {
            workspace.Gate.Release();
        }
    }

    /// <summary>The one commit of a run: <paramref name="tree"/> on top of what it goes on from, whatever the agent committed by itself.</summary>
    /// <param name="parent">The base, or the published result that a follow-up goes on from.</param>
    public async Task<string> CommitResultAsync(long runId, long repositoryId, string parent, string tree, string message, CommitIdentity author, DateTimeOffset at, CancellationToken ct)
    {
        var commit = await CommitTreeAsync(repositoryId, tree, parent, message, author, at, ct).ConfigureAwait(false);
        await UpdateRefAsync(repositoryId, Ref("result", runId), commit, ct).ConfigureAwait(false);
        return commit;
    }

    /// <summary>Whether the store has a commit with everything it needs at hand.</summary>
    public async Task<bool> ContainsAsync(long repositoryId, string commit, CancellationToken ct) =>
        Directory.Exists(data.ObjectStore(repositoryId))
        && (await GitCommand.TryAsync(data.ObjectStore(repositoryId), ["cat-file", "-e", commit + "^{tree}"], ct).ConfigureAwait(false)).ExitCode == 0;

    /// <summary>The saved work of a run without its base, small enough for the database.</summary>
    public async Task<WorkBundle> BundleAsync(Workspace workspace, CancellationToken ct)
    {
        var file = Path.Combine(data.RunDirectory(workspace.RunId), "wip.bundle");
        try
        {
            await GitAsync(workspace.RepositoryId, ["bundle", "create", "-q", file, Ref("wip", workspace.RunId), "^" + workspace.BaseCommit], ct).ConfigureAwait(false);
            var length = new FileInfo(file).Length;
            return length <= MaxBundleBytes
                ? new WorkBundle(await File.ReadAllBytesAsync(file, ct).ConfigureAwait(false), null)
                : new WorkBundle(null, string.Create(CultureInfo.InvariantCulture, $"The saved work has {length / (1024 * 1024)} MB, more than {MaxBundleBytes / (1024 * 1024)} MB: it is kept on this machine only."));
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Brings saved work into this machine's store and returns its commit.</summary>
    /// <param name="savedBy">The run whose work it is: the same, or an earlier one that this goes on from.</param>
    public async Task<string> RestoreBundleAsync(long runId, long savedBy, long repositoryId, string sourceRepositoryPath, string baseCommit, byte[] bundle, CancellationToken ct)
    {
        await EnsureBaseAsync(repositoryId, sourceRepositoryPath, baseCommit, ct).ConfigureAwait(false);
        var file = Path.Combine(Directory.CreateDirectory(data.RunDirectory(runId)).FullName, "wip.bundle");
        try
        {
            await File.WriteAllBytesAsync(file, bundle, ct).ConfigureAwait(false);
            await GitAsync(repositoryId, ["-c", "transfer.fsckObjects=true", "fetch", "-q", "--no-tags", "--no-write-fetch-head", file, $"+{Ref("wip", savedBy)}:{Ref("wip", runId)}"], ct).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(file);
        }

        return (await GitAsync(repositoryId, ["rev-parse", "--verify", Ref("wip", runId)], ct).ConfigureAwait(false)).Text;
    }

    /// <summary>An empty home in place of one that is behind, and may hold links an agent planted.</summary>
    internal static async Task RenewHomeAsync(Workspace workspace, CancellationToken ct)
    {
        await AgentDirectory.RemoveAsync(workspace.Home, ct).ConfigureAwait(false);
        Directory.CreateDirectory(workspace.Home);
    }

    /// <summary>Removes everything of a run but what the store holds, whatever modes and depths its agent left.</summary>
    public Task RemoveAsync(long runId, CancellationToken ct) => AgentDirectory.RemoveAsync(data.RunDirectory(runId), ct);

    /// <summary>Runs that have a directory here.</summary>
    public IReadOnlyList<long> List()
        => !Directory.Exists(data.RunsRoot) ? [] : [.. Directory.GetDirectories(data.RunsRoot).Select(path => long.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var run) ? run : 0).Where(run => run > 0)];

    /// <summary>Takes what is prepared for the workspace's base, waiting for it if it is being made right now: that is done before a second one would be.</summary>
    private async Task<bool> TryTakeAsync(Workspace workspace, CancellationToken ct)
    {
        var shelf = ShelfOf(workspace.RepositoryId);
        if (shelf.Ready != workspace.BaseCommit && shelf.Making != workspace.BaseCommit)
        {
            return false;
        }

        await shelf.Gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (shelf.Ready != workspace.BaseCommit)
            {
                return false;
            }

            // The index stays true: a rename above a file changes nothing of what git remembers of it.
            shelf.Ready = null;
            var (files, index) = Places(data.PreparedDirectory(workspace.RepositoryId));
            Directory.Move(files, workspace.Directory);
            File.Move(index, workspace.IndexFile);
            return true;
        }
        finally
        {
            shelf.Gate.Release();
        }
    }

    private Shelf ShelfOf(long repositoryId) => _shelves.GetOrAdd(repositoryId, _ => new Shelf());

    private static (string Files, string Index) Places(string preparedDirectory) => (Path.Combine(preparedDirectory, "workspace"), Path.Combine(preparedDirectory, "index"));

    private static string Ref(string kind, long runId) => string.Create(CultureInfo.InvariantCulture, $"refs/claude-manager/{kind}/{runId}");

    /// <summary>Has the base in the store: one commit with its whole tree and no history.</summary>
    public async Task EnsureBaseAsync(long repositoryId, string sourceRepositoryPath, string baseCommit, CancellationToken ct)
    {
        var gate = _fetches.GetOrAdd(repositoryId, _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (!await ContainsAsync(repositoryId, baseCommit, ct).ConfigureAwait(false))
            {
                await FetchBaseAsync(repositoryId, sourceRepositoryPath, baseCommit, ct).ConfigureAwait(false);
            }
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task FetchBaseAsync(long repositoryId, string sourceRepositoryPath, string baseCommit, CancellationToken ct)
    {
        var store = data.ObjectStore(repositoryId);
        if (!Directory.Exists(store))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(store)!);
            GitSkeleton.CreateStore(store, baseCommit);
        }

        // One process owns the data directory and one fetch at a time is here, so a lock is what a crash left.
        File.Delete(Path.Combine(store, "shallow.lock"));

        // Said to the other side, which reads no configuration of ours: give any commit, not only the tips of branches, and never mind who owns the folder;
        // nobody waits for a small pack on one machine.
        await GitAsync(
            repositoryId,
            ["fetch", "-q", "--depth", "1", "--no-tags", "--no-write-fetch-head", "--upload-pack", "git -c 'safe.directory=*' -c uploadpack.allowAnySHA1InWant=true -c pack.window=0 -c pack.compression=1 upload-pack", sourceRepositoryPath, $"{baseCommit}:refs/claude-manager/base/{baseCommit}"],
            ct).ConfigureAwait(false);
    }

    /// <summary>
    /// Files of <paramref name="content"/>, in a repository whose branch and index are at <paramref name="head"/>. Files are written with our git directory while the objects
    /// the agent's repository needs are packed beside it; both are one process each.
    /// </summary>
    private async Task PopulateAsync(long repositoryId, string directory, string indexFile, string head, string content, CancellationToken ct)
    {
        var gitDirectory = GitSkeleton.CreateWorkspace(directory, AgentBranch, head);
        var files = WorkTreeAsync(repositoryId, directory, indexFile, ["read-tree", "--reset", "-u", content], ct);
        var objects = GitAsync(repositoryId, ["-c", "core.fsync=none", "pack-objects", "-q", "--window=0", "--revs", Path.Combine(gitDirectory, "objects", "pack", "pack")], ct, Encoding.ASCII.GetBytes($"--shallow {head}\n{head}\n"));
        await Task.WhenAll(files, objects).ConfigureAwait(false);

        var agentIndex = Path.Combine(gitDirectory, "index");
        File.Copy(indexFile, agentIndex);
        if (content != head)
        {
            await WorkTreeAsync(repositoryId, directory, agentIndex, ["read-tree", "-m", head], ct).ConfigureAwait(false);
        }
    }

    private async Task<Snapshot> TakeAsync(Workspace workspace, string message, CancellationToken ct)
    {
        if (new DirectoryInfo(workspace.Directory) is not { Exists: true, LinkTarget: null })
        {
            throw new DirectoryNotFoundException($"The workspace of run {workspace.RunId} is gone or replaced by a link.");
        }

        // Ours alone, so a lock is what a killed git left.
        File.Delete(workspace.IndexFile + ".lock");
        var changes = await new WorkspaceChanges(workspace.Directory, Git).UpdateIndexAsync(ct).ConfigureAwait(false);
        var tree = (await WorkTreeAsync(workspace.RepositoryId, workspace.Directory, workspace.IndexFile, ["write-tree"], ct).ConfigureAwait(false)).Text;
        if (workspace.Last is { } last && last.Tree == tree)
        {
            return last with { NestedGit = changes.NestedGit, Skipped = changes.Skipped };
        }

        var baseTree = (await GitAsync(workspace.RepositoryId, ["rev-parse", workspace.BaseCommit + "^{tree}"], ct).ConfigureAwait(false)).Text;
        var commit = await CommitTreeAsync(workspace.RepositoryId, tree, workspace.BaseCommit, message, s_snapshots, time.GetUtcNow(), ct).ConfigureAwait(false);
        await UpdateRefAsync(workspace.RepositoryId, Ref("wip", workspace.RunId), commit, ct).ConfigureAwait(false);
        return new Snapshot(commit, tree, tree != baseTree, changes.NestedGit, changes.Skipped);

        Task<GitResult> Git(string folder, IReadOnlyList<string> arguments, byte[]? input, CancellationToken token)
        {
            // In a folder of its own nothing is known yet: an index that does not exist is an empty one.
            var root = Path.Combine(workspace.Directory, folder);
            return GitCommand.TryAsync(root, arguments, token, input, Environment(workspace.RepositoryId, root, folder.Length == 0 ? workspace.IndexFile : workspace.IndexFile + ".none"));
        }
    }

    private async Task<string> CommitTreeAsync(long repositoryId, string tree, string parent, string message, CommitIdentity author, DateTimeOffset at, CancellationToken ct)
    {
        var date = string.Create(CultureInfo.InvariantCulture, $"{at.ToUnixTimeSeconds()} +0000");
        var identity = new Dictionary<string, string>
        {
            ["GIT_AUTHOR_NAME"] = author.Name,
            ["GIT_AUTHOR_EMAIL"] = author.Email,
            ["GIT_AUTHOR_DATE"] = date,
            ["GIT_COMMITTER_NAME"] = author.Name,
            ["GIT_COMMITTER_EMAIL"] = author.Email,
            ["GIT_COMMITTER_DATE"] = date,
        };
        var result = await GitCommand.RunAsync(data.ObjectStore(repositoryId), ["commit-tree", tree, "-p", parent, "-F", "-"], ct, Encoding.UTF8.GetBytes(message.TrimEnd() + "\n"), identity).ConfigureAwait(false);
        return result.Text;
    }

    private Task<GitResult> UpdateRefAsync(long repositoryId, string reference, string commit, CancellationToken ct)
    {
        // Only the holder of a run's lease writes its refs, so this lock too is what a crash left.
        var held = Path.Combine(data.ObjectStore(repositoryId), reference + ".lock");
        if (File.Exists(held))
        {
            File.Delete(held);
        }

        return GitAsync(repositoryId, ["update-ref", reference, commit], ct);
    }

    private Task<GitResult> GitAsync(long repositoryId, IReadOnlyList<string> arguments, CancellationToken ct, byte[]? input = null) =>
        GitCommand.RunAsync(data.ObjectStore(repositoryId), arguments, ct, input);

    private Task<GitResult> WorkTreeAsync(long repositoryId, string directory, string indexFile, IReadOnlyList<string> arguments, CancellationToken ct) =>
        GitCommand.RunAsync(directory, arguments, ct, null, Environment(repositoryId, directory, indexFile));

    private Dictionary<string, string> Environment(long repositoryId, string directory, string indexFile) => new()
    {
        ["GIT_DIR"] = data.ObjectStore(repositoryId),
        ["GIT_WORK_TREE"] = directory,
        ["GIT_INDEX_FILE"] = indexFile,
        ["GIT_LITERAL_PATHSPECS"] = "1",
    };

    /// <summary>The prepared workspace of one repository. It is written under the gate, and looked at without.</summary>
    private sealed class Shelf
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        /// <summary>The base of the workspace that is there, complete and unused.</summary>
        public volatile string? Ready;

        /// <summary>The base of the one being made.</summary>
        public volatile string? Making;

        public (string Commit, long Bytes)? Size { get; set; }
    }
}
