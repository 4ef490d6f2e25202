using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>What an issue says, without the marker hidden in it.</summary>
public sealed partial record ProposalText(string Title, string Body)
{
    private const string MarkerKind = "item";
    private const string FindingKind = "finding";

    public string TitleSha256 => Hash(Title);

    public string BodySha256 => Hash(Body);

    /// <summary>What the issue of a work item is to say.</summary>
    public static ProposalText Of(WorkItemEntity item)
    {
        const int room = GitHubGateway.LongestBody - 512;
        var body = InertText.WithoutMarkers(item.Body);
        return new ProposalText(item.Title, Plain(body.Length <= room ? body : string.Concat(body.AsSpan(0, char.IsHighSurrogate(body[room - 1]) ? room - 1 : room), "…")));
    }

    /// <summary>What an issue says.</summary>
    public static ProposalText Read(string title, string body)
        => new(title, Plain(Findings().Replace(MarkerOf(body)?.RemoveFrom(body).TrimEnd() ?? body, "")));

    /// <summary>The body with what it is known by, now and without this store: the item's marker, and before it one for each finding of a group, so that none of them is proposed again.</summary>
    /// <param name="item">With its findings.</param>
    /// <param name="marker">Of the item.</param>
    public string Marked(WorkItemEntity item, Marker marker)
    {
        var present = item.Present();
        return marker.AppendTo(present.All(f => f.Fingerprint == item.Fingerprint)
            ? Body
            : $"{Body}\n\n{string.Join('\n', present.Select(f => Marker.Of(FindingKind, f.Fingerprint)))}");
    }

    /// <summary>The fingerprints of what an issue proposes.</summary>
    /// <param name="marker">Of the issue.</param>
    public static IReadOnlyList<string> FingerprintsIn(string body, Marker marker)
        => Findings().Match(marker.RemoveFrom(body).TrimEnd()) is { Success: true } match
            ? [.. match.Groups["fingerprint"].Captures.Select(c => c.Value)]
            : [FingerprintOf(marker)];

    /// <summary>Of the finding the item was first made of.</summary>
    public static string FingerprintOf(Marker marker) => marker.Key[(marker.Key.IndexOf('/', StringComparison.Ordinal) + 1)..];

    /// <summary>By the marker of each finding, not only by that of the item.</summary>
    /// <param name="listed">Issues by their markers.</param>
    public static IReadOnlyDictionary<Marker, GitHubIssue> ByFinding(IReadOnlyDictionary<Marker, GitHubIssue> listed)
    {
        var issues = new Dictionary<Marker, GitHubIssue>(listed);
        foreach (var (marker, issue) in listed.Where(l => l.Key.Kind == MarkerKind))
        {
            foreach (var fingerprint in FingerprintsIn(issue.Body, marker))
            {
                issues.TryAdd(Marker.Of(MarkerKind, $"{marker.Key.Split('/')[0]}/{fingerprint}"), issue);
            }
        }

        return issues;
    }

    /// <summary>What a work item is known by on GitHub. The repository's number and not its name, which may change; no number of ours, which a new data directory counts anew.</summary>
    public static Marker MarkerOf(RepositoryEntity repository, string fingerprint)
        => Marker.Of(MarkerKind, string.Create(CultureInfo.InvariantCulture, $"{repository.GitHubId ?? 0}/{fingerprint}"));

    /// <summary>The marker of a proposal; null when the text has none. Only in a text of our own account it means something.</summary>
    public static Marker? MarkerOf(string body) => Marker.Find(body) is { Kind: MarkerKind } marker ? marker : null;

    public bool IsAsWritten(ProposalIssueEntity issue) => issue.TitleSha256 == TitleSha256 && issue.BodySha256 == BodySha256;

    // GitHub's own editor ends lines by CR LF, and may cut white space off the end.
    private static string Plain(string text) => text.ReplaceLineEndings("\n").TrimEnd();

    // Only at the very end, where we put them: of our own issues, for anybody can write one into a text.
    [GeneratedRegex(@"(\s*<!-- claude-manager finding:(?<fingerprint>[0-9a-f]{64}) -->)+\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex Findings();

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
