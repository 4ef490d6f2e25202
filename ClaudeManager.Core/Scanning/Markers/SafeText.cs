using System.Text;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>Text of a repository made fit to be stored and shown: one line, no control characters, nothing that reorders what a reader sees.</summary>
internal static class SafeText
{
    /// <summary>Decodes at most <paramref name="maxBytes"/>, not cutting a character in two.</summary>
    public static string Decode(ReadOnlySpan<byte> utf8, int maxBytes)
    {
        if (utf8.Length > maxBytes)
        {
            while (maxBytes > 0 && (utf8[maxBytes] & 0xC0) == 0x80)
            {
                maxBytes--;
            }

            utf8 = utf8[..maxBytes];
        }

        return Encoding.UTF8.GetString(utf8);
    }

    /// <summary>Appends with white space collapsed to single spaces.</summary>
    public static void AppendClean(StringBuilder target, string text)
    {
        foreach (var character in text)
        {
            if (char.IsWhiteSpace(character))
            {
                if (target.Length > 0 && target[^1] != ' ')
                {
                    target.Append(' ');
                }
            }
            else if (!char.IsControl(character) && !IsInvisible(character))
            {
                target.Append(character);
            }
        }
    }

    public static string Clean(string text)
    {
        var target = new StringBuilder(text.Length);
        AppendClean(target, text);
        return target.ToString().TrimEnd();
    }

    /// <summary>Bidirectional controls, zero-width spaces, byte order marks, line separators. Joiners stay: scripts and emoji need them.</summary>
    private static bool IsInvisible(char character)
        => character is '\u061C' or '\u180E' or '\u200B' or '\u200E' or '\u200F' or '\uFEFF' or (>= '\u2028' and <= '\u202E') or (>= '\u2060' and <= '\u206F');
}
