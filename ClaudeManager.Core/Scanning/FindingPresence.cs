using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Scanning;

/// <summary>Whether findings are still in another tree, asked of the same engine that found them.</summary>
public sealed class FindingPresence(CurrentConfiguration configuration)
{
    /// <param name="gitDirectory">A repository that has both commits.</param>
    /// <param name="findings">Of one scanner, all of them in the tree of <paramref name="baseCommit"/>.</param>
    /// <returns>How many are left; null when they cannot be looked for.</returns>
    public async Task<int?> CountLeftAsync(string gitDirectory, string baseCommit, string commit, IReadOnlyCollection<FindingEntity> findings, CancellationToken ct)
    {
        if (findings.Count == 0 || findings.Any(f => f.Scanner != TodoCommentsScanner.ScannerKey))
        {
            return null;
        }

        // Every changed file, not only their own: moving a comment elsewhere does not resolve it.
        var changes = await GitCommand.RunAsync(gitDirectory, ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", baseCommit, commit], ct).ConfigureAwait(false);
        var scanner = new BlobScanner(new MarkerSet(configuration.Value.Analyzer.TodoPatterns));
        List<Occurrence> before = [], after = [];
        var changed = new HashSet<string>(StringComparer.Ordinal);
        var fields = changes.Text.Split('\0', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            // ":oldmode newmode oldid newid status" NUL path
            var entry = fields[i].TrimStart(':').Split(' ');
            changed.Add(fields[i + 1]);
            await ScanAsync(entry[0], entry[2], fields[i + 1], before).ConfigureAwait(false);
            await ScanAsync(entry[1], entry[3], fields[i + 1], after).ConfigureAwait(false);
        }

        // Where its file is untouched, so is the finding. Others with the same text may stay: what counts is that so many fewer are there.
        return findings.Count(f => !changed.Contains(f.Path))
            + findings.Where(f => changed.Contains(f.Path)).GroupBy(f => (f.Marker, f.TextHash)).Sum(same =>
                Math.Clamp(Count(after, same.Key) - Math.Max(0, Count(before, same.Key) - same.Count()), 0, same.Count()));

        async Task ScanAsync(string mode, string blob, string path, List<Occurrence> found)
        {
            if (mode is "100644" or "100755")
            {
                scanner.Scan((await GitCommand.RunAsync(gitDirectory, ["cat-file", "blob", blob], ct).ConfigureAwait(false)).Output, path, found, null);
            }
        }
    }

    private static int Count(List<Occurrence> found, (string Marker, string TextHash) what) => found.Count(o => o.Marker == what.Marker && o.NormalisedTextHash == what.TextHash);
}
