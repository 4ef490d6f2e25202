using System.Globalization;
using System.Text;

namespace ClaudeManager.Core.Publishing;

/// <summary>Names of the branches we publish: <c>claude-manager/&lt;item&gt;-&lt;slug&gt;</c>.</summary>
public static class BranchName
{
    public const string Folder = "claude-manager";

    private const int MaxSlug = 40;

    /// <param name="title">Text of anyone: only its ASCII letters and digits come through, so every result is a legal name on every file system and in every shell.</param>
    public static string For(long workItemId, string title) => string.Create(CultureInfo.InvariantCulture, $"{Folder}/{workItemId}-{Slug(title)}");

    private static string Slug(string title)
    {
        var slug = new StringBuilder(MaxSlug);
        foreach (var c in title)
        {
            if (char.IsAsciiLetterOrDigit(c))
            {
                slug.Append(char.ToLowerInvariant(c));
            }
            else if (slug.Length > 0 && slug[^1] != '-')
            {
                slug.Append('-');
            }

            if (slug.Length == MaxSlug)
            {
                break;
            }
        }

        while (slug.Length > 0 && slug[^1] == '-')
        {
            slug.Length--;
        }

        return slug.Length == 0 ? "work" : slug.ToString();
    }
}
