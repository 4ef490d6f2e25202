using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Scanning.Languages;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>Finds markers in the comments of one file's bytes. Immutable and safe to share between threads.</summary>
public sealed class BlobScanner(MarkerSet markers)
{
    /// <summary>Raised with every change that makes the same bytes give other results.</summary>
    private const int EngineVersion = 1;

    /// <summary>More hits than this in one file are not looked at; the first left out is explained.</summary>
    private const int MaxHits = 2000;

    /// <summary>How much of a file's beginning is looked at for the notice of a generator.</summary>
    private const int HeaderBytes = 4096;
    private const int HeaderLines = 20;

    /// <summary>A file whose average line is longer than this was not written by hand, once it has <see cref="MinifiedBytes"/>.</summary>
    private const int MinifiedAverage = 500;
    private const int MinifiedBytes = 4096;

    /// <summary>Changes whenever the same bytes could give other results: the markers and the engine's own version. Goes into cache keys.</summary>
    public string RulesVersion { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{EngineVersion}\n{string.Join('\n', markers.Patterns)}")))[..16];

    /// <summary>The fast path: false means that <see cref="Scan"/> would find nothing. Reads the raw bytes only, at memory speed.</summary>
    public bool MightContain(ReadOnlySpan<byte> content)
    {
        for (var position = markers.Search.IndexOf(content, 0); position >= 0; position = markers.Search.IndexOf(content, position + 1))
        {
            if (markers.Match(content, position).IsWord)
            {
                return true;
            }
        }

        return DecodedText.LooksLikeUtf16(content);
    }

    /// <summary>Adds what the file holds to <paramref name="found"/>, and to <paramref name="explain"/> what became of every hit. Never throws on any content; linear in its length.</summary>
    /// <returns>Why the whole file was left out (<c>generated</c>, <c>minified</c>, <c>binary</c>, <c>unknown_language</c>), or null.</returns>
    public string? Scan(ReadOnlySpan<byte> content, string path, List<Occurrence> found, List<MarkerExplanation>? explain)
    {
        if (explain is null && !MightContain(content))
        {
            return null;
        }

        var text = DecodedText.ToUtf8(content);
        var hits = Hits(text);
        if (hits.Count == 0)
        {
            return null;
        }

        var language = LanguageMap.Find(path, text);
        var reason = text.Contains((byte)0) ? Verdicts.Binary
            : IsMinified(text) ? Verdicts.Minified
            : IsGenerated(text) ? Verdicts.Generated
            : language is null ? Verdicts.UnknownLanguage
            : null;
        if (reason is not null)
        {
            if (explain is not null)
            {
                OccurrenceReader.Explain(text, hits, reason, explain);
            }

            return reason;
        }

        var tokens = new List<Token>();
        new Lexer(text, hits.ConvertAll(hit => hit.Position), tokens).Run(language!.Syntax);
        new OccurrenceReader(text, tokens, hits, language, found, explain).Read();
        return null;
    }

    /// <summary>Names <paramref name="reason"/> for every hit of a file that is not scanned.</summary>
    public void Explain(ReadOnlySpan<byte> content, string reason, List<MarkerExplanation> explain)
    {
        var text = DecodedText.ToUtf8(content);
        OccurrenceReader.Explain(text, Hits(text), reason, explain);
    }

    private List<MarkerHit> Hits(ReadOnlySpan<byte> text)
    {
        var hits = new List<MarkerHit>();
        for (var position = markers.Search.IndexOf(text, 0); position >= 0 && hits.Count <= MaxHits; position = markers.Search.IndexOf(text, position + 1))
        {
            if (markers.Match(text, position) is { Name: not null } hit)
            {
                hits.Add(hits.Count == MaxHits ? hit with { IsSurplus = true } : hit);
            }
        }

        return hits;
    }

    private static bool IsMinified(ReadOnlySpan<byte> text) => text.Length > MinifiedBytes && text.Length / (text.Count((byte)'\n') + 1) > MinifiedAverage;

    /// <summary>A notice counts only on a line that looks like a comment: code that writes such notices is not generated.</summary>
    private static bool IsGenerated(ReadOnlySpan<byte> text)
    {
        var header = text[..Math.Min(HeaderBytes, text.Length)];
        for (var lines = 0; lines < HeaderLines && !header.IsEmpty; lines++)
        {
            var length = header.IndexOf((byte)'\n');
            var line = (length < 0 ? header : header[..length]).TrimStart(" \t"u8);
            header = length < 0 ? [] : header[(length + 1)..];
            if (line.IsEmpty || char.IsAsciiLetterOrDigit((char)line[0]) || line.IndexOfAny("\"'"u8) is 0)
            {
                continue;
            }

            if (line.IndexOf("<auto-generated"u8) >= 0 || line.IndexOf("<autogenerated"u8) >= 0 || IsGeneratedTag(line)
                || (line.IndexOf("ode generated "u8) >= 0 && line.IndexOf("DO NOT EDIT"u8) >= 0)
                || (line.IndexOf("DO NOT EDIT"u8) >= 0 && ContainsIgnoreCase(line, "generated"u8)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsGeneratedTag(ReadOnlySpan<byte> line)
    {
        var tag = "@generated"u8;
        var at = line.IndexOf(tag);
        return at >= 0 && (at + tag.Length == line.Length || !MarkerSet.IsWordByte(line[at + tag.Length])) && (at == 0 || line[at - 1] is (byte)' ' or (byte)'\t' or (byte)'*' or (byte)'/' or (byte)'#');
    }

    private static bool ContainsIgnoreCase(ReadOnlySpan<byte> line, ReadOnlySpan<byte> word)
    {
        for (var position = 0; position + word.Length <= line.Length; position++)
        {
            if (Ascii.EqualsIgnoreCase(line.Slice(position, word.Length), word))
            {
                return true;
            }
        }

        return false;
    }
}
