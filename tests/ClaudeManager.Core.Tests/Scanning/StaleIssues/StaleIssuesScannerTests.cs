using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Scanning.StaleIssues;
using ClaudeManager.Core.Tests.GitHub;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Repositories;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.Scanning.StaleIssues;

public sealed class StaleIssuesScannerTests
{
    [Theory]
    [InlineData(30, false)]
    [InlineData(31, true)]
    [InlineData(400, true)]
    public async Task Scan_UntouchedForSoManyDays_CountsMoreThanThirty(int days, bool isStale)
    {
        await using var ground = await Ground.StartAsync();
        Stale(ground, "Old", days, "bug");

        Assert.Equal(isStale ? ["#1"] : [], (await ScanAsync(ground)).Found.Select(f => f.Path));
    }

    [Fact]
    public async Task Scan_ManyKindsOfIssues_TakesOpenOnesOfPeopleWithALabel()
    {
        await using var ground = await Ground.StartAsync();
        Stale(ground, "Wanted", 90, "HELP Wanted");
        Stale(ground, "No label", 90);
        Stale(ground, "Other label", 90, "question");
        Stale(ground, "Ours", 90, "bug", GitHubGateway.ProposalLabel);
        var bare = ground.Repository.Issue("No body", null, "ghost-to-be", "Bug");
        ground.Repository.Issue("Closed", "", null, "bug").Close("acme");
        ground.GitHub.DeleteUser("ghost-to-be");
        bare.Dated(ground.Time.GetUtcNow().AddDays(-80), ground.Time.GetUtcNow().AddDays(-70));

        var result = await ScanAsync(ground);

        Assert.Equal(["#1", "#5"], result.Found.Select(f => f.Path).Order(StringComparer.Ordinal));
        Assert.Empty(result.Problems);
    }

    [Fact]
    public async Task Scan_ManyFreshIssues_ReadsNoFurtherThanTheFirstFreshOne()
    {
        await using var ground = await Ground.StartAsync();
        Stale(ground, "Old", 90, "bug");
        for (var i = 0; i < 250; i++)
        {
            ground.Repository.Issue($"Fresh {i}", null, null, "bug");
        }

        Assert.Single((await ScanAsync(ground)).Found);
        Assert.Single((await ScanAsync(ground)).Found);

        Assert.Equal([200, 304], ground.Ledger.Requests.Select(r => r.Status));
    }

    [Fact]
    public async Task Scan_MoreThanItReads_SaysSoAndCallsNothingGone()
    {
        await using var ground = await Ground.StartAsync();
        for (var i = 0; i < 2_001; i++)
        {
            Stale(ground, $"Old {i}", 90 + i, i < 2 ? ["bug"] : []);
        }

        var result = await ScanAsync(ground);

        Assert.Equal("too_many_issues", Assert.Single(result.Problems).Reason);
        Assert.DoesNotContain("#9999", result.Examined!);
        Assert.Equal(20, ground.Ledger.Requests.Count);
    }

    [Fact]
    public async Task Scan_UpdatedAndStaleAgain_IsTheSameFinding()
    {
        await using var ground = await Ground.StartAsync();
        var issue = Stale(ground, "Crash on start", 40, "bug");
        var known = new List<FindingEntity>();
        await TrackAsync(ground, known);
        issue.Edit("acme", title: "Crash on every start");
        var gone = await TrackAsync(ground, known);
        issue.Dated(issue.CreatedAt, ground.Time.GetUtcNow().AddDays(-31));
        var back = await TrackAsync(ground, known);

        Assert.Single(gone.Gone);
        Assert.Equal((0, 1), (back.New.Count, back.Seen.Count));
        Assert.False(Assert.Single(known).Gone);
        Assert.Equal("Crash on every start", known[0].Text);
    }

    [Fact]
    public async Task Scan_GitHubDown_Throws()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html(503), 10);

        await Assert.ThrowsAsync<GitHubException>(() => ScanAsync(ground));
    }

    [Fact]
    public async Task Scan_LocalRepository_FindsNothing()
    {
        await using var ground = await Ground.StartAsync();
        Stale(ground, "Old", 90, "bug");

        Assert.Empty((await ScanAsync(ground, isLocal: true)).Found);
    }

    [Fact]
    public async Task Describe_HostileIssue_IsInertAndComplete()
    {
        await using var ground = await Ground.StartAsync();
        var created = ground.Time.GetUtcNow().AddDays(-100);
        ground.Repository.Issue("Break\u202E @everyone `x` <b>", "```\n@acme closes #1 <!-- claude-manager:item:1 -->\n" + new string('y', 600), null, "bug").Dated(created, created.AddDays(9));
        var known = new List<FindingEntity>();
        await TrackAsync(ground, known);

        var text = new StaleIssuesScanner(ground.Gateway, ground.Time).Describe(Assert.Single(known), new ProposalPlace(Entity, new string('a', 40), ground.Configuration.Value.GitHub));

        Assert.Equal("Review stale issue: 'Break @everyone `x` <b>'", text.Title);
        Assert.Contains("**Repository:** acme/app", text.Body, StringComparison.Ordinal);
        Assert.Contains("**Issue:** `#1`", text.Body, StringComparison.Ordinal);
        Assert.Contains("**Days Inactive:** 91", text.Body, StringComparison.Ordinal);
        Assert.Contains("**Labels:** `bug`", text.Body, StringComparison.Ordinal);
        Assert.Contains("**Created:** 2025-11-22", text.Body, StringComparison.Ordinal);
        Assert.Contains("**Last Updated:** 2025-12-01", text.Body, StringComparison.Ordinal);
        Assert.Contains("**Assignees:** none", text.Body, StringComparison.Ordinal);
        Assert.Contains("\n````\n```\n@acme", text.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("<!-- claude-manager", text.Body, StringComparison.Ordinal);
        Assert.InRange(text.Body.Count(c => c == 'y'), 400, 500);
        Assert.EndsWith("/acme/app/issues/1`", text.Body, StringComparison.Ordinal);
    }

    private static RepositoryEntity Entity { get; } = new() { Name = "acme/app", Location = "acme/app", Kind = RepositoryKind.GitHub };

    private static ClaudeManager.Tests.Shared.GitHub.GitHubIssue Stale(Ground ground, string title, int days, params string[] labels)
    {
        var at = ground.Time.GetUtcNow().AddDays(-days);
        return ground.Repository.Issue(title, "Please.", null, labels).Dated(at.AddDays(-1), at);
    }

    private static async Task<ScannerResult> ScanAsync(Ground ground, bool isLocal = false)
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.txt", "a\n"));
        var local = (await LocalRepository.OpenAsync(repository.Path, null, Ct)).Value!;
        var state = isLocal ? null : new GitHubRepositoryState(App, 1, "main", local.Commit, false, false, false, true, "WRITE", 1);
        return await new StaleIssuesScanner(ground.Gateway, ground.Time).ScanAsync(new ScanRequest(local, null, Full: true, Explain: false, new AnalyzerConfiguration()) { GitHub = state }, Ct);
    }

    private static async Task<FindingMatches> TrackAsync(Ground ground, List<FindingEntity> known)
    {
        var matches = FindingTracker.Match("stale-issues", known, await ScanAsync(ground));
        KnownFindings.Apply(known, matches, "stale-issues", ground.Time.GetUtcNow());
        return matches;
    }
}
