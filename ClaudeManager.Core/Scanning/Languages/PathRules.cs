namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>Which files are left out by their path alone. Compiled once per configuration; safe to share between threads.</summary>
/// <param name="excludePatterns"><c>analyzer.excludePatterns</c>: without <c>/</c> matched against the file name, with it against the path.</param>
public sealed class PathRules(IReadOnlyList<string> excludePatterns)
{
    internal IReadOnlyList<string> ExcludePatterns { get; } = excludePatterns;

    /// <returns><c>vendored</c>, <c>generated</c>, <c>minified</c>, <c>excluded_path</c>, <c>unknown_language</c>, or null for a file to read. A file without extension passes: its interpreter line decides.</returns>
    public string? SkipReason(string path) => throw new NotSupportedException();
}
