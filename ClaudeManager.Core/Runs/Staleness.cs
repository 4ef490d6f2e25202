using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Runs;

/// <summary>
/// Whether an approval still fits the repository. The base is pinned, not watched: a moved branch makes it stale only when the finding's own file has changed since
/// (gone, renamed or edited); whether the result still merges is asked apart.
/// </summary>
public static class Staleness
{
    /// <param name="repository">The user's repository.</param>
    /// <param name="branch">Its default branch, without <c>refs/heads/</c>.</param>
    /// <param name="paths">The findings' files; none for work that has none.</param>
    /// <returns>What changed, in words; null when the approval still fits.</returns>
    public static async Task<string?> CheckAsync(string repository, string branch, string baseCommit, IReadOnlyCollection<string> paths, CancellationToken ct)
    {
        var head = await HeadAsync(repository, branch, ct).ConfigureAwait(false);
        if (head is null)
        {
            return $"The branch {branch} is gone.";
        }

        if (head == baseCommit || paths.Count == 0)
        {
            return null;
        }

        var diff = await GitCommand.TryAsync(repository, ["diff-tree", "-r", "--no-commit-id", "--name-status", "-z", "--no-renames", baseCommit, head, "--", .. paths.Select(path => ":(literal)" + path)], ct).ConfigureAwait(false);
        return diff.ExitCode != 0 ? $"The approved base {Short(baseCommit)} is no longer in the repository."
            : diff.Text.Split('\0') is not [var status, var path, ..] ? null
            : status == "D" ? $"Its file {path} is gone since {Short(baseCommit)}: look again."
            : $"Its file {path} has changed since {Short(baseCommit)}: look again.";
    }

    /// <summary>Whether a result still merges into the branch as it is now.</summary>
    public static async Task<bool> MergesCleanlyAsync(string repository, string branch, string objectStore, string baseCommit, string result, CancellationToken ct)
    {
        var head = await HeadAsync(repository, branch, ct).ConfigureAwait(false);
        if (head is null || head == baseCommit)
        {
            return true;
        }

        return await BesideAsync(repository, objectStore, async environment =>
        {
            var merge = await GitCommand.TryAsync(repository, ["merge-tree", "--write-tree", "--no-messages", "--merge-base=" + baseCommit, head, result], ct, environment: environment).ConfigureAwait(false);
            return merge.ExitCode switch
            {
                0 => true,
                1 => false,
                _ => await FallBackAsync(repository, baseCommit, head, result, environment, ct).ConfigureAwait(false),
            };
        }, ct).ConfigureAwait(false);
    }

    /// <summary>Whether the branch has a result already: its commits, or all that it changes (squashed, rebased, picked).</summary>
    public static async Task<bool> IsMergedAsync(string repository, string branch, string objectStore, string result, CancellationToken ct)
    {
        if (await HeadAsync(repository, branch, ct).ConfigureAwait(false) is not { } head)
        {
            return false;
        }

        return await BesideAsync(repository, objectStore, async environment =>
        {
            if ((await GitCommand.TryAsync(repository, ["merge-base", "--is-ancestor", result, head], ct, environment: environment).ConfigureAwait(false)).ExitCode == 0)
            {
                return true;
            }

            var merge = await GitCommand.TryAsync(repository, ["merge-tree", "--write-tree", "--no-messages", head, result], ct, environment: environment).ConfigureAwait(false);
            return merge.ExitCode switch
            {
                0 => merge.Text == (await GitCommand.RunAsync(repository, ["rev-parse", head + "^{tree}"], ct).ConfigureAwait(false)).Text,
                1 => false,
                _ => throw new GitException($"merge-tree of {Short(result)}", merge.ExitCode, merge.Error),
            };
        }, ct).ConfigureAwait(false);
    }

    /// <summary>What is in our store may not be in the user's repository: git reads our store beside it, and writes what it merges nowhere (a quarantine of its own).</summary>
    private static async Task<T> BesideAsync<T>(string repository, string objectStore, Func<Dictionary<string, string>, Task<T>> read, CancellationToken ct)
    {
        var quarantine = Directory.CreateTempSubdirectory("claude-manager-merge-").FullName;
        try
        {
            var objects = await GitCommand.RunAsync(repository, ["rev-parse", "--path-format=absolute", "--git-path", "objects"], ct).ConfigureAwait(false);
            return await read(new Dictionary<string, string>
            {
                ["GIT_OBJECT_DIRECTORY"] = quarantine,
                ["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = $"{Quote(objects.Text)}:{Quote(Path.Combine(objectStore, "objects"))}",
            }).ConfigureAwait(false);
        }
        finally
        {
            Directory.Delete(quarantine, recursive: true);
        }
    }

    /// <summary>git before 2.40 has no --merge-base; it finds the base by itself from the result's parent.</summary>
    private static async Task<bool> FallBackAsync(string repository, string baseCommit, string head, string result, Dictionary<string, string> environment, CancellationToken ct)
    {
        var merge = await GitCommand.TryAsync(repository, ["merge-tree", "--write-tree", "--no-messages", head, result], ct, environment: environment).ConfigureAwait(false);
        return merge.ExitCode switch
        {
            0 => true,
            1 => false,
            _ => throw new GitException($"merge-tree of {Short(baseCommit)}", merge.ExitCode, merge.Error),
        };
    }

    /// <exception cref="GitException">The repository cannot be read: that says nothing about its branches, and may pass.</exception>
    private static async Task<string?> HeadAsync(string repository, string branch, CancellationToken ct)
    {
        foreach (var reference in new[] { $"refs/heads/{branch}", $"refs/remotes/origin/{branch}" })
        {
            var head = await GitCommand.TryAsync(repository, ["rev-parse", "--verify", "--quiet", reference + "^{commit}"], ct).ConfigureAwait(false);
            switch (head.ExitCode)
            {
                case 0:
                    return head.Text;
                case not 1:
                    throw new GitException($"rev-parse of {branch}", head.ExitCode, head.Error);
            }
        }

        return null;
    }

    private static string Quote(string path) => path.Contains(':', StringComparison.Ordinal) || path.StartsWith('"') ? $"\"{path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"" : path;

    private static string Short(string commit) => commit.Length > 12 ? commit[..12] : commit;
}
