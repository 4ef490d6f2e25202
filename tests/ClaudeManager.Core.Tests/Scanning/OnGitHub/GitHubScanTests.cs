using System.Globalization;
using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Tests.Shared.GitHub;
using Microsoft.EntityFrameworkCore;
using static ClaudeManager.Core.Tests.Scanning.OnGitHub.GitHubGround;

namespace ClaudeManager.Core.Tests.Scanning.OnGitHub;

public abstract class GitHubScanTests
{
    private const string OneTodo = "int a;\n// TODO: add both numbers\nint b;\n";

    protected abstract string Provider { get; }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ScanAll_HundredRepositories_CostsOneRequestForTheUnchangedAndFewForTheChanged(bool issuesToo)
    {
        await using var ground = await StartAsync(Provider, c => c with
        {
            GitHub = c.GitHub with { ReposToScan = [.. Enumerable.Range(0, 100).Select(Name)] },
            Analyzer = c.Analyzer with { FirstScan = "propose", ScanOpenIssues = issuesToo },
        });
        for (var i = 0; i < 100; i++)
        {
            (await ground.RepositoryAsync(Name(i), ("src/a.c", i % 10 == 0 ? OneTodo : "int a;\n"))).Issue("Slow", "Very.", "manager", "bug");
        }

        Assert.Equal(10, (await ground.ScanAllAsync()).Sum(r => r.Proposed));

        ground.GitHub.Ledger.Clear();
        var unchanged = await ground.ScanAllAsync();
        Assert.Equal(100, unchanged.Count);
        Assert.Equal(0, unchanged.Sum(r => r.FilesRead));
        Assert.InRange(ground.GitHub.Ledger.ApiRequests.Count, 1, 2);
        Assert.DoesNotContain(ground.GitHub.Ledger.Requests, r => r.Resource == "git");

        // Another token of ours is no reason to read anything again.
        await ground.RestartAsync();
        ground.GitHub.Ledger.Clear();
        await ground.ScanAllAsync();
        Assert.InRange(ground.GitHub.Ledger.ApiRequests.Count, 1, 2);
        Assert.DoesNotContain(ground.GitHub.Ledger.Requests, r => r.Resource == "git");

        for (var i = 1; i < 100; i += 10)
        {
            ground.GitHub.Repository(Name(i)).Issue("Crash", null, "manager", "bug");
            await ground.GitHub.Repository(Name(i)).CommitAsync("more", [("src/b.c", OneTodo)], Ct);
        }

        ground.GitHub.Ledger.Clear();
        var changed = await ground.ScanAllAsync();
        Assert.Equal(10, changed.Sum(r => r.New));
        Assert.Equal(10, changed.Sum(r => r.FilesRead));
        Assert.InRange(ground.GitHub.Ledger.ApiRequests.Count, issuesToo ? 10 : 1, 15);
        Assert.Equal(10, ground.GitHub.Ledger.Requests.Where(r => r.Resource == "git").Select(r => r.Path.Split(".git")[0]).Distinct().Count());

        static string Name(int i) => string.Create(CultureInfo.InvariantCulture, $"acme/r{i:D3}");
    }

    /// <summary>What makes the stale issues be asked for again: something happened to one, or one comes of age. Nothing else does.</summary>
    [Fact]
    public async Task ScanAll_StaleIssues_AreAskedForWhenTheyCanHaveChanged()
    {
        await using var ground = await StartAsync(Provider, c => c with { Analyzer = c.Analyzer with { ScanOpenIssues = true } });
        var repository = await ground.RepositoryAsync("acme/app", ("a.c", "int a;\n"));
        var old = repository.Issue("Old", "Of long ago.", "manager", "bug");
        await ground.AddAsync("acme/app");
        ground.Time.Advance(TimeSpan.FromDays(20));
        var young = repository.Issue("Young", null, "manager", "bug");
        Assert.Equal((0, 1), await ScanAsync());
        Assert.Equal((0, 0), await ScanAsync());

        ground.Time.Advance(TimeSpan.FromDays(10.9));
        Assert.Equal((0, 0), await ScanAsync());
        ground.Time.Advance(TimeSpan.FromDays(0.2));
        Assert.Equal((1, 1), await ScanAsync());
        Assert.Equal((0, 0), await ScanAsync());

        old.Comment("manager", "Still there.");
        Assert.Equal((0, 1), await ScanAsync());
        Assert.Equal([WorkItemState.Closed], (await ground.ItemsAsync()).Select(w => w.State));

        // Code alone is no reason.
        await repository.CommitAsync("more", [("b.c", "int b;\n")], Ct);
        Assert.Equal((0, 0), await ScanAsync());

        young.Close("manager");
        Assert.Equal((0, 1), await ScanAsync());

        // What failed is tried again.
        young.Reopen("manager");
        var plan = ground.GitHub.Fail("GET", "/repos/acme/app/issues*", GitHubFault.Json(500, "No."), times: 3);
        Assert.Equal(0, (await ScanAsync()).New);
        plan.Stop();
        Assert.Equal((0, 1), await ScanAsync());

        async Task<(int New, int Listings)> ScanAsync()
        {
            ground.GitHub.Ledger.Clear();
            var result = Assert.Single(await ground.ScanAllAsync());
            Assert.Null(result.Error);
            return (result.New, ground.GitHub.Ledger.ApiRequests.Count(r => r.Path == "/repos/acme/app/issues"));
        }
    }

    [Fact]
    public async Task Preview_NobodyAddsIt_ItsMirrorGoesAfterADay_AndNoOther()
    {
        await using var ground = await StartAsync(Provider);
        var (declined, kept) = (await ground.RepositoryAsync("acme/declined", ("a.c", OneTodo)), await ground.RepositoryAsync("acme/kept", ("a.c", OneTodo)));
        await ground.AddAsync("acme/kept");
        foreach (var name in (string[])["acme/declined", "acme/kept"])
        {
            Assert.Null((await ground.Scans.PreviewAsync(name, null, explain: false, Ct)).Refusal);
        }

        await ground.Registry.ForgetPreviewsAsync(Ct);
        Assert.True(Directory.Exists(ground.Data.Mirror(declined.Id)));

        ground.Time.Advance(TimeSpan.FromHours(25));
        await ground.Registry.ForgetPreviewsAsync(Ct);
        Assert.False(Directory.Exists(ground.Data.Mirror(declined.Id)));
        Assert.True(Directory.Exists(ground.Data.Mirror(kept.Id)));
    }

    [Fact]
    public async Task ScanAll_OneBadRepositoryAmongThree_TheOthersAreScannedAndItSaysWhy()
    {
        await using var ground = await StartAsync(Provider);
        var ids = new Dictionary<string, long>();
        foreach (var name in (string[])["acme/a", "acme/bad", "acme/c"])
        {
            await ground.RepositoryAsync(name, ("a.c", OneTodo));
            ids[name] = (await ground.AddAsync(name)).Id;
        }

        await ground.ScanAllAsync();
        var bad = ground.GitHub.Repository("acme/bad");
        foreach (var (make, words) in ((Action, string)[])[(() => bad.IsArchived = true, "archived"), (() => bad.IsDisabled = true, "disabled"), (bad.Vanish, "not on GitHub")])
        {
            make();
            foreach (var name in (string[])["acme/a", "acme/c"])
            {
                await ground.GitHub.Repository(name).CommitAsync(words, [($"{words[..3]}.c", $"// TODO: {words} here\n")], Ct);
            }

            var results = await ground.ScanAllAsync();

            Assert.Equal(2, results.Sum(r => r.New));
            var state = await ground.GetAsync(ids["acme/bad"]);
            Assert.Equal(RepositoryScanState.Unavailable, state.ScanState);
            Assert.Contains(words, state.LastScanError, StringComparison.Ordinal);
            Assert.Equal(1, state.Findings.Values.Sum());
        }
    }

    [Fact]
    public async Task Scan_Renamed_IsFollowedAndSaid()
    {
        await using var ground = await StartAsync(Provider, c => c with { GitHub = c.GitHub with { ReposToScan = ["acme/old"] } });
        var repository = await ground.RepositoryAsync("acme/old", ("a.c", OneTodo));
        var id = Assert.Single(await ground.ScanAllAsync(propose: true)).RepositoryId;
        repository.Rename("acme/new");
        await repository.CommitAsync("more", [("b.c", "// FIXME: and this\n")], Ct);

        var result = Assert.Single(await ground.ScanAllAsync());

        Assert.Equal((id, "acme/new", 1), (result.RepositoryId, result.Repository, result.New));
        Assert.Contains(result.Problems, p => p.Reason == "renamed" && p.Detail.Contains("acme/old", StringComparison.Ordinal));
        // The configuration still has the old name: it is the same repository, which is neither scanned nor shown twice.
        for (var round = 0; round < 2; round++)
        {
            var again = Assert.Single(await ground.ScanAllAsync());
            Assert.Equal(("acme/new", null), (again.Repository, again.Error));
            Assert.Equal("acme/new", Assert.Single((await ground.Registry.ListAsync(0, 10, Ct)).Items).Name);
        }

        Assert.Equal(id, (await ground.AddAsync("acme/old")).Id);
    }

    [Fact]
    public async Task Scan_RenamedToANameThatARemovedRepositoryKeeps_SaysWhatToDo()
    {
        await using var ground = await StartAsync(Provider);
        var kept = await ground.RepositoryAsync("acme/kept", ("a.c", OneTodo));
        Assert.Null(await ground.Registry.RemoveAsync(Context, (await ground.AddAsync("acme/kept")).Id, Ct));
        kept.Rename("acme/elsewhere");
        var repository = await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        await ground.AddAsync("acme/app");
        await ground.ScanAllAsync();
        repository.Rename("acme/kept");
        await repository.CommitAsync("more", [("b.c", "// FIXME: and this\n")], Ct);

        var result = Assert.Single(await ground.ScanAllAsync());

        Assert.Equal("acme/app is called acme/kept now, which was registered and removed. Add acme/kept again, or remove acme/app too.", result.Error);
    }

    [Fact]
    public async Task Scan_AnotherRepositoryTookTheName_IsNotScannedAsIfItWereTheSame()
    {
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        var id = (await ground.AddAsync("acme/app")).Id;
        await ground.ScanAllAsync();
        ground.GitHub.Repository("acme/app").Vanish();
        await ground.RepositoryAsync("acme/app", ("b.c", "// TODO: of a stranger\n"));

        await ground.ScanAllAsync();

        var state = await ground.GetAsync(id);
        Assert.Equal((RepositoryScanState.Unavailable, 1), (state.ScanState, state.Findings.Values.Sum()));
        Assert.Contains("another repository now", state.LastScanError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scan_WithoutToken_SaysWhatToSet()
    {
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        var id = (await ground.AddAsync("acme/app")).Id;
        await ground.RestartAsync(withToken: false);

        await ground.ScanAllAsync();

        Assert.Contains("Set GITHUB_TOKEN", (await ground.GetAsync(id)).LastScanError, StringComparison.Ordinal);
        Assert.Contains("Set GITHUB_TOKEN", (await ground.Scans.PreviewAsync("acme/app", null, explain: false, Ct)).Refusal!.Fix, StringComparison.Ordinal);
        Assert.DoesNotContain(ground.GitHub.Ledger.ApiRequests, r => r.Status == (int)HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData(401, RefusalKind.Unavailable)]
    [InlineData(500, RefusalKind.Unavailable)]
    public async Task Scan_GitHubFails_IsFailedWithItsReasonAndIsWellAgainByTheNext(int status, RefusalKind kind)
    {
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        var id = (await ground.AddAsync("acme/app")).Id;
        var plan = ground.GitHub.Fail("POST", "/graphql", GitHubFault.Json(status, "No."), times: 50);

        var preview = await ground.Scans.PreviewAsync("acme/app", null, explain: false, Ct);
        await ground.ScanAllAsync();

        Assert.Equal(kind, preview.Refusal!.Kind);
        var failed = await ground.GetAsync(id);
        Assert.Equal(RepositoryScanState.Failed, failed.ScanState);
        Assert.NotEmpty(failed.LastScanError!);

        plan.Stop();
        Assert.Equal(1, Assert.Single(await ground.ScanAllAsync()).New);
        Assert.Equal(RepositoryScanState.Ok, (await ground.GetAsync(id)).ScanState);
    }

    [Fact]
    public async Task Add_WithoutManagerRepository_IsRefusedWithWhatToSet()
    {
        await using var ground = await StartAsync(Provider, c => c with { GitHub = c.GitHub with { ManagerRepo = null } });
        await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));

        var added = await ground.Registry.AddAsync(Context, new AddRepositoryRequest("acme/app"), Ct);

        Assert.Equal("no_manager_repository", added.Refusal!.Code);
        Assert.Contains("github.managerRepo", added.Refusal.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_EmptyOrUnknown_IsRefusedByName()
    {
        await using var ground = await StartAsync(Provider);
        ground.GitHub.Repository("acme/empty").Collaborator("manager", GitHubRole.Write);

        Assert.Equal("no_commits", (await ground.Registry.AddAsync(Context, new AddRepositoryRequest("acme/empty"), Ct)).Refusal!.Code);
        Assert.Equal((RefusalKind.NotFound, "not_found"), Kind((await ground.Registry.AddAsync(Context, new AddRepositoryRequest("acme/nowhere"), Ct)).Refusal!));

        static (RefusalKind, string) Kind(Refusal refusal) => (refusal.Kind, refusal.Code);
    }

    [Fact]
    public async Task Add_Twice_IsOneRepository()
    {
        await using var ground = await StartAsync(Provider);
        var repository = await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        var first = await ground.AddAsync("acme/app");
        repository.Rename("acme/app2");

        Assert.Equal(first.Id, (await ground.AddAsync("acme/app2")).Id);
        Assert.Equal(first.Id, (await ground.AddAsync("ACME/App2")).Id);
    }

    [Fact]
    public async Task ScanAll_Removed_StaysRemovedAlthoughTheConfigurationNamesIt()
    {
        await using var ground = await StartAsync(Provider, c => c with { GitHub = c.GitHub with { ReposToScan = ["acme/app"] } });
        await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        var id = Assert.Single(await ground.ScanAllAsync()).RepositoryId;

        Assert.Null(await ground.Registry.RemoveAsync(Context, id, Ct));

        Assert.Empty(await ground.ScanAllAsync());
    }

    [Fact]
    public async Task Scan_ForcePushedBranch_FindsWhatIsThereNow()
    {
        await using var ground = await StartAsync(Provider);
        var repository = await ground.RepositoryAsync("acme/app", ("a.c", OneTodo));
        var id = (await ground.AddAsync("acme/app")).Id;
        await ground.ScanAllAsync();
        await repository.CommitAsync("anew", [("z.c", "// TODO: another history\n")], Ct, branch: "other");
        repository.SetDefaultBranch("other");

        var result = Assert.Single(await ground.ScanAllAsync());

        Assert.Null(result.Error);
        Assert.Equal("other", (await ground.GetAsync(id)).DefaultBranch);
        Assert.Equal(1, result.New);
    }

    [Fact]
    public async Task LookAtOutbox_AfterScan_TellsHowManyAndWhen()
    {
        await using var ground = await StartAsync(Provider);
        await ground.RepositoryAsync("acme/app", ("a.c", OneTodo), ("b.c", "// FIXME: that too\n"));
        await ground.AddAsync("acme/app");
        await ground.ScanAllAsync();

        var before = await ground.Get<Outbox.OutboxReader>().ReadAsync(Ct);
        await ground.DrainAsync();
        var after = await ground.Get<Outbox.OutboxReader>().ReadAsync(Ct);

        Assert.Equal((2, 0), (before.Pending, before.Waiting));
        Assert.NotNull(before.ExpectedAllThereAt);
        Assert.Equal((0, 0, null), (after.Pending, after.Failed, after.ExpectedAllThereAt));
        Assert.Equal(2, ground.Issues.Count);
        Assert.Equal(2, await ground.ReadAsync((db, token) => db.ProposalIssues.CountAsync(token)));
    }
}

public sealed class SqliteGitHubScanTests : GitHubScanTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresGitHubScanTests : GitHubScanTests
{
    protected override string Provider => "postgresql";
}
