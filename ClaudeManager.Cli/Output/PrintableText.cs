using System.Globalization;
using System.Text;

namespace ClaudeManager.Cli.Output;

/// <summary>
/// Text from repositories, issues and agents as it may go to a terminal: nothing in it can move the cursor, change colours
/// or turn the reading direction; what could is shown as its code point.
/// </summary>
internal static class PrintableText
{
    public static string Of(string text)
    {
        if (text.EnumerateRunes().All(IsPrintable))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsPrintable(rune))
            {
                result.Append(rune);
            }
            else
            {
                result.Append(CultureInfo.InvariantCulture, $"<U+{rune.Value:X4}>");
            }
        }

        return result.ToString();
    }

    /// <summary>The same on one line.</summary>
    public static string Line(string text) => Of(text.ReplaceLineEndings(" ").Replace('\t', ' '));

    private static bool IsPrintable(Rune rune)
        => rune.Value is '\n' or '\t' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
