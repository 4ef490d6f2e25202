using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>What an issue says, without the marker hidden in it.</summary>
public sealed record ProposalText(string Title, string Body)
{
    private const string MarkerKind = "item";

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
        => new(title, Plain(MarkerOf(body)?.RemoveFrom(body) ?? body));

    /// <summary>What a work item is known by on GitHub. The repository's number and not its name, which may change; no number of ours, which a new data directory counts anew.</summary>
    public static Marker MarkerOf(RepositoryEntity repository, string fingerprint)
        => Marker.Of(MarkerKind, string.Create(CultureInfo.InvariantCulture, $"{repository.GitHubId ?? 0}/{fingerprint}"));

    /// <summary>The marker of a proposal; null when the text has none. Only in a text of our own account it means something.</summary>
    public static Marker? MarkerOf(string body) => Marker.Find(body) is { Kind: MarkerKind } marker ? marker : null;

    public bool IsAsWritten(ProposalIssueEntity issue) => issue.TitleSha256 == TitleSha256 && issue.BodySha256 == BodySha256;

    // GitHub's own editor ends lines by CR LF, and may cut white space off the end.
    private static string Plain(string text) => text.ReplaceLineEndings("\n").TrimEnd();

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
