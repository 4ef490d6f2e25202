using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.Chaos.Tests;

/// <summary>What has to hold of every piece of work, whatever happened on the way: it is done, and it was done once.</summary>
internal static class OneEffect
{
    /// <summary>For a repository in which all work was approved and has ended.</summary>
    public static async Task AssertAsync(ManagerFleet fleet, Person person, string repository, int pieces, CancellationToken ct)
    {
        await Eventually.SeeAsync(async token => await MissingAsync(fleet, person, repository, pieces, token), missing => missing.Length == 0, "each piece has its issue, and each issue its comment", ct);
        var issues = IssuesOf(fleet, repository);
        Assert.Equal(pieces, issues.Count);
        Assert.All(issues, issue => Assert.Single(issue.Comments));
        var there = fleet.GitHub.Repository(repository);
        Assert.Equal(pieces, there.Branches.Keys.Count(name => name.StartsWith("claude-manager/", StringComparison.Ordinal)));
        Assert.Equal(pieces, there.Pulls.Count);
        var runs = (await person.Api.ListRunsAsync([], null, 0, 500, ct)).Items.Where(r => r.Repository == repository).ToList();
        Assert.Equal(pieces, runs.Count);
        Assert.All(runs, run => Assert.True(run.EndReason == RunEndReason.Completed, $"Run {run.Id} is {run.State}, {run.EndReason}: {run.EndDetail}"));

        // Whoever lost a lease says nothing more.
        Assert.Equal(0, await person.NumberAsync($"SELECT count(*) FROM (SELECT attempt, max(attempt) OVER (PARTITION BY run_id ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM run_events) AS e WHERE attempt < before", ct));
        Assert.Equal(0, await person.NumberAsync($"SELECT count(*) FROM (SELECT r.id FROM runs r LEFT JOIN audit_entries a ON a.subject_type = 'run' AND a.subject_id = r.id::text AND a.action = 'run.completed' GROUP BY r.id HAVING count(a.id) <> 1) AS twice", ct));
        Assert.Equal(0, await person.NumberAsync($"SELECT count(*) FROM runs WHERE lease_owner IS NOT NULL", ct));
    }

    private static List<GitHubIssue> IssuesOf(ManagerFleet fleet, string repository)
        => [.. fleet.GitHub.Repository(ManagerFleet.Manager).Issues.Where(i => i.Body?.Contains($"**Repository:** {repository}\n", StringComparison.Ordinal) == true)];

    private static async Task<string> MissingAsync(ManagerFleet fleet, Person person, string repository, int pieces, CancellationToken ct)
    {
        var issues = IssuesOf(fleet, repository);
        return issues.Count >= pieces && issues.All(i => i.Comments.Count > 0)
            ? ""
            : $"{issues.Count} of {pieces} issues; {string.Join(", ", issues.Select(i => $"#{i.Number} {i.Title}: {i.Comments.Count}"))}; {await person.Api.GetOutboxAsync(ct)}";
    }
}
