using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Publishing;

/// <summary>How a local publication ended.</summary>
/// <param name="Branch">Without <c>refs/heads/</c>; null when nothing could be published.</param>
/// <param name="Commit">What stands there for this run: the given commit, or the one an earlier attempt made.</param>
/// <param name="AlreadyThere">An earlier attempt had published; nothing was changed now.</param>
/// <param name="Problem">Why it could not be, and what to do about it; else null.</param>
public sealed record LocalPublication(string? Branch, string? Commit, bool AlreadyThere, string? Problem);

/// <summary>
/// Puts a result commit into the user's own repository as a new branch. The only things ever written there are objects and one new reference: no existing branch is moved or deleted, HEAD, index
/// and work tree stay as they are, no hook runs, nothing is pushed.
/// </summary>
public static class LocalPublisher
{
    // So many branches of one name mean that something makes them in a loop; better to stop than to go on.
    private const int MaxSuffix = 100;

    // How far below a branch's tip the commit of an earlier attempt is looked for: people add to the branches they get.
    private const string SearchDepth = "--max-count=200";

    /// <param name="objectStore">The git directory of ours that has <paramref name="commit"/>.</param>
    /// <param name="repository">The user's repository: a work tree, a linked work tree or a bare one.</param>
    public static async Task<LocalPublication> PublishAsync(
        string objectStore, string repository, string commit, string title, ResultTrailers trailers, PublishConfiguration author, CancellationToken ct)
    {
        try
        {
            await GitCommand.RunAsync(repository, ["rev-parse", "--git-dir"], ct).ConfigureAwait(false);
            if ((await GitCommand.TryAsync(repository, ["cat-file", "-e", $"{trailers.BaseCommit}^{{commit}}"], ct).ConfigureAwait(false)).ExitCode != 0)
            {
                return Refused($"The repository no longer has the commit {trailers.BaseCommit} the work was approved on. Fetch it back, or approve the work item again on the present state.");
            }

            var wanted = BranchName.For(trailers.WorkItemId, title);
            var taken = await ReadTakenAsync(repository, ct).ConfigureAwait(false);
            if (await FindEarlierAsync(repository, taken, commit, trailers, ct).ConfigureAwait(false) is { } earlier)
            {
                return earlier;
            }

            if (taken.Any(t => t.Name.Equals(BranchName.Folder, StringComparison.OrdinalIgnoreCase)))
            {
                return Refused($"A branch named '{BranchName.Folder}' is in the way: git cannot keep it beside '{wanted}'. Rename it (git branch -m {BranchName.Folder} NEW-NAME) and retry.");
            }

            await CopyObjectsAsync(objectStore, repository, commit, trailers.BaseCommit, ct).ConfigureAwait(false);
            for (var suffix = 1; suffix <= MaxSuffix; suffix++)
            {
                var branch = suffix == 1 ? wanted : string.Create(CultureInfo.InvariantCulture, $"{wanted}-{suffix}");
                if (taken.Any(t => InTheWay(t.Name, branch)))
                {
                    continue;
                }

                var created = await CreateAsync(repository, branch, commit, trailers, author, ct).ConfigureAwait(false);
                if (created.ExitCode == 0)
                {
                    return new LocalPublication(branch, commit, false, null);
                }

                // Someone may have taken the name since it was looked up, be it the git of a server that was killed here; anything else is a failure.
                taken = await ReadTakenAsync(repository, ct).ConfigureAwait(false);
                if (await FindEarlierAsync(repository, taken, commit, trailers, ct).ConfigureAwait(false) is { } meanwhile)
                {
                    return meanwhile;
                }

                if (!taken.Any(t => InTheWay(t.Name, branch)))
                {
                    return Refused(Explain(repository, created.Error));
                }
            }

            return Refused($"{MaxSuffix} branches named like '{wanted}' exist already. Delete those you do not need and retry.");
        }
        catch (GitException e)
        {
            return Refused(Explain(repository, e.Error));
        }
    }

    /// <summary>The result as a mail that <c>git am</c> takes.</summary>
    public static async Task<byte[]> PatchAsync(string objectStore, string commit, CancellationToken ct)
        => (await GitCommand.RunAsync(
            objectStore, ["format-patch", "--stdout", "-1", "--binary", "--full-index", "--no-signature", "--no-ext-diff", "--no-textconv", "--no-color", commit], ct).ConfigureAwait(false)).Output;

    private static async Task<LocalPublication?> FindEarlierAsync(string repository, IReadOnlyList<Taken> taken, string commit, ResultTrailers trailers, CancellationToken ct)
    {
        var ours = string.Create(CultureInfo.InvariantCulture, $"{BranchName.Folder}/{trailers.WorkItemId}-");
        foreach (var branch in taken.Where(t => t.Commit is not null && t.Name.StartsWith(ours, StringComparison.Ordinal)))
        {
            if (branch.Commit == commit)
            {
                return new LocalPublication(branch.Name, commit, true, null);
            }

            // Everything the branch adds to the base, each commit as "id LF trailers NUL".
            var log = await GitCommand.RunAsync(
                repository, ["log", "-z", SearchDepth, "--format=%H%n%(trailers:only,unfold)", branch.Commit!, $"^{trailers.BaseCommit}", "--"], ct).ConfigureAwait(false);
            foreach (var entry in log.Text.Split('\0', StringSplitOptions.RemoveEmptyEntries))
            {
                var end = entry.IndexOf('\n', StringComparison.Ordinal);
                if (end > 0 && trailers.AreIn(entry[(end + 1)..]))
                {
                    return new LocalPublication(branch.Name, entry[..end], true, null);
                }
            }
        }

        return null;
    }

    /// <summary>All branches, and those a work tree stands on although they have no commit yet: to create one of these would change what that work tree's HEAD is.</summary>
    private static async Task<IReadOnlyList<Taken>> ReadTakenAsync(string repository, CancellationToken ct)
    {
        const string Heads = "refs/heads/";
        var branches = await GitCommand.RunAsync(repository, ["for-each-ref", "--format=%(refname) %(objectname)", Heads], ct).ConfigureAwait(false);
        var worktrees = await GitCommand.RunAsync(repository, ["worktree", "list", "--porcelain", "-z"], ct).ConfigureAwait(false);
        var taken = branches.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).Select(f => new Taken(f[0][Heads.Length..], f[1])).ToList();
        taken.AddRange(worktrees.Text.Split('\0').Where(l => l.StartsWith("branch " + Heads, StringComparison.Ordinal)).Select(l => new Taken(l[("branch " + Heads).Length..], null)));
        return taken;
    }

    /// <summary>
    /// As a thin pack, so that the user's repository has no part in it but to take objects: a fetch would read its remotes, hooks and alternates. <c>--strict</c> refuses broken objects and
    /// objects whose links lead nowhere.
    /// </summary>
    private static async Task CopyObjectsAsync(string objectStore, string repository, string commit, string baseCommit, CancellationToken ct)
    {
        var pack = await GitCommand.RunAsync(
            objectStore, ["pack-objects", "--revs", "--thin", "--stdout", "-q", "--delta-base-offset"], ct, System.Text.Encoding.ASCII.GetBytes($"{commit}\n^{baseCommit}\n")).ConfigureAwait(false);
        await GitCommand.RunAsync(repository, ["unpack-objects", "-q", "--strict"], ct, pack.Output).ConfigureAwait(false);
    }

    private static Task<GitResult> CreateAsync(string repository, string branch, string commit, ResultTrailers trailers, PublishConfiguration author, CancellationToken ct)
        => GitCommand.TryAsync(
            repository,
            ["update-ref", "-m", string.Create(CultureInfo.InvariantCulture, $"claude-manager: result of run {trailers.RunId}"), "--stdin", "-z"],
            ct,
            System.Text.Encoding.UTF8.GetBytes($"create refs/heads/{branch}\0{commit}\0"),
            new Dictionary<string, string> { ["GIT_COMMITTER_NAME"] = author.AuthorName, ["GIT_COMMITTER_EMAIL"] = author.AuthorEmail });

    /// <summary>One of the two is the other, or a folder of it; letter case does not count on some file systems.</summary>
    private static bool InTheWay(string existing, string wanted)
        => existing.Equals(wanted, StringComparison.OrdinalIgnoreCase) || existing.StartsWith(wanted + "/", StringComparison.OrdinalIgnoreCase);

    private static string Explain(string repository, string error)
    {
        var fix = error switch
        {
            _ when Has("permission denied") || Has("insufficient permission") || Has("read-only file system") => "It cannot be written to: give the service's user write access to it, then retry.",
            _ when Has("not a git repository") || Has("cannot change to") => "It is no git repository any more: put it back, or remove it from the registered ones.",
            _ when Has("no space left") || Has("disk quota") => "The disk is full: free some space, then retry.",
            _ when Has(".lock': file exists") => "Another git process holds a lock there: wait for it, or remove the lock file it left, then retry.",
            _ => "",
        };
        return $"The result could not be put into {repository}. {fix} git says: {error}".Replace("  ", " ", StringComparison.Ordinal);

        bool Has(string text) => error.Contains(text, StringComparison.OrdinalIgnoreCase);
    }

    private static LocalPublication Refused(string problem) => new(null, null, false, problem);

    private sealed record Taken(string Name, string? Commit);
}
