namespace ClaudeManager.Core.Configuration;

/// <summary>Finds what a misspelt name was meant to be.</summary>
internal static class Spelling
{
    /// <returns><c> Did you mean …?</c> with a leading space, or nothing when nothing is near.</returns>
    public static string DidYouMean(string word, IEnumerable<string> known)
    {
        // Comparing is quadratic in the length; nobody misspells a name of that length.
        if (word.Length > 64)
        {
            return "";
        }

        var nearest = known.Select(name => (Name: name, Distance: Distance(Normal(word), Normal(name)))).DefaultIfEmpty((Name: "", Distance: int.MaxValue)).MinBy(n => n.Distance);
        return nearest.Distance <= Math.Max(1, word.Length / 3) ? $" Did you mean \"{nearest.Name}\"?" : "";
    }

    /// <summary>Case and underscores are the usual slips, since both camelCase and snake_case sections exist.</summary>
    private static string Normal(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
