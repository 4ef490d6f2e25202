using ClaudeManager.Core.GitHub;

namespace ClaudeManager.Core.Repositories;

/// <summary>How people say which repository they mean: a path, or <c>owner/name</c> on GitHub.</summary>
public static class RepositoryPlace
{
    /// <summary>Whether a text names a repository on GitHub. A path starts with <c>/</c>, <c>./</c> or the like, so that <c>owner/name</c> means the same wherever it is said.</summary>
    public static bool IsOnGitHub(string? text, out RepositoryName name) => RepositoryName.TryParse(text?.Trim(), out name);

    /// <summary>The same for somebody in a directory, who also means <c>folder/repository</c> below it.</summary>
    public static string Resolve(string text, string workingDirectory)
    {
        var path = Path.GetFullPath(AtHome(text), workingDirectory);
        return IsOnGitHub(text, out var name) && !Directory.Exists(path) ? name.ToString() : path;
    }

    /// <summary>A path as a shell would have made it.</summary>
    public static string AtHome(string path)
        => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..] : path;
}
