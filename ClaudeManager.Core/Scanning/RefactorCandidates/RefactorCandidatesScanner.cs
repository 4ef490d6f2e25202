using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning.Languages;
using ClaudeManager.Core.Scanning.Trees;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;

namespace ClaudeManager.Core.Scanning.RefactorCandidates;

/// <summary>
/// Files whose size times frequency of change is far above what is usual in their own repository: there a reader pays most, and most often. "Usual" is the median and "far" the median
/// distance from it, both of logarithms, so that the very files that are looked for do not move the measure.
/// </summary>
internal sealed class RefactorCandidatesScanner : IScanner
{
    /// <summary>Of fewer files nothing is usual.</summary>
    private const int LeastFiles = 20;

    /// <summary>A file below either is no burden, however small its neighbours are.</summary>
    private const int LeastLines = 300;
    private const int LeastChanges = 5;

    /// <summary>Iglewicz and Hoaglin's limit for an outlier by modified z-score.</summary>
    private const double LeastDistance = 3.5;

    /// <summary>Of logarithms: in a repository of equal files, half as much again is not far yet.</summary>
    private const double LeastDeviation = 0.25;

    private const int MostCandidates = 20;

    public string Key => "refactor-candidates";

    public IReadOnlyList<string> Labels { get; } = [GitHubGateway.ProposalLabel, "refactor"];

    public bool IsEnabled(AnalyzerConfiguration analyzer) => analyzer.ScanRefactorCandidates;

    public string RulesOf(AnalyzerConfiguration analyzer) => string.Join('\n', ["1", .. analyzer.ExcludePatterns]);

    public async Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
    {
        if (request.Repository.IsShallow)
        {
            return ScannerResult.Unknown(new ScanProblemDto(null, "history_unknown", "Which files change often is unknown: the repository is shallow. 'git fetch --unshallow' brings its history."));
        }

        var tree = new TreeReader(request.Repository);
        var entries = await tree.ListAsync(ct).ConfigureAwait(false);
        var rules = new PathRules(request.Analyzer.ExcludePatterns);
        List<TreeEntry> code = [.. entries.Where(e => e.Kind == TreeEntryKind.File && LanguageMap.Find(e.Path) is not null && rules.SkipReason(e.Path) is null && !Ranker.IsTest(e.Path) && !Ranker.IsDocumentation(e.Path))];
        var history = await FileHistory.ReadAsync(request.Repository.Path, request.Repository.Commit, ct).ConfigureAwait(false);
        List<TreeEntry> changed = [.. code.Where(e => history.ContainsKey(e.Path))];

        var index = changed.Select((e, i) => (e.Path, i)).ToDictionary(e => e.Path, e => e.i);
        var counted = new int[changed.Count];
        var problems = await tree.ReadAsync(changed, entries, null, (_, entry, content) => counted[index[entry.Path]] = content.Count((byte)'\n') + (content.IsEmpty || content[^1] == '\n' ? 0 : 1), request.Progress, ct).ConfigureAwait(false);

        var measured = changed.Select((e, i) => new Measure(e, counted[i], history[e.Path])).Where(m => m.Lines > 0).ToList();
        var renames = request.Since is null ? null : (await tree.CompareAsync(request.Since, ct).ConfigureAwait(false))?.Renames;
        return ScannerResult.Whole(Candidates(measured), entries.Count, changed.Count - problems.Count, problems, problems.Select(p => p.Path!).ToHashSet()) with { Renames = renames ?? new Dictionary<string, string>() };
    }

    public ProposalText Describe(FindingEntity finding, ProposalPlace place)
    {
        var details = DetailsOf(finding);
        return new ProposalText(
            InertText.Title($"Refactor {finding.Path}"),
            $"""
            This file is large and changes often, far more than is usual in this repository: work on it is slow and meets other work. Split it, or move what changes for different reasons apart, without changing what it does.

            **Repository:** {InertText.Title(place.Repository.Name)}
            **File:** {InertText.Code(finding.Path)}

            | | this file | usual here |
            |---|---|---|
            | Lines | {Number(details.Lines)} | {Number(details.UsualLines)} |
            | Changes in the last {FileHistory.Days} days | {Number(details.Changes)} | {Number(details.UsualChanges)} |
            | Authors of them | {Number(details.Authors)} | |

            Usual is the median of the {Number(details.Files)} source files that changed in that time. Lines times changes of this one are {details.Distance.ToString("0.0", CultureInfo.InvariantCulture)} deviations above it (modified z-score of the logarithm; {LeastDistance.ToString("0.0", CultureInfo.InvariantCulture)} is far).

            **Direct Link:** {place.Link(finding.Path, 0)}
            """);
    }

    public RankInput Weigh(FindingEntity finding) => new(finding.Marker, finding.Text, finding.Path, null, null, null, [], Kind: WorkKind.Refactoring);

    private static IReadOnlyList<FoundOccurrence> Candidates(List<Measure> measured)
    {
        if (measured.Count < LeastFiles)
        {
            return [];
        }

        var usual = Median(measured.Select(m => m.Weight));
        var deviation = Math.Max(LeastDeviation, Median(measured.Select(m => Math.Abs(m.Weight - usual))));
        var (usualLines, usualChanges) = ((int)Median(measured.Select(m => (double)m.Lines)), (int)Median(measured.Select(m => (double)m.History.Changes)));
        return
        [
            .. measured
                .Where(m => m.Lines >= LeastLines && m.History.Changes >= LeastChanges)
                // 0.6745: by it the score of normally distributed values is that of the standard deviation.
                .Select(m => (Measure: m, Distance: 0.6745 * (m.Weight - usual) / deviation))
                .Where(c => c.Distance >= LeastDistance)
                .OrderByDescending(c => c.Distance).ThenBy(c => c.Measure.Entry.Path, StringComparer.Ordinal)
                .Take(MostCandidates)
                .Select(c => Find(c.Measure, new Details(c.Measure.Lines, c.Measure.History.Changes, c.Measure.History.Authors, measured.Count, usualLines, usualChanges, c.Distance))),
        ];
    }

    private static FoundOccurrence Find(Measure measure, Details details)
    {
        // Rounded, so that not every commit is news; a "no" stands until the file has doubled.
        var text = string.Create(CultureInfo.InvariantCulture, $"{Floor(details.Lines, 100)}+ lines, {Floor(details.Changes, details.Changes < 10 ? 5 : 10)}+ changes in {FileHistory.Days} days");
        var says = string.Create(CultureInfo.InvariantCulture, $"2^{(int)Math.Log2(details.Lines)} lines");
        return FoundOccurrence.Of(measure.Entry.Path, measure.Entry.Path, 1, "hotspot", text, "", says, JsonSerializer.Serialize(details, ManagerJson.Options)) with { BlobId = measure.Entry.BlobId };
    }

    private static int Floor(int value, int step) => value / step * step;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Number(int number) => number.ToString("#,##0", CultureInfo.InvariantCulture);

    private static Details DetailsOf(FindingEntity finding) => JsonSerializer.Deserialize<Details>(finding.Details!, ManagerJson.Options)!;

    private sealed record Measure(TreeEntry Entry, int Lines, FileHistory History)
    {
        public double Weight { get; } = Math.Log((double)Lines * History.Changes);
    }

    private sealed record Details(int Lines, int Changes, int Authors, int Files, int UsualLines, int UsualChanges, double Distance);
}
