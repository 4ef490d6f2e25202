using System.Globalization;
using System.Text.RegularExpressions;
using ClaudeManager.Core.GitHub;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>How people write which issue they mean.</summary>
internal static partial class IssueReference
{
    /// <returns>The number of an issue of this very repository; null for any other tracker's.</returns>
    public static int? NumberIn(string? reference, RepositoryName? repository)
        => repository is { } here && Written().Match(reference ?? "") is { Success: true } match
            && (!match.Groups["repository"].Success || (RepositoryName.TryParse(match.Groups["repository"].Value, out var named) && named == here))
            && int.TryParse(match.Groups["number"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    [GeneratedRegex(@"\A(?:#?|(?<repository>[\w.-]+/[\w.-]+)#|https?://[^/\s]+/(?<repository>[\w.-]+/[\w.-]+)/issues/)(?<number>[0-9]{1,9})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Written();
}
