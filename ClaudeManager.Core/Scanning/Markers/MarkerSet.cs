using System.Text;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>
/// The configured markers. Case counts; an edge of a pattern that is a letter, digit or underscore must be the edge of a word, so <c>DEBUG:</c> is no
/// <c>BUG:</c>; a pattern ending in <c>:</c> also stands for <c>WORD(owner):</c> and <c>WORD[owner]:</c>.
/// </summary>
public sealed class MarkerSet
{
    /// <summary>The longest <c>(owner)</c> between a word and its colon, in bytes.</summary>
    private const int MaxAttributes = 120;

    private readonly Word[] _words;

    public MarkerSet(IReadOnlyList<string> patterns)
    {
        Patterns = patterns;
        // Longest first: of two words that begin at one place the longer is the marker.
        _words = [.. patterns
            .Where(pattern => !string.IsNullOrWhiteSpace(pattern))
            .Select(pattern => pattern.Trim())
            .Select(pattern => pattern.Length > 1 && pattern.EndsWith(':') ? (Name: pattern[..^1], Colon: true) : (Name: pattern, Colon: false))
            .GroupBy(pattern => pattern.Name, StringComparer.Ordinal)
            .Select(group => new Word(group.Key, Encoding.UTF8.GetBytes(group.Key), Bare: group.Any(pattern => !pattern.Colon)))
            .OrderByDescending(word => word.Bytes.Length)];
        Search = new MultiSearch([.. _words.Select(word => word.Bytes)]);
    }

    public IReadOnlyList<string> Patterns { get; }

    internal MultiSearch Search { get; }

    /// <summary>Judges the place where one of the words was found.</summary>
    internal MarkerHit Match(ReadOnlySpan<byte> text, int position)
    {
        var hit = default(MarkerHit);
        var rest = text[position..];
        foreach (var word in _words)
        {
            if (!rest.StartsWith(word.Bytes))
            {
                continue;
            }

            var end = position + word.Bytes.Length;
            var leftEdge = position == 0 || !(IsWordByte(word.Bytes[0]) && IsWordByte(text[position - 1]));
            var rightEdge = end == text.Length || !(IsWordByte(word.Bytes[^1]) && IsWordByte(text[end]));
            var attributesEnd = AttributesEnd(text, end);
            var colon = attributesEnd < text.Length && text[attributesEnd] == (byte)':';
            if (!word.Bare && !colon)
            {
                continue;
            }

            if (leftEdge && rightEdge)
            {
                return new MarkerHit(position, word.Name, IsWord: true, colon, end, attributesEnd, colon ? attributesEnd + 1 : attributesEnd);
            }

            hit = hit.Name is null ? new MarkerHit(position, word.Name, IsWord: false, colon, end, end, end) : hit;
        }

        return hit;
    }

    internal static bool IsWordByte(byte value) => char.IsAsciiLetterOrDigit((char)value) || value == (byte)'_';

    private static int AttributesEnd(ReadOnlySpan<byte> text, int start)
    {
        if (start >= text.Length || text[start] is not ((byte)'(' or (byte)'['))
        {
            return start;
        }

        var close = text[start] == (byte)'(' ? (byte)')' : (byte)']';
        var window = text.Slice(start, Math.Min(MaxAttributes, text.Length - start));
        var length = window.IndexOfAny(close, (byte)'\n');
        return length > 0 && window[length] == close ? start + length + 1 : start;
    }

    private sealed record Word(string Name, byte[] Bytes, bool Bare);
}

/// <summary>One place where the letters of a marker occur. <see cref="Name"/> is null when it is none.</summary>
internal readonly record struct MarkerHit(int Position, string? Name, bool IsWord, bool HasColon, int WordEnd, int AttributesEnd, int TextStart)
{
    /// <summary>The file has more hits than are looked at.</summary>
    public bool IsSurplus { get; init; }
}
