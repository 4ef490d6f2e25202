using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems.Proposals;

namespace ClaudeManager.Core.WorkItems;

/// <summary>Which findings are proposed together (<c>analyzer.groupProposals</c>), and what a work item with several of them says.</summary>
public static class ProposalGroups
{
    public const string None = "none";
    public const string File = "file";

    /// <summary>Of one directory, without those below it.</summary>
    public const string Module = "module";

    /// <summary>More is too much for one review, and for one pull request.</summary>
    public const int MostFindings = 10;

    /// <summary>Characters of code and text: an issue and a prompt take them with what is said around them.</summary>
    private const int MostText = 24_000;

    /// <summary>What a finding is grouped by; null for one that stays alone, as what is in no file does.</summary>
    public static string? KeyOf(FindingEntity finding, string grouping) => grouping switch
    {
        _ when finding.Line == 0 => null,
        File => $"{finding.Scanner}\n{finding.Path}",
        Module => $"{finding.Scanner}\n{DirectoryOf(finding.Path)}",
        _ => null,
    };

    /// <summary>Every candidate is in exactly one group, whatever their order: neighbours stay together, and what is too much begins another group.</summary>
    public static IReadOnlyList<IReadOnlyList<T>> Of<T>(IEnumerable<T> candidates, Func<T, FindingEntity> finding, string grouping)
    {
        var groups = new List<IReadOnlyList<T>>();
        var open = new Dictionary<string, List<T>>(StringComparer.Ordinal);
        foreach (var candidate in candidates.OrderBy(c => finding(c).Path, StringComparer.Ordinal).ThenBy(c => finding(c).Line).ThenBy(c => finding(c).Fingerprint, StringComparer.Ordinal))
        {
            if (KeyOf(finding(candidate), grouping) is not { } key)
            {
                groups.Add([candidate]);
            }
            else if (open.TryGetValue(key, out var group) && HasRoom(group.Select(finding), finding(candidate)))
            {
                group.Add(candidate);
            }
            else
            {
                groups.Add(open[key] = [candidate]);
            }
        }

        return groups;
    }

    public static bool HasRoom(IEnumerable<FindingEntity> group, FindingEntity another)
    {
        var (count, text) = group.Append(another).Aggregate((Count: 0, Text: 0), (sum, f) => (sum.Count + 1, sum.Text + f.Text.Length + f.Context.Length));
        return count <= MostFindings && text <= MostText;
    }

    /// <summary>The findings that are there, in the order of their places; of an item whose findings are all gone: all.</summary>
    public static IReadOnlyList<FindingEntity> Present(this WorkItemEntity item)
    {
        List<FindingEntity> all = [.. item.Findings.OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Line).ThenBy(f => f.Id)];
        var present = all.Where(f => !f.Gone).ToList();
        return present.Count > 0 ? present : all;
    }

    /// <summary>The files an approval depends on.</summary>
    public static IReadOnlyCollection<string> Paths(this WorkItemEntity item) => item.Present().Select(f => f.Path).ToHashSet(StringComparer.Ordinal);

    /// <summary>What its findings say: a person's "no" stands as long as it is the same. Null when it has none.</summary>
    public static string? Says(this WorkItemEntity item) => item.Findings.Select(f => f.TextHash).Order(StringComparer.Ordinal).ToList() switch
    {
        [] => null,
        [var only] => only,
        var several => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', several)))),
    };

    /// <param name="findings">Of one scanner; of one directory at least.</param>
    public static ProposalText Describe(IReadOnlyList<FindingEntity> findings, IScanner scanner, ProposalPlace place)
    {
        if (findings is [var only])
        {
            return scanner.Describe(only, place);
        }

        var isFile = findings.All(f => f.Path == findings[0].Path);
        var directory = DirectoryOf(findings[0].Path);
        var where = isFile ? findings[0].Path : directory.Length == 0 ? "the top directory" : directory;
        var body = new StringBuilder(string.Create(CultureInfo.InvariantCulture,
            $"""
            {findings.Count} places in {(isFile || directory.Length > 0 ? InertText.Code(where) : where)} ask for work, which is to be done together.

            **Repository:** {InertText.Title(place.Repository.Name)}
            """));
        for (var i = 0; i < findings.Count; i++)
        {
            var (title, text) = scanner.Describe(findings[i], place);
            body.Append(CultureInfo.InvariantCulture, $"\n\n### {i + 1}. {InertText.Code(title)}\n\n{text}");
        }

        return new ProposalText(InertText.Title(string.Create(CultureInfo.InvariantCulture, $"Address {findings.Count} findings in {where}")), body.ToString());
    }

    private static string DirectoryOf(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "";
}
