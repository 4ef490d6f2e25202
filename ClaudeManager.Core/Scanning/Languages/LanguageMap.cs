namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>Which language a file is in, by its name, its extension, or the interpreter line of its content.</summary>
public static class LanguageMap
{
    /// <param name="path">Path in the repository, <c>/</c> separated.</param>
    /// <param name="content">The beginning of the file, for <c>#!</c>; may be empty.</param>
    public static Language? Find(string path, ReadOnlySpan<byte> content = default) => throw new NotSupportedException();
}
