using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Scanning;

/// <summary>One way to find work in a repository, found by <see cref="Key"/>. Adding one is one class.</summary>
public interface IScanner
{
    /// <summary>Stored with every finding, e.g. <c>todo-comments</c>.</summary>
    string Key { get; }

    bool IsEnabled(AnalyzerConfiguration analyzer);

    /// <summary>Everything besides the commit that decides what is found; another value makes the next scan a full one.</summary>
    string RulesOf(AnalyzerConfiguration analyzer);

    Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct);
}

/// <param name="Since">The last scanned commit, whose findings are known; null: nothing is known.</param>
/// <param name="Full">Reads every file although <paramref name="Since"/> is known.</param>
/// <param name="Explain">Also says why marker hits are no findings; needs a full scan.</param>
public sealed record ScanRequest(LocalRepository Repository, string? Since, bool Full, bool Explain, AnalyzerConfiguration Analyzer)
{
    /// <summary>A scanner counts here what it has done.</summary>
    public ScanProgress Progress { get; init; } = new();
}

/// <param name="Examined">Paths the answer is complete for; null = all. Findings elsewhere stand as they were.</param>
/// <param name="Unreadable">Paths that could not be examined: nothing is known of their findings.</param>
/// <param name="Renames">New path to old path since the last scanned commit.</param>
public sealed record ScannerResult(
    IReadOnlyList<FoundOccurrence> Found,
    IReadOnlySet<string>? Examined,
    IReadOnlySet<string> Unreadable,
    IReadOnlyDictionary<string, string> Renames,
    int FilesListed,
    int FilesRead,
    IReadOnlyList<ScanProblemDto> Problems,
    IReadOnlyList<MarkerExplanationDto> Explanations);

/// <summary>An occurrence and the file it is in.</summary>
public sealed record FoundOccurrence(string Path, string BlobId, Occurrence Occurrence);
