using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning.Markers;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;

namespace ClaudeManager.Core.Scanning;

/// <summary>One way to find work in a repository, found by <see cref="Key"/>. Adding one is one class.</summary>
public interface IScanner
{
    /// <summary>Stored with every finding, e.g. <c>todo-comments</c>.</summary>
    string Key { get; }

    /// <summary>On every proposal of its findings. They are contracts: people's workflows depend on them.</summary>
    IReadOnlyList<string> Labels { get; }

    /// <summary>What is found changes without a commit too (issues, registries): it is asked in every scan, not only in those of a new commit.</summary>
    bool LooksBeyondCommits => false;

    /// <summary>Of one that looks beyond commits: whether it would find what it found last. It answers by what is known already, and asks nobody.</summary>
    /// <param name="state">Of the repository on GitHub; null for a local one.</param>
    /// <param name="memory">The last <see cref="ScannerResult.Memory"/>.</param>
    bool IsSettled(AnalyzerConfiguration analyzer, GitHubRepositoryState? state, string? memory) => false;

    bool IsEnabled(AnalyzerConfiguration analyzer);

    /// <summary>Everything besides the commit that decides what is found; another value makes the next scan a full one.</summary>
    string RulesOf(AnalyzerConfiguration analyzer);

    /// <exception cref="Resilience.ClaudeManagerException">Something outside the repository does not answer: what was found before stands.</exception>
    Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct);

    /// <summary>What a proposal of one of its findings says. Nothing taken from the repository may mean anything in it: see <see cref="InertText"/>.</summary>
    ProposalText Describe(FindingEntity finding, ProposalPlace place);

    /// <summary>What the rank of one of its findings looks at.</summary>
    RankInput Weigh(FindingEntity finding) => new(finding.Marker, finding.Text, finding.Path, finding.Priority, finding.DueOn, finding.AuthoredAt, []);
}

/// <param name="Since">The last scanned commit, whose findings are known; null: nothing is known.</param>
/// <param name="Full">Reads every file although <paramref name="Since"/> is known.</param>
/// <param name="Explain">Also says why marker hits are no findings; needs a full scan.</param>
public sealed record ScanRequest(LocalRepository Repository, string? Since, bool Full, bool Explain, AnalyzerConfiguration Analyzer)
{
    /// <summary>A scanner counts here what it has done.</summary>
    public ScanProgress Progress { get; init; } = new();

    /// <summary>Null for a local repository.</summary>
    public GitHubRepositoryState? GitHub { get; init; }
}

/// <param name="Examined">Paths the answer is complete for; null = all. Findings elsewhere stand as they were.</param>
/// <param name="Unreadable">Paths, and identities, that could not be examined: nothing is known of their findings.</param>
/// <param name="Renames">New path to old path since the last scanned commit.</param>
public sealed record ScannerResult(
    IReadOnlyList<FoundOccurrence> Found,
    IReadOnlySet<string>? Examined,
    IReadOnlySet<string> Unreadable,
    IReadOnlyDictionary<string, string> Renames,
    int FilesListed,
    int FilesRead,
    IReadOnlyList<ScanProblemDto> Problems,
    IReadOnlyList<MarkerExplanationDto> Explanations)
{
    /// <summary>Kept for the scanner's next look at this repository; null leaves what is kept.</summary>
    public string? Memory { get; init; }

    /// <summary>Nothing could be examined: what was found before stands.</summary>
    public static ScannerResult Unknown(ScanProblemDto problem)
        => new([], new HashSet<string>(), new HashSet<string>(), new Dictionary<string, string>(), 0, 0, [problem], []);

    /// <summary>All that there is was examined, but what is said to be <paramref name="unreadable"/>.</summary>
    public static ScannerResult Whole(IReadOnlyList<FoundOccurrence> found, int filesListed, int filesRead, IReadOnlyList<ScanProblemDto> problems, IReadOnlySet<string>? unreadable = null)
        => new(found, null, unreadable ?? new HashSet<string>(), new Dictionary<string, string>(), filesListed, filesRead, problems, []);
}

/// <summary>An occurrence and the file it is in.</summary>
/// <param name="Path">Of what is in no file: what people call it, such as <c>#12</c>; its line is 0.</param>
public sealed record FoundOccurrence(string Path, string BlobId, Occurrence Occurrence)
{
    /// <summary>What it is, where the scanner can name that (an issue's number, a dependency's name). Else it is known again by its text and neighbourhood.</summary>
    public string? Identity { get; init; }

    /// <summary>What else the scanner needs to describe it; only the scanner reads it. By itself it is no reason to write a proposal anew: that are path, line, text and context.</summary>
    public string? Details { get; init; }

    /// <summary>Something with an identity.</summary>
    /// <param name="text">One line; cleaned here.</param>
    /// <param name="context">Shown as it is.</param>
    /// <param name="says">As long as this is the same, a person's "no" to it stands.</param>
    public static FoundOccurrence Of(string identity, string path, int line, string marker, string text, string context, string says, string? details, string? issueReference = null)
        => new(path, "", new Occurrence(line, line, marker, SafeText.Clean(text), null, context, line, Sha256(says), Sha256(identity), null, issueReference, null, null, ""))
        {
            Identity = identity,
            Details = details,
        };

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
