namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>Finds markers in the comments of one file's bytes. Immutable and safe to share between threads.</summary>
public sealed class BlobScanner(MarkerSet markers)
{
    /// <summary>Changes whenever the same bytes could give other results: the markers and the engine's own version. Goes into cache keys.</summary>
    public string RulesVersion { get; } = string.Join('|', markers.Patterns);

    /// <summary>The fast path: false means that <see cref="Scan"/> would find nothing. Reads the raw bytes only, at memory speed.</summary>
    public bool MightContain(ReadOnlySpan<byte> content) => throw new NotSupportedException();

    /// <summary>Adds what the file holds to <paramref name="found"/>, and to <paramref name="explain"/> what became of every hit. Never throws on any content; linear in its length.</summary>
    /// <returns>Why the whole file was left out (<c>generated</c>, <c>minified</c>, <c>binary</c>, <c>unknown_language</c>), or null.</returns>
    public string? Scan(ReadOnlySpan<byte> content, string path, List<Occurrence> found, List<MarkerExplanation>? explain) => throw new NotSupportedException();

    /// <summary>Names <paramref name="reason"/> for every hit of a file that is not scanned.</summary>
    public void Explain(ReadOnlySpan<byte> content, string reason, List<MarkerExplanation> explain) => throw new NotSupportedException();
}
