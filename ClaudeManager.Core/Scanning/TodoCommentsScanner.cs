using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning.Languages;
using ClaudeManager.Core.Scanning.Markers;
using ClaudeManager.Core.Scanning.Trees;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;

namespace ClaudeManager.Core.Scanning;

/// <summary>The markers of <c>analyzer.todoPatterns</c> inside comments.</summary>
public sealed class TodoCommentsScanner : IScanner
{
    /// <summary>A file with more is data, not code; a hostile one could fill the memory. What is over it is reported.</summary>
    private const int MostPerFile = 1_000;

    private const int MostPerRepository = 100_000;

    public const string ScannerKey = "todo-comments";

    public string Key => ScannerKey;

    public IReadOnlyList<string> Labels { get; } = [GitHubGateway.ProposalLabel, "refactor", "todo"];

    public bool IsEnabled(AnalyzerConfiguration analyzer) => analyzer.ScanForTodos;

    public string RulesOf(AnalyzerConfiguration analyzer)
        => string.Join('\n', [new BlobScanner(new MarkerSet(analyzer.TodoPatterns)).RulesVersion, .. analyzer.ExcludePatterns]);

    public async Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
    {
        var tree = new TreeReader(request.Repository);
        var difference = request.Since is null ? null : await tree.CompareAsync(request.Since, ct).ConfigureAwait(false);
        var whole = difference is null || request.Full ? await tree.ListAsync(ct).ConfigureAwait(false) : null;
        var entries = whole ?? difference!.Entries;

        var scan = new Scan(new BlobScanner(new MarkerSet(request.Analyzer.TodoPatterns)), request.Explain, request.Progress);
        var rules = new PathRules(request.Analyzer.ExcludePatterns);
        var toRead = new List<TreeEntry>(entries.Count);
        foreach (var entry in entries)
        {
            if (scan.Wants(entry, rules))
            {
                toRead.Add(entry);
            }
        }

        var problems = await tree.ReadAsync(toRead, whole, request.Explain ? null : WordsOf(request.Analyzer), scan.Visit, request.Progress, ct).ConfigureAwait(false);
        return scan.ToResult(entries.Count, toRead.Count - problems.Count, whole is null ? difference!.Touched : null, difference?.Renames, problems);
    }

    /// <summary>The text that Gen-1's issues had, on which people's workflows depend.</summary>
    public ProposalText Describe(FindingEntity finding, ProposalPlace place)
    {
        var line = finding.Line.ToString(CultureInfo.InvariantCulture);
        return new ProposalText(InertText.Title($"Address {finding.Marker} in {finding.Path}:{line}"),
            $"""
            A {InertText.Code(finding.Marker)} comment asks for work: {InertText.Code(finding.Text.Length == 0 ? finding.Marker : finding.Text)}

            **Repository:** {InertText.Title(place.Repository.Name)}
            **File:** {InertText.Code(finding.Path)}
            **Line:** {line}
            **Context:**

            {InertText.Fence(finding.Context)}

            **Direct Link:** {place.Link(finding.Path, finding.Line)}
            """);
    }

    /// <summary>What a file must contain for any pattern to match in it; null when that cannot be said in plain letters.</summary>
    private static IReadOnlyList<string>? WordsOf(AnalyzerConfiguration analyzer)
    {
        var words = analyzer.TodoPatterns.Select(p => p.Trim().TrimEnd(':')).ToHashSet();
        return words.All(w => w.Length > 0 && w.All(c => c is > ' ' and < '\x7f')) ? [.. words] : null;
    }

    /// <summary>The state of one scan; <see cref="Visit"/> is called by several threads, each with a part of its own.</summary>
    private sealed class Scan(BlobScanner scanner, bool explain, ScanProgress progress)
    {
        private readonly Part[] _parts = [.. Enumerable.Range(0, TreeReader.Workers).Select(_ => new Part())];
        private readonly Dictionary<string, string> _skipped = [];
        private readonly List<MarkerExplanationDto> _explanations = [];
        private int _found;

        /// <summary>Decides by name and kind. To explain, files that are left out by name are read too.</summary>
        public bool Wants(TreeEntry entry, PathRules rules)
        {
            if (entry.Kind != TreeEntryKind.File)
            {
                if (explain)
                {
                    _explanations.Add(new MarkerExplanationDto(entry.Path, 0, "", entry.Kind == TreeEntryKind.Submodule ? "submodule" : "symbolic_link", ""));
                }

                return false;
            }

            if (rules.SkipReason(entry.Path) is not { } reason)
            {
                return true;
            }

            if (explain)
            {
                _skipped[entry.Path] = reason;
            }

            return explain;
        }

        public void Visit(int worker, TreeEntry entry, ReadOnlySpan<byte> content)
        {
            var part = _parts[worker];
            try
            {
                if (IsLargeFilePointer(content))
                {
                    part.Explanations.Add(new MarkerExplanationDto(entry.Path, 1, "", "lfs_pointer", ""));
                }
                else if (_skipped.TryGetValue(entry.Path, out var reason))
                {
                    scanner.Explain(content, reason, part.Reasons);
                }
                else if (explain || scanner.MightContain(content))
                {
                    scanner.Scan(content, entry.Path, part.Occurrences, explain ? part.Reasons : null);
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // One file must not end the scan; the person is told which and why.
                part.Problems.Add(new ScanProblemDto(entry.Path, "scanner_failed", e.Message));
                part.Occurrences.Clear();
            }

            part.Take(entry, Limit(part, entry));
        }

        public ScannerResult ToResult(int listed, int read, IReadOnlySet<string>? examined, IReadOnlyDictionary<string, string>? renames, IReadOnlyList<ScanProblemDto> problems)
        {
            List<ScanProblemDto> all = [.. problems, .. _parts.SelectMany(p => p.Problems)];
            if (explain)
            {
                // Whatever hits an unread file holds, its name and reason stand for them.
                _explanations.AddRange(all.Where(p => p.Reason != TooManyFindings).Select(p => new MarkerExplanationDto(p.Path!, 0, "", p.Reason, "")));
            }

            return new ScannerResult(
                [.. _parts.SelectMany(p => p.Found).OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Occurrence.Line)],
                examined,
                all.Where(p => p.Reason != TooManyFindings).Select(p => p.Path!).ToHashSet(),
                renames ?? new Dictionary<string, string>(),
                listed,
                read,
                [.. all.OrderBy(p => p.Path, StringComparer.Ordinal)],
                [.. _explanations.Concat(_parts.SelectMany(p => p.Explanations)).OrderBy(e => e.Path, StringComparer.Ordinal).ThenBy(e => e.Line)]);
        }

        private const string TooManyFindings = "too_many_findings";

        private int Limit(Part part, TreeEntry entry)
        {
            var allowed = Math.Min(part.Occurrences.Count, MostPerFile);
            allowed = Math.Clamp(MostPerRepository - (Interlocked.Add(ref _found, allowed) - allowed), 0, allowed);
            if (allowed < part.Occurrences.Count)
            {
                part.Problems.Add(new ScanProblemDto(entry.Path, TooManyFindings, FormattableString.Invariant($"{part.Occurrences.Count} findings; the first {allowed} are taken.")));
            }

            progress.Found(allowed);
            return allowed;
        }

        private static bool IsLargeFilePointer(ReadOnlySpan<byte> content)
            => content.Length < 1024 && content.StartsWith("version https://git-lfs.github.com/spec/"u8);
    }

    private sealed class Part
    {
        public List<Occurrence> Occurrences { get; } = [];
        public List<MarkerExplanation> Reasons { get; } = [];
        public List<FoundOccurrence> Found { get; } = [];
        public List<MarkerExplanationDto> Explanations { get; } = [];
        public List<ScanProblemDto> Problems { get; } = [];

        public void Take(TreeEntry entry, int occurrences)
        {
            Found.AddRange(Occurrences.Take(occurrences).Select(o => new FoundOccurrence(entry.Path, entry.BlobId, o)));
            Explanations.AddRange(Reasons.Select(r => new MarkerExplanationDto(entry.Path, r.Line, r.Marker, r.Verdict, r.Text)));
            Occurrences.Clear();
            Reasons.Clear();
        }
    }
}
