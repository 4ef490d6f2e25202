namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>The configured markers. Case counts; an edge of a pattern that is a letter or digit must be the edge of a word; a pattern ending in <c>:</c> also stands for <c>WORD(owner):</c>.</summary>
public sealed class MarkerSet
{
    public MarkerSet(IReadOnlyList<string> patterns)
    {
        Patterns = patterns;
    }

    public IReadOnlyList<string> Patterns { get; }
}
