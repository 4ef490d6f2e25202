using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.Scanning;

/// <summary>From an occurrence to the row of its finding.</summary>
internal static class FindingMapping
{
    internal static FindingEntity Create(long repositoryId, string scanner, string fingerprint, FoundOccurrence now, string commit, DateTimeOffset at)
    {
        var finding = new FindingEntity
        {
            RepositoryId = repositoryId,
            Scanner = scanner,
            Fingerprint = fingerprint,
            FirstSeenCommit = commit,
            FirstSeenAt = at,
            TextHash = "",
            Path = "",
            Marker = "",
            Text = "",
            Context = "",
            NeighbourhoodHash = "",
            BlobId = "",
            LastSeenCommit = commit,
        };
        finding.Take(now, commit, at);
        return finding;
    }

    /// <summary>Where and how it is now. What it is, its fingerprint, stays.</summary>
    internal static void Take(this FindingEntity finding, FoundOccurrence now, string commit, DateTimeOffset at)
    {
        var occurrence = now.Occurrence;
        finding.TextHash = occurrence.NormalisedTextHash;
        finding.Path = now.Path;
        finding.Line = occurrence.Line;
        finding.EndLine = occurrence.EndLine;
        finding.Marker = occurrence.Marker;
        finding.Text = occurrence.Text;
        finding.Symbol = occurrence.Symbol;
        finding.Language = occurrence.Language;
        finding.Context = occurrence.Context;
        finding.ContextStartLine = occurrence.ContextStartLine;
        finding.NeighbourhoodHash = occurrence.NeighbourhoodHash;
        finding.BlobId = now.BlobId;
        finding.Owner = occurrence.Owner;
        finding.IssueReference = occurrence.IssueReference;
        finding.Priority = occurrence.Priority;
        finding.DueOn = occurrence.DueOn;
        finding.Details = now.Details;
        finding.Gone = false;
        finding.GoneCommit = null;
        finding.LastSeenCommit = commit;
        finding.UpdatedAt = at;
    }
}
