using System.Globalization;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Tests.Shared.GitHub;
using static ClaudeManager.Core.Tests.Scanning.OnGitHub.GitHubGround;

namespace ClaudeManager.Core.Tests.Scanning.OnGitHub;

public abstract class GitHubProposalTests
{
    protected abstract string Provider { get; }

    [Fact]
    public async Task Propose_Todo_IsTheIssueThatWorkflowsDependOn()
    {
        await using var ground = await StartAsync(Provider);
        var repository = await ground.RepositoryAsync("acme/app", ("src/some file.c", "one\ntwo\n// TODO: add both numbers\nfour\nfive\nsix\n"));
        var commit = repository.Branches["main"];
        await ground.AddAsync("acme/app");

        await ground.ScanAllAsync();
        await ground.DrainAsync();

        var issue = Assert.Single(ground.Issues);
        Assert.Equal("Address TODO in src/some file.c:3", issue.Title);
        Assert.Equal(["refactor", "task-proposal", "todo"], issue.Labels.Select(l => l.Name).Order());
        Assert.Equal($"""
            A `TODO` comment asks for work: `add both numbers`

            **Repository:** acme/app
            **File:** `src/some file.c`
            **Line:** 3
            **Context:**

            ```
            one
            two
            // TODO: add both numbers
            four
            five
            ```

            **Direct Link:** {ground.GitHub.BaseAddress}acme/app/blob/{commit}/src/some%20file.c#L3
            """.ReplaceLineEndings("\n"), issue.Body![..issue.Body!.IndexOf("\n\n<!--", StringComparison.Ordinal)]);
        Assert.Equal("item", Marker.Find(issue.Body!)!.Value.Kind);
    }

    [Fact]
    public async Task Propose_HostileText_NothingPingsLinksOrPosesAsOurMarker()
    {
        const string hostile = "ask @octocat, see #1 and acme/other#2 and https://github.com/acme/other/issues/3 ``` <img src=x> <!-- claude-manager item:1/2 --> \u202Etxt";
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a`b/@octocat #7 [x](y).c", $"```\n// TODO: {hostile}\n<!-- claude-manager item:3/4 -->\n"));
        await ground.AddAsync("acme/app");

        await ground.ScanAllAsync();
        await ground.DrainAsync();

        var issue = Assert.Single(ground.Issues);
        var item = Assert.Single(await ground.ItemsAsync());
        // Everything of the repository stands in code, where GitHub neither pings nor links.
        var outside = WithoutCode(issue.Body!);
        foreach (var live in (string[])["@octocat", "#1", "#2", "#7", "issues/3", "<img", "[x]", "\u202E"])
        {
            Assert.DoesNotContain(live, outside.Replace(Link(issue.Body!), "", StringComparison.Ordinal), StringComparison.Ordinal);
        }

        Assert.EndsWith("/" + item.Fingerprint, Marker.Find(issue.Body!)!.Value.Key, StringComparison.Ordinal);
        Assert.DoesNotContain('\u202E', issue.Title);
        Assert.DoesNotContain('\n', issue.Title);
        Assert.DoesNotContain('@', Link(issue.Body!));
    }

    [Fact]
    public async Task Preview_FiveThousandTodos_SaysHowManyNowAndWhenAndWritesNothing()
    {
        await using var ground = await StartAsync(Provider, c => c with { Analyzer = c.Analyzer with { MaxIssuesPerRepo = 100 } });
        await ground.RepositoryAsync("acme/app", [.. Files()]);
        var id = (await ground.AddAsync("acme/app", propose: false)).Id;

        var preview = (await ground.Scans.PreviewAsync("acme/app", null, explain: false, Ct)).Value!;
        await ground.ScanAllAsync();
        await ground.DrainAsync();

        Assert.Equal((5000, 100), (preview.Findings.Count, preview.ExpectedIssues));
        Assert.Equal(3, preview.Findings.Where(f => f.WouldPropose).GroupBy(f => f.Path).Max(f => f.Count()));
        Assert.Empty(ground.Issues);
        Assert.Equal(RepositoryScanState.Preview, (await ground.GetAsync(id)).ScanState);

        if (Provider != "sqlite")
        {
            // A PostgreSQL server has a clock of its own, which does not skip the waits that follow.
            return;
        }

        var began = ground.Time.GetUtcNow();
        ground.GitHub.Ledger.Clear();
        Assert.Equal(100, (await ground.Registry.AcceptAsync(Context, id, Ct)).Value!.Proposed);
        await ground.DrainAsync();

        Assert.Equal(100, ground.Issues.Count);
        Assert.InRange(ground.GitHub.Ledger.PeakContent(TimeSpan.FromMinutes(1)), 1, 80);
        Assert.Empty(ground.GitHub.Ledger.Limited);
        // What was predicted held: no call more, the end to a minute.
        Assert.InRange(ground.GitHub.Ledger.ApiRequests.Count, 100, preview.ExpectedGitHubCalls);
        Assert.InRange((ground.Time.GetUtcNow() - began).TotalSeconds, 60, (preview.ExpectedAllThereAt!.Value - began).TotalSeconds + 60);

        static IEnumerable<(string, string?)> Files()
            => Enumerable.Range(0, 100).Select(file => ($"src/f{file}.c", (string?)string.Concat(Enumerable.Range(0, 50).Select(line => string.Create(CultureInfo.InvariantCulture, $"// TODO: task {line} of file {file}\nint x{line};\n")))));
    }

    [Theory]
    [InlineData(null, WorkItemState.Proposed)]
    [InlineData("not_planned", WorkItemState.Rejected)]
    [InlineData("completed", WorkItemState.Closed)]
    public async Task Scan_StoreIsLost_TakesItsIssuesOverWithWhatPeopleDecided(string? closedAs, WorkItemState expected)
    {
        await using var ground = await StartAsync(Provider);
        var repository = await ground.RepositoryAsync("acme/app", ("a.c", "// TODO: add both numbers\n"));
        await ground.AddAsync("acme/app");
        await ground.ScanAllAsync();
        await ground.DrainAsync();
        if (closedAs is not null)
        {
            ground.GitHub.User("alice");
            ground.GitHub.Repository(Manager).Collaborator("alice", GitHubRole.Write);
            Assert.Single(ground.Issues).Close("alice", closedAs);
        }

        await repository.CommitAsync("moves it", [("a.c", "\n\n\n// TODO: add both numbers\n")], Ct);
        await ground.ForgetAsync();

        Assert.Equal(0, (await ground.Scans.PreviewAsync("acme/app", null, explain: false, Ct)).Value!.ExpectedIssues);
        await ground.AddAsync("acme/app");
        var result = Assert.Single(await ground.ScanAllAsync());
        await ground.DrainAsync();

        Assert.Equal((1, 0), (result.New, result.Proposed));
        Assert.Equal(expected, Assert.Single(await ground.ItemsAsync()).State);
        Assert.Single(ground.Issues);
    }

    [Fact]
    public async Task Scan_SameCodeInTwoRepositories_IsTwoIssues()
    {
        await using var ground = await StartAsync(Provider);
        foreach (var name in (string[])["acme/app", "acme/fork"])
        {
            await ground.RepositoryAsync(name, ("a.c", "// TODO: add both numbers\n"));
            await ground.AddAsync(name);
        }

        await ground.ScanAllAsync();
        await ground.DrainAsync();

        Assert.Equal(2, ground.Issues.Count);
        Assert.Equal(2, ground.Issues.Select(i => Marker.Find(i.Body!)).Distinct().Count());
    }

    [Fact]
    public async Task Scan_SomebodyElsesIssueWithOurMarker_IsNotTakenForOurs()
    {
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a.c", "// TODO: add both numbers\n"));
        await ground.AddAsync("acme/app");
        await ground.ScanAllAsync();
        await ground.DrainAsync();
        var copy = Assert.Single(ground.Issues);
        await ground.ForgetAsync();
        copy.Delete();
        ground.GitHub.Repository(Manager).Collaborator("mallory", GitHubRole.Triage).Issue(copy.Title, copy.Body, "mallory", "task-proposal").Close("mallory", "not_planned");

        await ground.AddAsync("acme/app");

        Assert.Equal(1, Assert.Single(await ground.ScanAllAsync()).Proposed);
    }

    [Fact]
    public async Task Scan_ProposalsCannotBeRead_ProposesNothingNowAndAllLater()
    {
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a.c", "// TODO: add both numbers\n"));
        await ground.AddAsync("acme/app");
        var plan = ground.GitHub.Fail("GET", $"/repos/{Manager}/issues*", GitHubFault.Json(403, "Resource not accessible by personal access token"), times: 50);

        var result = Assert.Single(await ground.ScanAllAsync());

        Assert.Equal((1, 0, null), (result.New, result.Proposed, result.Error));
        Assert.Equal("proposals_unknown", Assert.Single(result.Problems).Reason);
        plan.Stop();
        Assert.Equal(1, Assert.Single(await ground.ScanAllAsync()).Proposed);
    }

    private static string Link(string body) => body[(body.IndexOf("**Direct Link:** ", StringComparison.Ordinal) + 17)..].Split('\n')[0];

    /// <summary>A body without its code spans and fenced blocks, by CommonMark's rule: a run of backticks is closed by a run of the same length.</summary>
    private static string WithoutCode(string body)
    {
        var rest = new StringBuilder();
        for (var i = 0; i < body.Length;)
        {
            var run = body.AsSpan(i).IndexOfAnyExcept('`');
            if (run <= 0)
            {
                rest.Append(body[i++]);
                continue;
            }

            var close = i + run;
            while (true)
            {
                close = body.IndexOf('`', close);
                var length = body.AsSpan(close).IndexOfAnyExcept('`');
                if (length == run)
                {
                    break;
                }

                close += length;
            }

            i = close + run;
        }

        return rest.ToString();
    }
}

public sealed class SqliteGitHubProposalTests : GitHubProposalTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresGitHubProposalTests : GitHubProposalTests
{
    protected override string Provider => "postgresql";
}
