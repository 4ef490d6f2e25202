namespace ClaudeManager.Core.Persistence.Entities;

/// <summary>One finding with an identity that outlives its line number. Never deleted: it disappears and may return.</summary>
public sealed class FindingEntity
{
    public long Id { get; set; }
    public long RepositoryId { get; set; }
    public required string Scanner { get; set; }

    /// <summary>The work item it is proposed by; null while it waits. It stays when the finding goes, for it may return.</summary>
    public long? WorkItemId { get; set; }

    /// <summary>64 hex digits; made when first seen and kept through moves and renames.</summary>
    public required string Fingerprint { get; set; }

    /// <summary>Hash of the normalised text alone; what "materially changed" is measured by.</summary>
    public required string TextHash { get; set; }
    public required string Path { get; set; }
    public int Line { get; set; }
    public int EndLine { get; set; }
    public required string Marker { get; set; }
    public required string Text { get; set; }
    public string? Symbol { get; set; }
    public string? Language { get; set; }
    public required string Context { get; set; }
    public int ContextStartLine { get; set; }

    /// <summary>Hash of the neighbouring lines, used to tell equal texts apart.</summary>
    public required string NeighbourhoodHash { get; set; }
    public required string BlobId { get; set; }
    public string? Owner { get; set; }
    public string? IssueReference { get; set; }
    public string? Priority { get; set; }
    public DateOnly? DueOn { get; set; }

    /// <summary>What its scanner keeps of it besides; only that scanner reads it.</summary>
    public string? Details { get; set; }
    public bool Gone { get; set; }

    /// <summary>The commit whose scan no longer showed it.</summary>
    public string? GoneCommit { get; set; }
    public required string FirstSeenCommit { get; set; }
    public required string LastSeenCommit { get; set; }
    public string? Author { get; set; }
    public DateTimeOffset? AuthoredAt { get; set; }
    public DateTimeOffset FirstSeenAt { get; set; }
    public DateTimeOffset UpdatedAt { get; set; }
}

/// <summary>One finished scan: what the Repositories page shows as trend, duration and cost.</summary>
public sealed class ScanEntity
{
    public long Id { get; set; }
    public long RepositoryId { get; set; }
    public string? Commit { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public double Seconds { get; set; }
    public int FilesListed { get; set; }
    public int FilesRead { get; set; }
    public int Found { get; set; }
    public int New { get; set; }
    public int Closed { get; set; }
    public int Reopened { get; set; }
    public int Proposed { get; set; }

    /// <summary>JSON array of <see cref="Contracts.ScanProblemDto"/>.</summary>
    public required string Problems { get; set; }
    public string? Error { get; set; }
}

/// <summary>A scan while it runs: kept true once a second by the process that scans, gone with the end of the scan. One that has gone silent is of a process that is dead. Times are the database's.</summary>
public sealed class RunningScanEntity
{
    public long Id { get; set; }
    public long RepositoryId { get; set; }
    public int Files { get; set; }

    /// <summary>Null until the scanners know what they will read.</summary>
    public int? TotalFiles { get; set; }
    public int Findings { get; set; }
    public DateTimeOffset StartedAt { get; set; }
    public DateTimeOffset HeartbeatAt { get; set; }
}
