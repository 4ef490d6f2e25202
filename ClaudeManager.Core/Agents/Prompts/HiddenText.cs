using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ClaudeManager.Core.Agents.Prompts;

/// <summary>Shows what a reader would not see: control, zero-width, bidirectional and tag characters, look-alikes of a space, and HTML comments.</summary>
public static partial class HiddenText
{
    /// <summary>Letters by their category that are drawn as nothing.</summary>
    private static readonly int[] s_blankLetters = [0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0];

    public static string Reveal(string text)
    {
        var revealed = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsHidden(rune))
            {
                revealed.Append(CultureInfo.InvariantCulture, $"⟦U+{rune.Value:X4}⟧");
            }
            else if (rune.Value is >= 0xE0020 and <= 0xE007E)
            {
                // Tag characters mirror ASCII invisibly: the classic way to hide an instruction in plain sight.
                revealed.Append(CultureInfo.InvariantCulture, $"⟦tag {(char)(rune.Value - 0xE0000)}⟧");
            }
            else
            {
                revealed.Append(rune);
            }
        }

        return HtmlComment().Replace(revealed.ToString(), "⟦HTML comment:$1⟧");
    }

    /// <summary>One line, nothing hidden: for a value that stands inside a sentence.</summary>
    internal static string RevealOnOneLine(string text) => Reveal(text).ReplaceLineEndings(" ⏎ ").Replace('\t', ' ');

    private static bool IsHidden(Rune rune) => rune.Value switch
    {
        '\n' or '\t' or ' ' => false,
        >= 0xE0020 and <= 0xE007E => false,
        >= 0xFE00 and <= 0xFE0F or >= 0xE0100 and <= 0xE01EF => true,
        _ => s_blankLetters.Contains(rune.Value) || Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.SpaceSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned,
    };

    [GeneratedRegex("<!--(.*?)(?:--!?>|\\z)", RegexOptions.Singleline)]
    private static partial Regex HtmlComment();
}
