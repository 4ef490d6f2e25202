using System.Text;

namespace ClaudeManager.Core.WorkItems;

/// <summary>Makes text from code or issues inert in Markdown: nothing pings, nothing links, no fence is broken out of, markup is shown as text.</summary>
public static class InertText
{
    /// <summary>One line for a title: control and bidirectional characters gone, white space folded, cut with an ellipsis.</summary>
    public static string Title(string text, int maximum = 256)
    {
        var line = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsWhiteSpace(rune) || Rune.IsControl(rune))
            {
                if (line.Length > 0 && line[^1] != ' ')
                {
                    line.Append(' ');
                }
            }
            else if (Rune.GetUnicodeCategory(rune) != System.Globalization.UnicodeCategory.Format)
            {
                line.Append(rune.ToString());
            }
        }

        var result = line.ToString().Trim();
        return result.Length <= maximum ? result : string.Concat(result.AsSpan(0, char.IsHighSurrogate(result[maximum - 2]) ? maximum - 2 : maximum - 1), "…");
    }

    /// <summary>A code span no backtick inside can close (CommonMark 6.1).</summary>
    public static string Code(string text)
    {
        var line = WithoutMarkers(Title(text, 4096));
        var fence = new string('`', LongestRun(line) + 1);
        return line.Length == 0 ? "``" : line[0] == '`' || line[^1] == '`' ? $"{fence} {line} {fence}" : fence + line + fence;
    }

    /// <summary>A fenced block longer than any fence inside (CommonMark 4.5). Mentions and references inside a fence do not ping.</summary>
    public static string Fence(string text, string? language = null)
    {
        var fence = new string('`', Math.Max(3, LongestRun(text) + 1));
        return $"{fence}{language}\n{WithoutMarkers(text).TrimEnd('\n')}\n{fence}";
    }

    /// <summary>What we write we find again by its marker; a text of others must not hold one.</summary>
    public static string WithoutMarkers(string text) => text.Replace("<!-- claude-manager", "< !-- claude-manager", StringComparison.OrdinalIgnoreCase);

    private static int LongestRun(string text)
    {
        int longest = 0, run = 0;
        foreach (var c in text)
        {
            run = c == '`' ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }

        return longest;
    }
}
