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
    /// <param name="path">The finding's file; null for work that has none.</param>
    /// <returns>What changed, in words; null when the approval still fits.</returns>
    public static async Task<string?> CheckAsync(string repository, string branch, string baseCommit, string? path, CancellationToken ct)
    {
        var head = await HeadAsync(repository, branch, ct).ConfigureAwait(false);
        if (head is null)
        {
            return $"The branch {branch} is gone.";
        }

        if (head == baseCommit || path is null)
        {
            return null;
        }

        var diff = await GitCommand.TryAsync(repository, ["diff-tree", "-r", "--no-commit-id", "--name-status", "-z", "--no-renames", baseCommit, head, "--", ":(literal)" + path], ct).ConfigureAwait(false);
        return diff.ExitCode != 0 ? $"The approved base {Short(baseCommit)} is no longer in the repository."
            : diff.Output.Length == 0 ? null
            : diff.Output[0] == (byte)'D' ? $"Its file {path} is gone since {Short(baseCommit)}: look again."
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

        // The result is not in the user's repository yet: git reads our store beside it, and writes the merged tree nowhere (a quarantine of its own).
        var quarantine = Directory.CreateTempSubdirectory("claude-manager-merge-").FullName;
        try
        {
            var objects = await GitCommand.RunAsync(repository, ["rev-parse", "--path-format=absolute", "--git-path", "objects"], ct).ConfigureAwait(false);
            var environment = new Dictionary<string, string>
            {
                ["GIT_OBJECT_DIRECTORY"] = quarantine,
                ["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = $"{Quote(objects.Text)}:{Quote(Path.Combine(objectStore, "objects"))}",
            };
            var merge = await GitCommand.TryAsync(repository, ["merge-tree", "--write-tree", "--no-messages", "--merge-base=" + baseCommit, head, result], ct, environment: environment).ConfigureAwait(false);
            return merge.ExitCode switch
            {
                0 => true,
                1 => false,
                _ => await FallBackAsync(repository, baseCommit, head, result, environment, ct).ConfigureAwait(false),
            };
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
