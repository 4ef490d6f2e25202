using ClaudeManager.Core.GitHub;
using ClaudeManager.Tests.Shared.GitHub;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

public sealed class GatewayTests
{
    private static readonly Marker s_marker = Marker.Of("item", "12/abc123");

    [Fact]
    public async Task GetStates_AHundredRepositories_TakesOneRequestAndOnePoint()
    {
        await using var ground = await Ground.StartAsync();
        var names = Enumerable.Range(0, 100).Select(i => RepositoryName.Parse($"acme/service-{i}")).ToList();
        foreach (var name in names)
        {
            ground.GitHub.Repository(name.ToString());
        }

        var head = await ground.GitHub.Repository("acme/service-7").CommitAsync("First", [("a.txt", "a")], Ct);

        var answers = await ground.Gateway.GetStatesAsync(names, Ct);

        Assert.Equal(names, answers.Select(a => a.Asked));
        Assert.All(answers, a => Assert.Equal(a.Asked, a.State?.Name));
        Assert.Equal(("main", head), (answers[7].State!.DefaultBranch, answers[7].State!.Commit));
        Assert.Null(answers[8].State!.Commit);
        var request = Assert.Single(ground.Ledger.Requests);
        Assert.Equal(("graphql", 1, 1), (request.Resource, request.Charged, request.Points));
        Assert.Equal("manager", (await ground.Gateway.GetOwnAccountAsync(Ct)).Login);
        await ground.Gateway.ListProposalsAsync(App, Ct);
        Assert.Equal(2, ground.Ledger.Requests.Count);
    }

    [Fact]
    public async Task GetStates_MoreThanFitIntoOne_AsksInParts()
    {
        await using var ground = await Ground.StartAsync();
        var names = Enumerable.Range(0, 101).Select(i => RepositoryName.Parse($"acme/none-{i}")).ToList();

        var answers = await ground.Gateway.GetStatesAsync(names, Ct);

        Assert.All(answers, a => Assert.Equal(GitHubProblem.NotFound, a.Failure?.Problem));
        Assert.Equal(2, ground.Ledger.Requests.Count);
    }

    [Fact]
    public async Task GetStates_RepositoriesInTrouble_EachAnswersForItself()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Repository("acme/old").IsArchived = true;
        ground.GitHub.Repository("acme/stopped").IsDisabled = true;
        ground.GitHub.Repository("acme/secret").IsPrivate = true;
        ground.GitHub.Repository("acme/before").Rename("acme/after");
        ground.GitHub.Repository("acme/read-only").HasIssues = false;

        var answers = await ground.Gateway.GetStatesAsync(
            [.. new[] { "acme/old", "acme/stopped", "acme/secret", "acme/before", "acme/gone", "acme/read-only", "acme/app" }.Select(RepositoryName.Parse)], Ct);

        Assert.True(answers[0].State!.IsArchived);
        Assert.True(answers[1].State!.IsDisabled);
        Assert.Equal((GitHubProblem.NotFound, GitHubProblem.NotFound), (answers[2].Failure!.Problem, answers[4].Failure!.Problem));
        Assert.Equal("acme/after", answers[3].State!.Name.ToString());
        Assert.Equal((false, false), (answers[5].State!.HasIssues, answers[5].State!.CanWrite));
        Assert.True(answers[6].State!.CanWrite);
    }

    [Fact]
    public async Task GetStates_AnErrorBelowARepository_IsNoEmptyRepository()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/graphql", new GitHubFault.Answer(200, """
            {"data":{"r0":{"databaseId":1,"nameWithOwner":"acme/app","isArchived":false,"isDisabled":false,"isPrivate":false,"hasIssuesEnabled":true,"viewerPermission":"WRITE","diskUsage":1,"defaultBranchRef":null}},
             "errors":[{"message":"Something went wrong","path":["r0","defaultBranchRef"]}]}
            """, "application/json", new Dictionary<string, string>()));

        var answer = Assert.Single(await ground.Gateway.GetStatesAsync([App], Ct));

        Assert.Null(answer.State);
        Assert.Equal(GitHubProblem.Unavailable, answer.Failure!.Problem);
    }

    [Fact]
    public async Task Query_BudgetUsedUpInA200_SaysWhenItClears()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/graphql", new GitHubFault.Answer(200, """{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}""", "application/json",
            new Dictionary<string, string>
            {
                ["x-ratelimit-resource"] = "graphql",
                ["x-ratelimit-limit"] = "5000",
                ["x-ratelimit-remaining"] = "0",
                ["x-ratelimit-reset"] = ground.Time.GetUtcNow().AddMinutes(20).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture),
            }));

        var limited = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetStatesAsync([App], Ct));
        var again = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetStatesAsync([App], Ct));

        Assert.Equal((GitHubProblem.Limited, GitHubProblem.Limited), (limited.Problem, again.Problem));
        Assert.InRange(limited.ClearsAt!.Value - ground.Time.GetUtcNow(), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(20.1));
        Assert.Single(ground.Ledger.Requests);
    }

    [Fact]
    public async Task CreateIssue_WithMarker_IsFoundByItAndListed()
    {
        await using var ground = await Ground.StartAsync();
        var began = ground.Time.GetUtcNow();
        await ground.Gateway.EnsureLabelAsync(App, GitHubGateway.ProposalLabel, "0e8a16", "Proposed", Ct);

        var created = await ground.Gateway.CreateIssueAsync(App, "Address TODO: überprüfen 🧨", "Body", [GitHubGateway.ProposalLabel, "todo"], s_marker, Ct);

        Assert.EndsWith("<!-- claude-manager item:12/abc123 -->", created.Body, StringComparison.Ordinal);
        Assert.Equal(("Address TODO: überprüfen 🧨", true, "manager"), (created.Title, created.IsOpen, created.Author!.Login));
        Assert.Equal(created.Number, (await ground.Gateway.FindIssueAsync(App, s_marker, began, Ct))!.Number);
        Assert.Equal(created.Number, (await ground.Gateway.ListProposalsAsync(App, Ct))[s_marker].Number);
        Assert.Null(await ground.Gateway.FindIssueAsync(App, Marker.Of("item", "12/abc12"), began, Ct));
    }

    [Fact]
    public async Task FindIssue_SomebodyElseWroteOurMarker_DoesNotCount()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("Fake", $"Mine now {s_marker}", by: "mallory", GitHubGateway.ProposalLabel);

        Assert.Null(await ground.Gateway.FindIssueAsync(App, s_marker, DateTimeOffset.MinValue, Ct));
        Assert.Empty(await ground.Gateway.ListProposalsAsync(App, Ct));
    }

    [Fact]
    public async Task CreateIssue_AnswerNeverArrives_IsSentOnceAndFoundByItsMarker()
    {
        await using var ground = await Ground.StartAsync();
        var began = ground.Time.GetUtcNow();
        ground.GitHub.Fail("POST", "/repos/*/issues", new GitHubFault.ResetAfter());

        var failure = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));

        Assert.Equal((GitHubProblem.Unreachable, true), (failure.Problem, failure.MayHaveHappened));
        Assert.Equal(1, ground.Ledger.Count("POST /repos/{owner}/{repo}/issues"));
        Assert.NotNull(await ground.Gateway.FindIssueAsync(App, s_marker, began, Ct));
    }

    [Fact]
    public async Task Issue_ItsWholeLife_IsToldAsItIs()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("Broken", null, by: "ana", "bug");
        ground.GitHub.DeleteUser("ana");

        var read = await ground.Gateway.GetIssueAsync(App, issue.Number, Ct);
        var renamed = await ground.Gateway.UpdateIssueAsync(App, issue.Number, "Mended", null, Ct);
        var closed = await ground.Gateway.CloseIssueAsync(App, issue.Number, GitHubCloseReason.NotPlanned, Ct);
        var reopened = await ground.Gateway.ReopenIssueAsync(App, issue.Number, Ct);

        Assert.Equal(("", true, (GitHubAccount?)null), (read!.Body, read.IsOpen, read.Author));
        Assert.Equal(["bug"], read.Labels);
        Assert.Equal("Mended", renamed.Title);
        Assert.Equal((false, "not_planned"), (closed.IsOpen, closed.StateReason));
        Assert.Equal((true, "reopened"), (reopened.IsOpen, reopened.StateReason));
        Assert.Null(await ground.Gateway.GetIssueAsync(App, 99, Ct));
        await ground.GitHub.VerifyAsync(Ct);
    }

    [Fact]
    public async Task Labels_AddedRemovedAndEnsured_AreThereOnce()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("Broken");

        await ground.Gateway.EnsureLabelAsync(App, "help wanted", "ffffff", "", Ct);
        await ground.Gateway.EnsureLabelAsync(App, "Help Wanted", "000000", "", Ct);
        await ground.Gateway.AddLabelsAsync(App, issue.Number, ["help wanted", "x/y"], Ct);
        await ground.Gateway.RemoveLabelAsync(App, issue.Number, "x/y", Ct);
        await ground.Gateway.RemoveLabelAsync(App, issue.Number, "x/y", Ct);

        Assert.Equal(["help wanted"], issue.Labels.Select(l => l.Name));
        Assert.Equal("ffffff", ground.Repository.Labels.Single(l => l.Name == "help wanted").Color);
    }

    [Fact]
    public async Task IssueEvents_AfterAKnownOne_TellWhoLabelledAndRenamed()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Collaborator("ana", GitHubRole.Triage);
        var issue = ground.Repository.Issue("Broken").Label("ana", "bug");
        var known = (await ground.Gateway.ListIssueEventsAsync(App, 0, Ct)).Items[^1].Id;
        issue.Label("ana", "approved-for-dev").Edit("ben", title: "Very broken").Unlabel("ben", "approved-for-dev");

        var events = await ground.Gateway.ListIssueEventsAsync(App, known, Ct);

        Assert.True(events.IsComplete);
        Assert.Equal(
            [("labeled", "ana", "approved-for-dev", null), ("renamed", "ben", null, "Very broken"), ("unlabeled", "ben", "approved-for-dev", null)],
            events.Items.Select(e => (e.Kind, e.Actor!.Login, e.Label, e.NewTitle)));
        Assert.All(events.Items, e => Assert.Equal(issue.Number, e.IssueNumber));
        Assert.Equal(events.Items, (await ground.Gateway.ListIssueEventsOfAsync(App, issue.Number, Ct)).Items.Where(e => e.Id > known));
    }

    [Fact]
    public async Task GetIssueText_EditedByAPerson_SaysWhenAndByWhom()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T", "B");

        Assert.Null((await ground.Gateway.GetIssueTextAsync(App, issue.Number, Ct))!.EditedAt);
        ground.Time.Advance(TimeSpan.FromMinutes(5));
        issue.Edit("ben", body: "Another");
        var text = await ground.Gateway.GetIssueTextAsync(App, issue.Number, Ct);

        Assert.Equal(("Another", ground.Time.GetUtcNow(), "ben"), (text!.Body, text.EditedAt, text.Editor!.Login));
        Assert.Null(await ground.Gateway.GetIssueTextAsync(App, 99, Ct));
    }

    [Theory]
    [InlineData(GitHubRole.Admin, true)]
    [InlineData(GitHubRole.Maintain, true)]
    [InlineData(GitHubRole.Write, true)]
    [InlineData(GitHubRole.Triage, false)]
    [InlineData(GitHubRole.Read, false)]
    public async Task GetPermission_OfARole_WritesOrNot(GitHubRole role, bool writes)
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Collaborator("ana", role);

        var permission = await ground.Gateway.GetPermissionAsync(App, "ana", Ct);

        Assert.Equal((role.ToString().ToLowerInvariant(), writes), (permission.Role, permission.CanWrite));
    }

    [Fact]
    public async Task GetPermission_OfNobody_IsNone()
    {
        await using var ground = await Ground.StartAsync();

        Assert.Equal(new GitHubPermission("nobody", "none", false), await ground.Gateway.GetPermissionAsync(App, "nobody", Ct));
    }

    [Fact]
    public async Task Comments_WrittenAndAnswered_AreFoundByMarkerWithTheirReactions()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T");
        issue.Comment("mallory", $"Fake {s_marker}");
        var began = ground.Time.GetUtcNow();

        Assert.Null(await ground.Gateway.FindCommentAsync(App, issue.Number, s_marker, began.AddMinutes(-1), Ct));
        var written = await ground.Gateway.CreateCommentAsync(App, issue.Number, "Started", s_marker, Ct);
        var changed = await ground.Gateway.UpdateCommentAsync(App, written.Id, "Done", s_marker, Ct);

        Assert.Equal(written.Id, (await ground.Gateway.FindCommentAsync(App, issue.Number, s_marker, began.AddMinutes(-1), Ct))!.Id);
        Assert.StartsWith("Done", changed.Body, StringComparison.Ordinal);
        Assert.Equal(2, (await ground.Gateway.ListCommentsAsync(App, issue.Number, null, Ct)).Items.Count);
        Assert.Empty(await ground.Gateway.ListReactionsAsync(App, written.Id, Ct));
    }

    [Fact]
    public async Task PullRequest_FromDraftToMerge_IsToldWithReviewsAndChecks()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T");
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var head = await ground.Repository.CommitAsync("Second", [("a.txt", "b")], Ct, "claude-manager/1-fix");
        Assert.Null(await ground.Gateway.FindPullRequestAsync(App, "claude-manager/1-fix", Ct));

        var opened = await ground.Gateway.CreatePullRequestAsync(App, "claude-manager/1-fix", "main", "Fix", $"Closes #{issue.Number}", s_marker, Ct);
        ground.Repository.Pulls[0].Review("ana", "CHANGES_REQUESTED", "No");
        ground.Repository.Pulls[0].CommentLine("ana", "a.txt", 1, "Why?");
        ground.Repository.Check(head, "build", "success");
        ground.Repository.Status(head, "failure", "lint");

        Assert.Equal((true, true, head), (opened.IsDraft, opened.IsOpen, opened.HeadCommit));
        Assert.Equal(opened.Number, (await ground.Gateway.FindPullRequestAsync(App, "claude-manager/1-fix", Ct))!.Number);
        Assert.Equal(("CHANGES_REQUESTED", "ana"), Assert.Single(await ground.Gateway.ListReviewsAsync(App, opened.Number, Ct)) is var review ? (review.State, review.Author!.Login) : default);
        Assert.Equal(("a.txt", 1, "Why?"), Assert.Single(await ground.Gateway.ListReviewCommentsAsync(App, opened.Number, Ct)) is var comment ? (comment.Path, comment.Line, comment.Body) : default);
        var checks = await ground.Gateway.GetChecksAsync(App, head, Ct);
        Assert.Equal([("build", GitHubCheckState.Passed), ("lint", GitHubCheckState.Failed)], checks.Checks.Select(c => (c.Name, c.State)));
        Assert.Equal(GitHubCheckState.Failed, checks.State);

        ground.Repository.Pulls[0].MarkReady("acme");
        var merge = await ground.Repository.Pulls[0].MergeAsync("acme", Ct);
        var merged = await ground.Gateway.GetPullRequestAsync(App, opened.Number, Ct);

        Assert.Equal((true, merge, false), (merged!.IsMerged, merged.MergeCommit, merged.IsOpen));
        Assert.False((await ground.Gateway.GetIssueAsync(App, issue.Number, Ct))!.IsOpen);
        await ground.GitHub.VerifyAsync(Ct);
    }

    [Fact]
    public async Task ListIssues_ChangedSince_ReadsPagesUpToItsCap()
    {
        await using var ground = await Ground.StartAsync();
        for (var i = 0; i < 230; i++)
        {
            ground.Repository.Issue($"Issue {i}");
        }

        ground.Time.Advance(TimeSpan.FromHours(1));
        ground.Repository.Issues[42].Edit("ana", body: "changed");

        var all = await ground.Gateway.ListIssuesAsync(App, null, Ct);
        var capped = await ground.Gateway.ListIssuesAsync(App, null, Ct, maximumPages: 2);
        var changed = await ground.Gateway.ListIssuesAsync(App, ground.Time.GetUtcNow().AddMinutes(-1), Ct);

        Assert.Equal((230, true), (all.Items.DistinctBy(i => i.Number).Count(), all.IsComplete));
        Assert.Equal((200, false), (capped.Items.Count, capped.IsComplete));
        Assert.Equal([43], changed.Items.Select(i => i.Number));
    }

    [Fact]
    public async Task Everything_OnEnterpriseServer_FindsItsAddresses()
    {
        await using var ground = await Ground.StartAsync();
        ground.Configuration.Swap(ground.Configuration.Value with { GitHub = ground.Configuration.Value.GitHub with { BaseUrl = ground.GitHub.EnterpriseAddress } });
        for (var i = 0; i < 101; i++)
        {
            ground.Repository.Issue($"Issue {i}");
        }

        Assert.NotNull((await ground.Gateway.GetStatesAsync([App], Ct))[0].State);
        Assert.Equal(101, (await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items.Count);
    }
}
