using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.Scanning;

/// <param name="New">Occurrences of no known finding, each with the fingerprint it gets for good.</param>
/// <param name="Seen">Known findings, and where they are now; one that was gone has returned.</param>
/// <param name="Gone">Known findings that are no longer there.</param>
public sealed record FindingMatches(
    IReadOnlyList<(FoundOccurrence Now, string Fingerprint)> New,
    IReadOnlyList<(FindingEntity Known, FoundOccurrence Now)> Seen,
    IReadOnlyList<FindingEntity> Gone);

/// <summary>
/// Recognises findings again. Pairs known findings with occurrences in passes, from the surest likeness to the faintest that is still safe; what a pass has paired is out of the later ones.
/// Line numbers only order what is otherwise alike. Pure: changes neither side.
/// </summary>
public static class FindingTracker
{
    /// <summary>A shorter text, such as a bare marker, says too little to be recognised in another file.</summary>
    private const int TellingTextLength = 12;

    /// <param name="known">All findings of one scanner in one repository, gone ones too.</param>
    public static FindingMatches Match(string scanner, IReadOnlyList<FindingEntity> known, ScannerResult result)
        => result.Found is [{ Identity: not null }, ..] ? MatchByIdentity(scanner, known, result) : MatchByLikeness(scanner, known, result);

    private static FindingMatches MatchByIdentity(string scanner, IReadOnlyList<FindingEntity> known, ScannerResult result)
    {
        var left = known.ToDictionary(f => f.Fingerprint);
        var seen = new List<(FindingEntity Known, FoundOccurrence Now)>();
        var unmatched = new List<FoundOccurrence>();
        foreach (var found in result.Found)
        {
            if (left.Remove(Fingerprint(scanner, found.Identity!), out var same))
            {
                seen.Add((same, found));
            }
            else
            {
                unmatched.Add(found);
            }
        }

        // What is a file stays what it is under another name.
        var byPath = left.Values.GroupBy(f => f.Path).ToDictionary(g => g.Key, g => g.OrderBy(f => f.Gone).First());
        var added = new List<(FoundOccurrence Now, string Fingerprint)>();
        foreach (var found in unmatched)
        {
            if (found.Identity == found.Path && (byPath.Remove(found.Path, out var file) || byPath.Remove(result.Renames.GetValueOrDefault(found.Path, ""), out file)))
            {
                left.Remove(file.Fingerprint);
                seen.Add((file, found));
            }
            else
            {
                added.Add((found, Fingerprint(scanner, found.Identity!)));
            }
        }

        return new FindingMatches(added, seen, [.. left.Values.Where(f => !f.Gone).Where(MayBeGone(scanner, result))]);
    }

    private static FindingMatches MatchByLikeness(string scanner, IReadOnlyList<FindingEntity> known, ScannerResult result)
    {
        var live = new Pairing(
            known.Where(f => !f.Gone).Where(MayBeGone(scanner, result)).OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Line),
            result.Found,
            result.Renames);

        live.Pair(sure: true, f => (f.Path, f.TextHash, f.NeighbourhoodHash, f.Symbol), (path, o) => (path, o.NormalisedTextHash, o.NeighbourhoodHash, o.Symbol));
        live.Pair(sure: true, f => (f.Path, f.TextHash, f.NeighbourhoodHash), (path, o) => (path, o.NormalisedTextHash, o.NeighbourhoodHash));
        live.Pair(sure: true, f => (f.Path, f.TextHash, f.Symbol), (path, o) => (path, o.NormalisedTextHash, o.Symbol));
        live.Pair(sure: true, f => (f.Path, f.TextHash), (path, o) => (path, o.NormalisedTextHash));
        live.Pair(sure: true, f => (f.TextHash, f.NeighbourhoodHash), (_, o) => (o.NormalisedTextHash, o.NeighbourhoodHash));
        live.Pair(sure: false, f => f.Text.Length >= TellingTextLength ? f.TextHash : null, (_, o) => o.NormalisedTextHash);

        // What a person last saw disappear is the likeliest to be back.
        var gone = live.Continue(known.Where(f => f.Gone).OrderByDescending(f => f.UpdatedAt).ThenBy(f => f.Line));
        gone.Pair(sure: true, f => (f.Path, f.TextHash, f.NeighbourhoodHash), (path, o) => (path, o.NormalisedTextHash, o.NeighbourhoodHash));
        gone.Pair(sure: true, f => (f.Path, f.TextHash, f.Symbol), (path, o) => (path, o.NormalisedTextHash, o.Symbol));
        gone.Pair(sure: true, f => (f.TextHash, f.NeighbourhoodHash), (_, o) => (o.NormalisedTextHash, o.NeighbourhoodHash));

        // The same place with another marker, or with another text: somebody edited the comment. With both it is another comment.
        var edited = gone.Continue(live.Known);
        edited.Pair(sure: false, f => (f.Path, f.NeighbourhoodHash, f.Symbol, f.Text), (path, o) => (path, o.NeighbourhoodHash, o.Symbol, o.Text));
        edited.Pair(sure: false, f => (f.Path, f.NeighbourhoodHash, f.Symbol, f.Marker), (path, o) => (path, o.NeighbourhoodHash, o.Symbol, o.Marker));

        var taken = known.Select(f => f.Fingerprint).ToHashSet();
        return new FindingMatches(
            [.. edited.Found.Select(f => (f, Fingerprint(scanner, f, taken)))],
            [.. live.Paired, .. gone.Paired, .. edited.Paired],
            edited.Known);
    }

    /// <summary>Whether the scan has looked where the finding was.</summary>
    private static Func<FindingEntity, bool> MayBeGone(string scanner, ScannerResult result)
    {
        var unreadable = result.Unreadable.Concat(result.Unreadable.Where(result.Renames.ContainsKey).Select(path => result.Renames[path])).ToHashSet();
        var unknown = result.Unreadable.Select(identity => Fingerprint(scanner, identity)).ToHashSet();
        return finding => !unreadable.Contains(finding.Path) && !unknown.Contains(finding.Fingerprint) && result.Examined?.Contains(finding.Path) is not false;
    }

    private static string Fingerprint(string scanner, string identity) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{scanner}\n{identity}")));

    /// <summary>Says what a finding is, not where: the same without a store, in another clone, on another day. Equal ones are counted apart.</summary>
    private static string Fingerprint(string scanner, FoundOccurrence found, HashSet<string> taken)
    {
        for (var ordinal = 1; ; ordinal++)
        {
            var facts = string.Join('\n', scanner, found.Occurrence.NormalisedTextHash, found.Occurrence.NeighbourhoodHash, found.Occurrence.Symbol, FormattableString.Invariant($"{ordinal}"));
            var fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(facts)));
            if (taken.Add(fingerprint))
            {
                return fingerprint;
            }
        }
    }

    private sealed class Pairing(IEnumerable<FindingEntity> known, IEnumerable<FoundOccurrence> found, IReadOnlyDictionary<string, string> renames)
    {
        public List<FindingEntity> Known { get; private set; } = [.. known];

        public List<FoundOccurrence> Found { get; private set; } = [.. found];

        public List<(FindingEntity Known, FoundOccurrence Now)> Paired { get; } = [];

        /// <summary>Other known findings against what is left.</summary>
        public Pairing Continue(IEnumerable<FindingEntity> others) => new(others, Found, renames);

        /// <summary>Pairs those with equal keys, in order.</summary>
        /// <param name="sure">False: only where just one of each side has the key.</param>
        /// <param name="keyOfKnown">Null keeps a finding out of this pass.</param>
        /// <param name="keyOfFound">Gets the path the file had at the last scan.</param>
        public void Pair<TKey>(bool sure, Func<FindingEntity, TKey?> keyOfKnown, Func<string, Markers.Occurrence, TKey> keyOfFound)
            where TKey : notnull
        {
            if (Known.Count == 0 || Found.Count == 0)
            {
                return;
            }

            var sides = new Dictionary<TKey, (List<FindingEntity> Known, List<FoundOccurrence> Found)>();
            foreach (var finding in Known)
            {
                if (keyOfKnown(finding) is { } key)
                {
                    Side(key).Known.Add(finding);
                }
            }

            foreach (var occurrence in Found)
            {
                var key = keyOfFound(renames.GetValueOrDefault(occurrence.Path, occurrence.Path), occurrence.Occurrence);
                if (sides.TryGetValue(key, out var side))
                {
                    side.Found.Add(occurrence);
                }
            }

            var before = Paired.Count;
            foreach (var (ofKnown, ofFound) in sides.Values)
            {
                if (sure || (ofKnown.Count == 1 && ofFound.Count == 1))
                {
                    Paired.AddRange(ofKnown.Zip(ofFound));
                }
            }

            if (Paired.Count > before)
            {
                var pairedKnown = Paired.Skip(before).Select(p => p.Known).ToHashSet();
                var pairedFound = Paired.Skip(before).Select(p => p.Now).ToHashSet(ReferenceEqualityComparer.Instance);
                Known = [.. Known.Where(f => !pairedKnown.Contains(f))];
                Found = [.. Found.Where(f => !pairedFound.Contains(f))];
            }

            (List<FindingEntity> Known, List<FoundOccurrence> Found) Side(TKey key)
            {
                ref var side = ref CollectionsMarshal.GetValueRefOrAddDefault(sides, key, out var exists);
                if (!exists)
                {
                    side = ([], []);
                }

                return side;
            }
        }
    }
}
