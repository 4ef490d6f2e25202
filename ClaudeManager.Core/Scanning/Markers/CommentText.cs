using System.Buffers;
using System.Text;
using ClaudeManager.Core.Scanning.Languages;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>What a marker says, over all the lines of its comment that belong to it.</summary>
internal readonly record struct CommentText(string Text, int Lines, int End)
{
    /// <summary>Bounds what one finding can hold, in bytes of UTF-8 and in lines.</summary>
    private const int MaxBytes = 4000;
    private const int MaxLines = 50;

    /// <summary>What may stand before a marker that begins a line: bullets, numbers, check boxes.</summary>
    private static readonly SearchValues<byte> s_bullets = SearchValues.Create(" -*[]().0123456789"u8);

    public static CommentText Read(ReadOnlySpan<byte> text, List<Token> tokens, int index, MarkerHit hit, ReadOnlySpan<MarkerHit> later)
    {
        var token = tokens[index];
        var result = new StringBuilder();
        var end = LineEnd(text, hit.TextStart, token.ContentEnd);
        Append(result, text[Math.Min(hit.TextStart, end)..end]);
        var lines = 1;
        var firstColumn = Column(text, token.Start);
        var isTrailing = !IsBlank(text[(token.Start - firstColumn)..token.Start]);
        int? indent = null;
        while (lines < MaxLines && result.Length < MaxBytes)
        {
            int start;
            if (end < token.ContentEnd)
            {
                start = end + 1;
            }
            else if (token.Kind == TokenKind.LineComment && index + 1 < tokens.Count && Follows(text, token, tokens[index + 1], isTrailing ? firstColumn : null))
            {
                token = tokens[++index];
                start = token.ContentStart;
            }
            else
            {
                break;
            }

            var lineEnd = LineEnd(text, start, token.ContentEnd);
            start = SkipDecoration(text, token, start, lineEnd);
            // After a hanging indentation, the line that returns from it says something else.
            var column = Column(text, start) - (token.Kind == TokenKind.LineComment ? Column(text, token.Start) : 0);
            if (column < indent || EndsText(text[start..lineEnd]) || BeginsAnother(later, text, start, lineEnd))
            {
                break;
            }

            indent = column;

            result.Append(' ');
            Append(result, text[start..lineEnd]);
            end = lineEnd;
            lines++;
        }

        var said = result.ToString().Trim();
        return new CommentText(said.Length > 0 ? said : Before(text, token, hit), lines, end);
    }

    /// <summary>"Needs a lock TODO": with nothing after the marker, what stands before it on the line is what it says.</summary>
    private static string Before(ReadOnlySpan<byte> text, Token token, MarkerHit hit)
    {
        if (hit.Position < token.ContentStart)
        {
            return "";
        }

        var start = Math.Max(token.ContentStart, text[..hit.Position].LastIndexOf((byte)'\n') + 1);
        var result = new StringBuilder();
        Append(result, text[SkipDecoration(text, token, start, hit.Position)..hit.Position]);
        return result.ToString().Trim();
    }

    private static void Append(StringBuilder result, ReadOnlySpan<byte> line)
        => SafeText.AppendClean(result, SafeText.Decode(line.TrimEnd("* \t\r"u8), MaxBytes));

    private static int LineEnd(ReadOnlySpan<byte> text, int start, int limit)
    {
        if (start >= limit)
        {
            return limit;
        }

        var length = text[start..limit].IndexOf((byte)'\n');
        return length < 0 ? limit : start + length;
    }

    private static int Column(ReadOnlySpan<byte> text, int position) => position - (text[..position].LastIndexOf((byte)'\n') + 1);

    private static bool IsBlank(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(" \t\r"u8) < 0;

    /// <summary>The next line is a comment too; beside code it must also stand in the same column.</summary>
    private static bool Follows(ReadOnlySpan<byte> text, Token token, Token next, int? column)
    {
        var between = text[token.End..next.Start];
        return next.Kind == TokenKind.LineComment && between.Count((byte)'\n') == 1 && between.IndexOfAnyExcept(" \t\r\n"u8) < 0
            && (column is null || Column(text, next.Start) == column);
    }

    /// <summary>Past the stars of a block, or the further slashes of <c>///</c>.</summary>
    private static int SkipDecoration(ReadOnlySpan<byte> text, Token token, int start, int end)
    {
        var isLine = token.Kind == TokenKind.LineComment;
        var decoration = isLine ? text[token.Start] : (byte)'*';
        while (start < end && (text[start] is (byte)' ' or (byte)'\t' || text[start] == decoration || (isLine && text[start] == (byte)'!')))
        {
            start++;
        }

        return start;
    }

    /// <summary>An empty or ruled line, or the tag of a documentation comment, ends what a marker says.</summary>
    private static bool EndsText(ReadOnlySpan<byte> line)
    {
        var hasText = false;
        foreach (var value in line)
        {
            hasText |= value >= 0x80 || char.IsAsciiLetterOrDigit((char)value);
        }

        return !hasText || (line[0] is (byte)'@' or (byte)'\\' or (byte)':' or (byte)'<' && line.Length > 1 && (char.IsAsciiLetter((char)line[1]) || line[1] == (byte)'/'));
    }

    /// <summary>A marker at the beginning of a line, or with its colon anywhere in it, is a finding of its own.</summary>
    private static bool BeginsAnother(ReadOnlySpan<MarkerHit> later, ReadOnlySpan<byte> text, int start, int end)
    {
        foreach (var hit in later)
        {
            if (hit.Position >= end)
            {
                return false;
            }

            if (hit.Position >= start && hit.IsWord && (hit.HasColon || text[start..hit.Position].IndexOfAnyExcept(s_bullets) < 0))
            {
                return true;
            }
        }

        return false;
    }
}
