using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning.Languages;
using ClaudeManager.Core.Scanning.Markers;
using ClaudeManager.Core.Scanning.Trees;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using NuGet.Versioning;
using ClaudeManager.Core.Resilience.Pipelines;

namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

/// <summary>What the manifests of a commit ask for, held against the newest stable version its registry has. One finding for each dependency, wherever it is used.</summary>
internal sealed class OutdatedDependenciesScanner(CurrentConfiguration configuration, UpstreamPipelines pipelines, TimeProvider time) : IScanner, IDisposable
{
    private const int MostDependencies = 2_000;
    private const int MostPlaces = 50;

    /// <summary>A registry that did not answer so often is not asked any more in this scan.</summary>
    private const int Patience = 3;

    private readonly PackageRegistries _registries = new(configuration.Value.Network, pipelines, time);

    public string Key => "outdated-dependencies";

    public IReadOnlyList<string> Labels { get; } = [GitHubGateway.ProposalLabel, "dependencies"];

    public bool LooksBeyondCommits => true;

    public bool IsEnabled(AnalyzerConfiguration analyzer) => analyzer.ScanDependencies;

    /// <summary>It reads all manifests in every scan, so no setting of its own makes the others read everything again.</summary>
    public string RulesOf(AnalyzerConfiguration analyzer) => "";

    public async Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
    {
        var tree = new TreeReader(request.Repository);
        var entries = await tree.ListAsync(ct).ConfigureAwait(false);
        var rules = new PathRules(request.Analyzer.ExcludePatterns);
        List<TreeEntry> toRead = [.. entries.Where(e => e.Kind == TreeEntryKind.File && IsManifest(e.Path) && rules.SkipReason(e.Path) is not (Verdicts.Vendored or Verdicts.ExcludedPath))];
        var files = new ConcurrentBag<ManifestFile>();
        var problems = (await tree.ReadAsync(toRead, entries, null, (_, entry, content) => files.Add(new ManifestFile(entry.Path, content.ToArray())), request.Progress, ct).ConfigureAwait(false)).ToList();

        var found = new List<FoundOccurrence>();
        var unknown = problems.Select(p => p.Path!).ToHashSet();
        List<ManifestFile> sorted = [.. files.OrderBy(f => f.Path, StringComparer.Ordinal)];
        var (nuget, npm) = (request.Analyzer.NuGetRegistry, request.Analyzer.NpmRegistry);
        await HoldAsync(PackageEcosystem.NuGet, nuget, NuGetManifests.Read([.. sorted.Where(f => NuGetManifests.Is(f.Name))], nuget)).ConfigureAwait(false);
        await HoldAsync(PackageEcosystem.Npm, npm, NpmManifests.Read([.. sorted.Where(f => NpmManifests.Is(f.Name))], npm)).ConfigureAwait(false);
        return ScannerResult.Whole([.. found.OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Occurrence.Line).ThenBy(f => f.Identity, StringComparer.Ordinal)], entries.Count, sorted.Count, problems, unknown);

        async Task HoldAsync(PackageEcosystem ecosystem, Uri registry, Manifests manifests)
        {
            var dependencies = manifests.Dependencies.GroupBy(d => d.Identity).ToList();
            var asked = await AskAsync(ecosystem, registry, [.. dependencies.Take(MostDependencies)], ct).ConfigureAwait(false);
            found.AddRange(asked.Newest.Select(n => Find(n.Key, n.Value)).OfType<FoundOccurrence>());
            unknown.UnionWith(asked.Unanswered.Concat(dependencies.Skip(MostDependencies)).Select(d => d.Key));
            unknown.UnionWith(manifests.Unreadable.Select(u => u.Path));
            problems.AddRange(Problems(registry, manifests, asked, dependencies.Count));
        }
    }

    public ProposalText Describe(FindingEntity finding, ProposalPlace place)
    {
        var details = DetailsOf(finding);
        var places = string.Join('\n', details.Places.Select(p => $"- {InertText.Code(FormattableString.Invariant($"{p.Path}:{p.Line}"))} asks for {InertText.Code(p.Requested)}, uses {InertText.Code(p.Current)}"));
        return new ProposalText(
            InertText.Title($"Update {details.Name} from {details.Current} to {details.Newest}"),
            $"""
            {InertText.Code(details.Name)} {InertText.Code(details.Current)} is older than the newest stable version {InertText.Code(details.Newest)}. Read what changed in between, update it everywhere it is asked for (lock files too), and adapt the code.

            **Repository:** {InertText.Title(place.Repository.Name)}
            **Package:** {InertText.Code(details.Name)} ({details.Ecosystem})
            **Current Version:** {InertText.Code(details.Current)}
            **Newest Version:** {InertText.Code(details.Newest)}
            **Places:**

            {places}{(details.More > 0 ? string.Create(CultureInfo.InvariantCulture, $"\n- and {details.More} more") : "")}

            **Direct Link:** {place.Link(finding.Path, finding.Line)}
            """);
    }

    public RankInput Weigh(FindingEntity finding) => new(finding.Marker, finding.Text, null, null, null, null, [], Kind: WorkKind.Cleanup);

    public void Dispose() => _registries.Dispose();

    private static bool IsManifest(string path) => ManifestFile.FolderOf(path) is var folder && path[(folder.Length == 0 ? 0 : folder.Length + 1)..] is var name && (NuGetManifests.Is(name) || NpmManifests.Is(name));

    private async Task<Asked> AskAsync(PackageEcosystem ecosystem, Uri registry, IReadOnlyList<IGrouping<string, Dependency>> dependencies, CancellationToken ct)
    {
        var newest = new ConcurrentDictionary<IGrouping<string, Dependency>, NuGetVersion?>();
        var missing = new ConcurrentBag<string>();
        var unanswered = new ConcurrentBag<IGrouping<string, Dependency>>();
        string? why = null;
        var failures = 0;
        await Parallel.ForEachAsync(dependencies, new ParallelOptions { CancellationToken = ct, MaxDegreeOfParallelism = 4 }, async (dependency, token) =>
        {
            if (Volatile.Read(ref failures) >= Patience)
            {
                unanswered.Add(dependency);
                return;
            }

            try
            {
                var answer = await _registries.FindAsync(ecosystem, registry, dependency.First().Name, token).ConfigureAwait(false);
                if (answer.IsKnown)
                {
                    newest[dependency] = answer.Newest;
                }
                else
                {
                    missing.Add(dependency.First().Name);
                }
            }
            catch (RegistryException fault)
            {
                Interlocked.Increment(ref failures);
                Volatile.Write(ref why, fault.Message);
                unanswered.Add(dependency);
            }
        }).ConfigureAwait(false);
        return new Asked(newest, [.. missing], [.. unanswered], why);
    }

    private static FoundOccurrence? Find(IGrouping<string, Dependency> dependency, NuGetVersion? newest)
    {
        List<Dependency> behind = newest is null ? [] : [.. dependency.Where(d => d.Current < newest && !d.Allows(newest)).OrderBy(d => d.Path, StringComparer.Ordinal).ThenBy(d => d.Line)];
        if (behind.Count == 0)
        {
            return null;
        }

        var current = behind.Min(d => d.Current)!.ToNormalizedString();
        var (name, to) = (behind[0].Name, newest!.ToNormalizedString());
        var details = new Details(
            behind[0].Ecosystem == PackageEcosystem.NuGet ? "NuGet" : "npm", name, current, to,
            [.. behind.Take(MostPlaces).Select(d => new Place(d.Path, d.Line, d.Requested, d.Current.ToNormalizedString()))], Math.Max(0, behind.Count - MostPlaces));

        // A "no" to a version stands until the next major one.
        return FoundOccurrence.Of(dependency.Key, behind[0].Path, behind[0].Line, "outdated", $"{name} {current} → {to}", "", FormattableString.Invariant($"{dependency.Key} {newest.Major}"), JsonSerializer.Serialize(details, ManagerJson.Options));
    }

    private static IEnumerable<ScanProblemDto> Problems(Uri registry, Manifests manifests, Asked asked, int dependencies)
    {
        foreach (var (path, why) in manifests.Unreadable)
        {
            yield return new ScanProblemDto(path, "unreadable_manifest", SafeText.Clean(why));
        }

        if (asked.Why is { } fault)
        {
            yield return new ScanProblemDto(null, "registry_unreachable", FormattableString.Invariant($"{fault} Whether {asked.Unanswered.Count} dependencies are outdated is unknown."));
        }

        if (asked.Missing.Count > 0)
        {
            yield return new ScanProblemDto(null, "unknown_packages", FormattableString.Invariant($"{registry.Host} does not have {List(asked.Missing)}."));
        }

        if (manifests.Elsewhere.Count > 0)
        {
            yield return new ScanProblemDto(null, "private_registry", $"Registries named in the repository are not asked: newest versions of {List(manifests.Elsewhere)} are unknown.");
        }

        if (manifests.Unclear > 0)
        {
            yield return new ScanProblemDto(null, "unclear_versions", FormattableString.Invariant($"{manifests.Unclear} versions are not written where a reader could tell them (variables, ranges without a lower end)."));
        }

        if (dependencies > MostDependencies)
        {
            yield return new ScanProblemDto(null, "too_many_dependencies", FormattableString.Invariant($"{dependencies} dependencies; the first {MostDependencies} are looked at."));
        }
    }

    private static string List(IReadOnlyCollection<string> names)
        => string.Join(", ", names.Order(StringComparer.Ordinal).Take(5)) + (names.Count > 5 ? FormattableString.Invariant($" and {names.Count - 5} more") : "");

    private static Details DetailsOf(FindingEntity finding) => JsonSerializer.Deserialize<Details>(finding.Details!, ManagerJson.Options)!;

    /// <param name="Why">The last fault, when there was one.</param>
    private sealed record Asked(
        IReadOnlyDictionary<IGrouping<string, Dependency>, NuGetVersion?> Newest, IReadOnlyCollection<string> Missing, IReadOnlyCollection<IGrouping<string, Dependency>> Unanswered, string? Why);

    private sealed record Place(string Path, int Line, string Requested, string Current);

    private sealed record Details(string Ecosystem, string Name, string Current, string Newest, IReadOnlyList<Place> Places, int More);
}
