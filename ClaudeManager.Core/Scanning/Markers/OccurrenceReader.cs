using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Scanning.Languages;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>Turns the hits of one lexed file into occurrences and explanations.</summary>
internal ref struct OccurrenceReader(ReadOnlySpan<byte> text, List<Token> tokens, List<MarkerHit> hits, Language language, List<Occurrence> found, List<MarkerExplanation>? explain)
{
    /// <summary>A longer line is no line of source, whatever the rest of the file is.</summary>
    private const int MaxLine = 10_000;
    private const int MaxContextLine = 500;
    private const int ContextLines = 2;

    /// <summary>How far the neighbourhood is looked for, and how much of a line counts.</summary>
    private const int MaxNeighbourLines = 100;
    private const int MaxNeighbourLine = 512;

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly List<Token> _tokens = tokens;

    public readonly void Read()
    {
        var symbols = new SymbolTracker(_text, _tokens, language);
        var lines = new LineCounter(_text);
        var token = 0;
        var findingEnd = -1;
        for (var index = 0; index < hits.Count; index++)
        {
            var hit = hits[index];
            var line = lines.At(hit.Position);
            while (token < _tokens.Count && _tokens[token].End <= hit.Position)
            {
                token++;
            }

            var isInToken = token < _tokens.Count && _tokens[token].Start <= hit.Position;
            var verdict = hit.IsSurplus ? Verdicts.TooMany
                : !hit.IsWord ? Verdicts.NotAWord
                : !isInToken ? Verdicts.InCode
                : !_tokens[token].IsComment ? Verdicts.InString
                : hit.Position < findingEnd ? Verdicts.PartOfFinding
                : LineAround(_text, hit.Position).Length > MaxLine ? Verdicts.Minified
                : Verdicts.Finding;
            explain?.Add(new MarkerExplanation(line, hit.Name!, verdict, Excerpt(_text, hit.Position)));
            if (verdict != Verdicts.Finding)
            {
                continue;
            }

            var said = CommentText.Read(_text, _tokens, token, hit, CollectionsMarshal.AsSpan(hits)[(index + 1)..]);
            findingEnd = said.End;
            found.Add(Occurrence(hit, line, token, said, ref symbols));
        }
    }

    public static void Explain(ReadOnlySpan<byte> text, List<MarkerHit> hits, string reason, List<MarkerExplanation> explain)
    {
        var lines = new LineCounter(text);
        foreach (var hit in hits)
        {
            explain.Add(new MarkerExplanation(lines.At(hit.Position), hit.Name!, hit.IsSurplus ? Verdicts.TooMany : reason, Excerpt(text, hit.Position)));
        }
    }

    private readonly Occurrence Occurrence(MarkerHit hit, int line, int tokenIndex, CommentText said, ref SymbolTracker symbols)
    {
        var comment = _tokens[tokenIndex];
        var attributes = MarkerAttributes.None;
        var text = said.Text;
        if (hit.AttributesEnd > hit.WordEnd)
        {
            var written = SafeText.Clean(Encoding.UTF8.GetString(_text[hit.WordEnd..hit.AttributesEnd]));
            if (MarkerAttributes.Parse(written[1..^1]) is { } parsed)
            {
                attributes = parsed;
            }
            else
            {
                text = $"{written} {text}".TrimEnd();
            }
        }

        if (attributes.IsEmpty)
        {
            attributes = MarkerAttributes.ParseLeading(text);
        }

        var lineStart = _text[..comment.Start].LastIndexOf((byte)'\n') + 1;
        var isTrailing = _text[lineStart..comment.Start].IndexOfAnyExcept(" \t"u8) >= 0;
        var contextStart = hit.Position;
        var contextStartLine = line;
        contextStart = _text[..contextStart].LastIndexOf((byte)'\n') + 1;
        for (var above = 0; above < ContextLines && contextStart > 0; above++)
        {
            contextStart = _text[..(contextStart - 1)].LastIndexOf((byte)'\n') + 1;
            contextStartLine--;
        }

        return new Occurrence(
            line,
            line + said.Lines - 1,
            hit.Name!,
            text,
            symbols.At(comment, said.End, isTrailing),
            Context(contextStart, line - contextStartLine + 1 + ContextLines),
            contextStartLine,
            Hash(Encoding.UTF8.GetBytes($"{hit.Name}\n{text.ToLowerInvariant()}")),
            Neighbourhood(comment, lineStart, Math.Max(comment.End, said.End)),
            attributes.Owner,
            attributes.IssueReference,
            attributes.Priority,
            attributes.DueOn,
            language.Name);
    }

    private readonly string Context(int start, int lines)
    {
        var result = new StringBuilder();
        for (var count = 0; count < lines && start < _text.Length; count++)
        {
            var length = _text[start..].IndexOf((byte)'\n');
            var line = (length < 0 ? _text[start..] : _text.Slice(start, length)).TrimEnd((byte)'\r');
            result.Append(count == 0 ? "" : "\n").Append(SafeText.Decode(line, MaxContextLine));
            start = length < 0 ? _text.Length : start + length + 1;
        }

        return result.ToString();
    }

    /// <summary>The nearest code above, on the comment's own lines, and below. Other comments do not count, so that editing them moves nothing.</summary>
    private readonly string Neighbourhood(Token comment, int lineStart, int end)
    {
        var code = new List<byte>();
        var position = lineStart;
        for (var lines = 0; lines < MaxNeighbourLines && position > 0; lines++)
        {
            var next = position - 1;
            position = _text[..next].LastIndexOf((byte)'\n') + 1;
            if (AddCode(code, position, next))
            {
                break;
            }
        }

        code.Add((byte)'\n');
        AddCode(code, lineStart, comment.Start);
        code.Add((byte)'\n');
        position = end;
        for (var lines = 0; lines < MaxNeighbourLines && position < _text.Length; lines++)
        {
            var length = _text[position..].IndexOf((byte)'\n');
            var next = length < 0 ? _text.Length : position + length;
            if (AddCode(code, position, next))
            {
                break;
            }

            position = next + 1;
        }

        return Hash(CollectionsMarshal.AsSpan(code));
    }

    /// <summary>Adds what is neither comment nor white space; false where there is nothing.</summary>
    private readonly bool AddCode(List<byte> code, int start, int end)
    {
        end = Math.Min(end, start + MaxNeighbourLine);
        var before = code.Count;
        var index = FirstTokenEndingAfter(start);
        for (var position = start; position < end; position++)
        {
            while (index < _tokens.Count && _tokens[index].End <= position)
            {
                index++;
            }

            if (index < _tokens.Count && _tokens[index].IsComment && _tokens[index].Start <= position)
            {
                position = _tokens[index].End - 1;
            }
            else if (_text[position] is not ((byte)' ' or (byte)'\t' or (byte)'\r'))
            {
                code.Add(_text[position]);
            }
        }

        return code.Count > before;
    }

    private readonly int FirstTokenEndingAfter(int position)
    {
        int low = 0, high = _tokens.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_tokens[middle].End <= position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private static string Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return Convert.ToHexStringLower(hash);
    }

    private static ReadOnlySpan<byte> LineAround(ReadOnlySpan<byte> text, int position)
    {
        var from = Math.Max(0, position - MaxLine);
        var start = from + text[from..position].LastIndexOf((byte)'\n') + 1;
        var rest = text[position..Math.Min(text.Length, position + MaxLine)];
        var length = rest.IndexOf((byte)'\n');
        return text[start..(position + (length < 0 ? rest.Length : length))];
    }

    /// <summary>The line of a hit, cut around it where it is long.</summary>
    private static string Excerpt(ReadOnlySpan<byte> text, int position)
    {
        const int Before = 80;
        const int After = 160;
        var line = LineAround(text, position);
        text.Overlaps(line, out var offset);
        var inLine = position - offset;
        var start = Math.Max(0, inLine - Before);
        while (start > 0 && (line[start] & 0xC0) == 0x80)
        {
            start--;
        }

        return SafeText.Clean(SafeText.Decode(line[start..], inLine - start + After));
    }

    /// <summary>Line numbers of ascending positions.</summary>
    private ref struct LineCounter(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _position;
        private int _line = 1;

        public int At(int position)
        {
            _line += _text[_position..position].Count((byte)'\n');
            _position = position;
            return _line;
        }
    }
}
