using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Persistence.Entities;

public sealed class RepositoryEntity
{
    public long Id { get; set; }
    public required string Name { get; set; }
    public RepositoryKind Kind { get; set; }

    /// <summary>Absolute path of a local repository, or <c>owner/name</c>.</summary>
    public required string Location { get; set; }

    /// <summary>GitHub's own number of it, which stays when it is renamed.</summary>
    public long? GitHubId { get; set; }

    /// <summary>The branch an operator chose; null = detected at each scan.</summary>
    public string? BranchOverride { get; set; }
    public string? DefaultBranch { get; set; }
    public RepositoryScanState ScanState { get; set; }
    public string? ScannedCommit { get; set; }

    /// <summary>Hash of everything besides the commit that decides what a scan finds (patterns, exclusions, rules version); another value forces a full scan.</summary>
    public string? ScanRules { get; set; }
    public DateTimeOffset? LastScanAt { get; set; }
    public double? LastScanSeconds { get; set; }
    public int? LastScanFilesRead { get; set; }
    public string? LastScanError { get; set; }
    public bool IsSample { get; set; }

    /// <summary>False while the first dry run waits for an operator (<c>analyzer.firstScan: preview</c>).</summary>
    public bool Accepted { get; set; }

    /// <summary>Set when an operator asks for a scan; the scan loop clears it.</summary>
    public DateTimeOffset? ScanRequestedAt { get; set; }

    /// <summary>When a worker last took a due scan: the schedule counts from here.</summary>
    public DateTimeOffset? ScanClaimedAt { get; set; }
    public bool Removed { get; set; }
    public int Version { get; set; }
    public DateTimeOffset CreatedAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>Where its scan stands when nobody scans it.</summary>
    public RepositoryScanState ScanStateAtRest()
        => LastScanError is not null ? RepositoryScanState.Failed
            : ScannedCommit is null ? RepositoryScanState.Never
            : Accepted ? RepositoryScanState.Ok
            : RepositoryScanState.Preview;
}
