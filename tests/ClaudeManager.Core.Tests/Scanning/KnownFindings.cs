using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;

namespace ClaudeManager.Core.Tests.Scanning;

/// <summary>What the scan service does with matches, without a store.</summary>
internal static class KnownFindings
{
    public static void Apply(List<FindingEntity> known, FindingMatches matches, string scanner, DateTimeOffset now)
    {
        foreach (var (finding, occurrence) in matches.Seen)
        {
            finding.Take(occurrence, "commit", now);
        }

        foreach (var finding in matches.Gone)
        {
            finding.Gone = true;
        }

        known.AddRange(matches.New.Select(n => FindingMapping.Create(1, scanner, n.Fingerprint, n.Now, "commit", now)));
    }
}
