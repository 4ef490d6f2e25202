using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning.Markers;
using ClaudeManager.Core.Verification;

namespace ClaudeManager.Core.Scanning;

/// <summary>Whether a finding is still in another tree, asked of the same engine that found it.</summary>
public sealed class FindingPresence(CurrentConfiguration configuration)
{
    /// <param name="gitDirectory">A repository that has both commits.</param>
    public async Task<FindingState> CheckAsync(string gitDirectory, string baseCommit, string commit, FindingEntity finding, CancellationToken ct)
    {
        if (finding.Scanner != TodoCommentsScanner.ScannerKey)
        {
            return FindingState.NotApplicable;
        }

        // Every changed file, not only its own: moving the comment elsewhere does not resolve it.
        var changed = await GitCommand.RunAsync(gitDirectory, ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", baseCommit, commit], ct).ConfigureAwait(false);
        var scanner = new BlobScanner(new MarkerSet(configuration.Value.Analyzer.TodoPatterns));
        var found = new List<Occurrence>();
        var own = false;
        var fields = changed.Text.Split('\0', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            // ":oldmode newmode oldid newid status" NUL path
            var entry = fields[i].Split(' ');
            var path = fields[i + 1];
            own |= path == finding.Path;
            if (entry[1] is not ("100644" or "100755"))
            {
                continue;
            }

            var blob = await GitCommand.RunAsync(gitDirectory, ["cat-file", "blob", entry[3]], ct).ConfigureAwait(false);
            scanner.Scan(blob.Output, path, found, null);
        }

        // Where its file is untouched, so is the finding. Another one with the same text may stay: what counts is that one fewer is there.
        return !own || Count(found, finding) >= await BeforeAsync(gitDirectory, fields, scanner, finding, ct).ConfigureAwait(false) ? FindingState.Present : FindingState.Gone;
    }

    private static async Task<int> BeforeAsync(string gitDirectory, string[] fields, BlobScanner scanner, FindingEntity finding, CancellationToken ct)
    {
        var found = new List<Occurrence>();
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            var entry = fields[i].TrimStart(':').Split(' ');
            if (entry[0] is "100644" or "100755")
            {
                var blob = await GitCommand.RunAsync(gitDirectory, ["cat-file", "blob", entry[2]], ct).ConfigureAwait(false);
                scanner.Scan(blob.Output, fields[i + 1], found, null);
            }
        }

        return Math.Max(1, Count(found, finding));
    }

    private static int Count(List<Occurrence> found, FindingEntity finding) => found.Count(o => o.Marker == finding.Marker && o.NormalisedTextHash == finding.TextHash);
}
