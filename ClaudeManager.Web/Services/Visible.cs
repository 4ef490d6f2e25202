using System.Globalization;
using System.Text;

namespace ClaudeManager.Web.Services;

/// <summary>Source text as it is: what a reader cannot see, or what would reorder the line (CVE-2021-42574), is spelled out.</summary>
internal static class Visible
{
    public static string Text(string text)
    {
        if (!text.Any(IsHidden))
        {
            return text;
        }

        var visible = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (IsHidden(c))
            {
                visible.Append(CultureInfo.InvariantCulture, $"⟨U+{(int)c:X4}⟩");
            }
            else
            {
                visible.Append(c);
            }
        }

        return visible.ToString();
    }

    private static bool IsHidden(char c)
        => c is not ('\t' or '\n' or '\r') && (char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
