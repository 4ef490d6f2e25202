using System.Globalization;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Resilience;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub.Mirrors;

/// <param name="Path">A bare repository for <see cref="Repositories.LocalRepository.OpenAsync"/>.</param>
/// <param name="Branch">GitHub's default branch; null when the repository is empty.</param>
/// <param name="Commit">Where that branch stands in the mirror.</param>
/// <param name="IsPartial">Contents of the past are missing: who wrote a line, and when, is unknown.</param>
/// <param name="Fetched">False when nothing had changed and no request was sent.</param>
public sealed record Mirror(string Path, string? Branch, string? Commit, bool IsPartial, bool Fetched);

/// <summary>
/// A bare mirror of each repository on GitHub in the data directory: branches and tags, fetched incrementally. A process holds a mirror's lock while it changes it; the system takes
/// that back however the process ends.
/// </summary>
public sealed class GitHubMirrors(DataDirectory data, GitHubRemote remote, CurrentConfiguration configuration, TimeProvider time, ILogger<GitHubMirrors> logger)
{
    private const string Heads = "refs/heads/";

    /// <summary>How long a mirror waits for its repository to be registered, after a dry run.</summary>
    private static readonly TimeSpan s_preview = TimeSpan.FromDays(1);

    private static readonly TimeSpan s_lockPoll = TimeSpan.FromMilliseconds(100);

    /// <summary>Brings a mirror to where GitHub is. When GitHub's state says that nothing has changed, nothing is sent.</summary>
    /// <param name="branch">The branch to be scanned, when it is not the default one: of a partial mirror only its content is fetched.</param>
    /// <exception cref="GitHubException">GitHub did not give it.</exception>
    public async Task<Mirror> UpdateAsync(long repositoryId, GitHubRepositoryState state, string? branch, CancellationToken ct)
    {
        var path = data.Mirror(repositoryId);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using var hold = await LockAsync(path, ct).ConfigureAwait(false);
        File.SetLastWriteTimeUtc(hold.SafeFileHandle, time.GetUtcNow().UtcDateTime);
        await PrepareAsync(path, state, ct).ConfigureAwait(false);
        var target = branch ?? state.DefaultBranch;
        // For another branch than the default one GitHub's state says nothing.
        if (target is null || branch is not null || state.Commit is null || await FindCommitAsync(path, target, ct).ConfigureAwait(false) != state.Commit || !await HasContentAsync(path, state.Commit, ct).ConfigureAwait(false))
        {
            await FetchAsync(path, state, target, ct).ConfigureAwait(false);
            return await ReadAsync(path, state, fetched: true, ct).ConfigureAwait(false);
        }

        await PointHeadAsync(path, state, ct).ConfigureAwait(false);
        return await ReadAsync(path, state, fetched: false, ct).ConfigureAwait(false);
    }

    /// <summary>Removes a mirror, when its repository is no longer ours to look at.</summary>
    public async Task RemoveAsync(long repositoryId, CancellationToken ct)
    {
        var path = data.Mirror(repositoryId);
        if (!Directory.Exists(path))
        {
            return;
        }

        await using var hold = await LockAsync(path, ct).ConfigureAwait(false);
        Directory.Delete(path, recursive: true);
    }

    /// <summary>Removes what dry runs have left whose repositories nobody registered since.</summary>
    /// <param name="registered">GitHub's numbers of the repositories that are.</param>
    public async Task RemoveAbandonedAsync(IReadOnlySet<long> registered, CancellationToken ct)
    {
        var old = time.GetUtcNow() - s_preview;
        foreach (var path in Existing(data.Mirrors).SelectMany(mirrors => Directory.EnumerateDirectories(mirrors, "*.git")))
        {
            if (long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && !registered.Contains(id) && File.GetLastWriteTimeUtc(path + ".held") < old.UtcDateTime)
            {
                await RemoveAsync(id, ct).ConfigureAwait(false);
            }
        }
    }

    private async Task PrepareAsync(string path, GitHubRepositoryState state, CancellationToken ct)
    {
        if (Directory.Exists(path))
        {
            await RemoveLocksAsync(path, ct).ConfigureAwait(false);
            var check = await GitCommand.TryAsync(path, ["rev-parse", "--is-bare-repository"], ct).ConfigureAwait(false);
            if (check is { ExitCode: 0, Text: "true" })
            {
                await GitCommand.RunAsync(path, ["config", "remote.origin.url", remote.UrlOf(state.Name).AbsoluteUri], ct).ConfigureAwait(false);
                return;
            }

            // It holds nothing that GitHub does not have.
            Log.MirrorRemade(logger, path, check.Error);
            Directory.Delete(path, recursive: true);
        }

        Directory.CreateDirectory(path);
        await GitCommand.RunAsync(path, ["init", "--quiet", "--bare", "--template=", "."], ct).ConfigureAwait(false);
        await GitCommand.RunAsync(path, ["config", "remote.origin.url", remote.UrlOf(state.Name).AbsoluteUri], ct).ConfigureAwait(false);
        if (state.SizeMb > configuration.Value.Analyzer.PartialCloneAboveMb)
        {
            await GitCommand.RunAsync(path, ["config", "core.repositoryFormatVersion", "1"], ct).ConfigureAwait(false);
            await GitCommand.RunAsync(path, ["config", "extensions.partialClone", "origin"], ct).ConfigureAwait(false);
            await GitCommand.RunAsync(path, ["config", "remote.origin.promisor", "true"], ct).ConfigureAwait(false);
            await GitCommand.RunAsync(path, ["config", "remote.origin.partialCloneFilter", "blob:none"], ct).ConfigureAwait(false);
        }

        // So that workspaces can be made of any commit of it.
        await GitCommand.RunAsync(path, ["config", "uploadpack.allowAnySHA1InWant", "true"], ct).ConfigureAwait(false);
    }

    private async Task FetchAsync(string path, GitHubRepositoryState state, string? branch, CancellationToken ct)
    {
        string[] filter = IsPartial(path) ? ["--filter=blob:none"] : [];
        await remote.RunAsync(path,
            ["fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no", .. filter, "origin", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"],
            null, ct).ConfigureAwait(false);
        await PointHeadAsync(path, state, ct).ConfigureAwait(false);
        if (filter.Length > 0 && branch is not null && await FindCommitAsync(path, branch, ct).ConfigureAwait(false) is { } commit)
        {
            await FetchContentAsync(path, commit, ct).ConfigureAwait(false);
        }

        // Every fetch leaves a pack; above fifty they are made one.
        await GitCommand.RunAsync(path, ["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"], ct).ConfigureAwait(false);
    }

    /// <summary>All contents of one commit that are missing, in one request.</summary>
    private async Task FetchContentAsync(string path, string commit, CancellationToken ct)
    {
        var missing = await MissingAsync(path, commit, ct).ConfigureAwait(false);
        if (missing.Length > 0)
        {
            await remote.RunAsync(path,
                ["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no", "--filter=blob:none", "--stdin", "origin"],
                missing, ct).ConfigureAwait(false);
        }
    }

    private static async Task<bool> HasContentAsync(string path, string commit, CancellationToken ct)
        => !IsPartial(path) || (await MissingAsync(path, commit, ct).ConfigureAwait(false)).Length == 0;

    /// <summary>One id a line.</summary>
    private static async Task<byte[]> MissingAsync(string path, string commit, CancellationToken ct)
    {
        var listed = await GitCommand.RunAsync(path, ["rev-list", "--objects", "--missing=print", "--no-object-names", "--no-walk", commit + "^{tree}"], ct).ConfigureAwait(false);
        return [.. System.Text.Encoding.ASCII.GetBytes(string.Concat(listed.Text.Split('\n').Where(line => line.StartsWith('?')).Select(line => line[1..] + "\n")))];
    }

    /// <summary>HEAD names the default branch, so that whoever opens the mirror finds it.</summary>
    private static async Task PointHeadAsync(string path, GitHubRepositoryState state, CancellationToken ct)
    {
        if (state.DefaultBranch is not null)
        {
            await GitCommand.RunAsync(path, ["symbolic-ref", "HEAD", Heads + state.DefaultBranch], ct).ConfigureAwait(false);
        }
    }

    private static async Task<Mirror> ReadAsync(string path, GitHubRepositoryState state, bool fetched, CancellationToken ct)
    {
        var commit = state.DefaultBranch is null ? null : await FindCommitAsync(path, state.DefaultBranch, ct).ConfigureAwait(false);
        return new Mirror(path, state.DefaultBranch, commit, IsPartial(path), fetched);
    }

    private static async Task<string?> FindCommitAsync(string path, string branch, CancellationToken ct)
    {
        var found = await GitCommand.TryAsync(path, ["rev-parse", "--verify", "--quiet", "--end-of-options", $"{Heads}{branch}^{{commit}}"], ct).ConfigureAwait(false);
        return found.ExitCode == 0 ? found.Text : null;
    }

    private static bool IsPartial(string path) => File.ReadAllText(Path.Combine(path, "config")).Contains("partialClone", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// A git that was killed leaves its locks, packs half received and pipes. We hold the mirror, so they are nobody's, unless a git has outlived the process that started it: that one is ended first.
    /// </summary>
    private async Task RemoveLocksAsync(string path, CancellationToken ct)
    {
        if (LeftIn(path).Count == 0)
        {
            return;
        }

        var orphans = ProcessTable.WithDescendants(ProcessTable.Snapshot(), process => ProcessTable.VariableOf(process.Id, GitHubRemote.MirrorVariable) == path);
        foreach (var orphan in orphans)
        {
            Signals.Send(orphan.Id, Signals.Kill);
        }

        while (orphans.Any(orphan => ProcessTable.Find(orphan.Id) is { IsZombie: false } now && now.Start == orphan.Start))
        {
            await Task.Delay(s_lockPoll, time, ct).ConfigureAwait(false);
        }

        var left = LeftIn(path);
        foreach (var file in left)
        {
            File.Delete(file);
        }

        Log.LocksRemoved(logger, path, left.Count);
    }

    private static List<string> LeftIn(string path)
        =>
        [
            .. Directory.EnumerateFiles(path, "*.lock"),
            .. Existing(Path.Combine(path, "refs")).SelectMany(refs => Directory.EnumerateFiles(refs, "*.lock", SearchOption.AllDirectories)),
            .. Existing(Path.Combine(path, "objects", "pack")).SelectMany(packs => Directory.EnumerateFiles(packs, "tmp_*")),
            .. Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + ".*.credentials"),
        ];

    private static IEnumerable<string> Existing(string directory) => Directory.Exists(directory) ? [directory] : [];

    /// <summary>One process, and one caller in it, changes a mirror at a time.</summary>
    private async Task<FileStream> LockAsync(string path, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return new FileStream(path + ".held", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException held) when (held is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException))
            {
                await Task.Delay(s_lockPoll, time, ct).ConfigureAwait(false);
            }
            catch (UnauthorizedAccessException cause)
            {
                throw new FileOperationException(ErrorCodes.MirrorNotWritable, path, $"The mirror '{path}' cannot be written.", "Give the server's user the data directory.", cause);
            }
        }
    }
}
