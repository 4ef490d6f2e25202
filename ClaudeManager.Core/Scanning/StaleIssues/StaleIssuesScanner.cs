using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;

namespace ClaudeManager.Core.Scanning.StaleIssues;

/// <summary>Open issues of a GitHub repository that somebody wanted done (<c>analyzer.staleLabels</c>) and nobody has touched for long.</summary>
internal sealed class StaleIssuesScanner(GitHubGateway gateway, TimeProvider time) : IScanner
{
    private const int MostPages = 20;

    /// <summary>Of an issue's text, in a proposal.</summary>
    private const int Excerpt = 500;

    public string Key => "stale-issues";

    public IReadOnlyList<string> Labels { get; } = [GitHubGateway.ProposalLabel, "stale-issue", "review"];

    public bool LooksBeyondCommits => true;

    public bool IsEnabled(AnalyzerConfiguration analyzer) => analyzer.ScanOpenIssues;

    /// <summary>It asks anew in every scan, so no setting of its own makes the others read everything again.</summary>
    public string RulesOf(AnalyzerConfiguration analyzer) => "";

    /// <summary>Nothing has happened to any open issue, and none has come of age meanwhile.</summary>
    public bool IsSettled(AnalyzerConfiguration analyzer, GitHubRepositoryState? state, string? memory)
        => state is null
            || (memory is not null && state.Issues is { } issues && JsonSerializer.Deserialize<Look>(memory, ManagerJson.Options) is { } last
                && last.Issues == issues && last.Rules == LookRulesOf(analyzer) && !(last.NextStaleAt <= time.GetUtcNow()));

    public async Task<ScannerResult> ScanAsync(ScanRequest request, CancellationToken ct)
    {
        if (request.GitHub is not { } repository)
        {
            return ScannerResult.Whole([], 0, 0, []);
        }

        // Whole days count, as people count them: with 30, the 31st makes it stale.
        var (now, age) = (time.GetUtcNow(), TimeSpan.FromDays(request.Analyzer.StaleAfterDays + 1));
        var untouched = await gateway.ListUntouchedIssuesAsync(repository.Name, now - age, ct, MostPages).ConfigureAwait(false);
        var wanted = request.Analyzer.StaleLabels.ToHashSet(StringComparer.OrdinalIgnoreCase);
        List<FoundOccurrence> stale = [.. untouched.Items
            .Where(issue => !issue.IsPullRequest && issue.Labels.Any(wanted.Contains) && !IsProposal(issue))
            .DistinctBy(issue => issue.Number)
            .Select(issue => Find(issue, now))];
        return untouched.IsComplete
            ? ScannerResult.Whole(stale, 0, 0, []) with { Memory = repository.Issues is { } issues ? JsonSerializer.Serialize(new Look(issues, LookRulesOf(request.Analyzer), untouched.NextTouchedAt + age), ManagerJson.Options) : null }
            : new ScannerResult(stale, stale.Select(f => f.Path).ToHashSet(), new HashSet<string>(), new Dictionary<string, string>(), 0, 0,
                [new ScanProblemDto(null, "too_many_issues", FormattableString.Invariant($"Only the {MostPages * 100} issues and pull requests that are untouched for longest were looked at."))], []);
    }

    public ProposalText Describe(FindingEntity finding, ProposalPlace place)
    {
        var issue = DetailsOf(finding);
        return new ProposalText(
            InertText.Title($"Review stale issue: '{InertText.Title(finding.Text, 200)}'"),
            $"""
            Nothing has happened to this issue for {Number(issue.DaysInactive)} days. Find out whether it still matters: do it, say what is missing, or close it.

            **Repository:** {InertText.Title(place.Repository.Name)}
            **Issue:** {InertText.Code(finding.Path)}
            **Days Inactive:** {Number(issue.DaysInactive)}
            **Labels:** {List(issue.Labels)}
            **Created:** {Day(issue.Created)}
            **Last Updated:** {Day(issue.Updated)}
            **Assignees:** {List(issue.Assignees)}
            **Description:**

            {InertText.Fence(finding.Context.Length == 0 ? "(none)" : finding.Context)}

            **Direct Link:** {Link(new Uri(issue.Url))}
            """);
    }

    public RankInput Weigh(FindingEntity finding)
    {
        var issue = DetailsOf(finding);
        return new RankInput(finding.Marker, finding.Text, null, null, null, issue.Updated, issue.Labels);
    }

    /// <summary>What we wrote ourselves, in a repository that is both scanned and proposed in.</summary>
    private static bool IsProposal(GitHubIssue issue) => ProposalLabels.Has(issue.Labels, GitHubGateway.ProposalLabel) || ProposalText.MarkerOf(issue.Body) is not null;

    private static FoundOccurrence Find(GitHubIssue issue, DateTimeOffset now)
    {
        var path = "#" + Number(issue.Number);
        var body = issue.Body.Length <= Excerpt ? issue.Body : string.Concat(issue.Body.AsSpan(0, char.IsHighSurrogate(issue.Body[Excerpt - 1]) ? Excerpt - 1 : Excerpt), "…");
        var details = new Details(issue.Url.AbsoluteUri, issue.Labels, issue.Assignees, issue.CreatedAt, issue.UpdatedAt, (int)(now - issue.UpdatedAt).TotalDays);
        return FoundOccurrence.Of(path, path, 0, "stale", issue.Title, body, $"{issue.Title}\n{issue.Body}", JsonSerializer.Serialize(details, ManagerJson.Options), issueReference: path);
    }

    /// <summary>A plain link would be noted in the issue, which then is not untouched any more. GitHub notes none by way of its redirecting host, and nowhere one in code.</summary>
    private static string Link(Uri issue) => issue.Host == "github.com" ? $"https://redirect.github.com{issue.AbsolutePath}" : InertText.Code(issue.AbsoluteUri);

    private static string List(IReadOnlyList<string> names) => names.Count == 0 ? "none" : string.Join(", ", names.Select(InertText.Code));

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string LookRulesOf(AnalyzerConfiguration analyzer) => string.Join('\n', [Number(analyzer.StaleAfterDays), .. analyzer.StaleLabels]);

    private static Details DetailsOf(FindingEntity finding) => JsonSerializer.Deserialize<Details>(finding.Details!, ManagerJson.Options)!;

    /// <param name="Issues">As they were before it looked.</param>
    /// <param name="NextStaleAt">When the next of them is stale if nobody touches it; null when that takes a new one.</param>
    private sealed record Look(GitHubIssueActivity Issues, string Rules, DateTimeOffset? NextStaleAt);

    private sealed record Details(string Url, IReadOnlyList<string> Labels, IReadOnlyList<string> Assignees, DateTimeOffset Created, DateTimeOffset Updated, int DaysInactive);
}
