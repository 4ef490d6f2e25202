using ClaudeManager.Tests.Shared.GitHub;

namespace ClaudeManager.GitHub.Tests;

/// <summary>What people do on the web page, as the API shows it.</summary>
public sealed class PeopleTests
{
    [Fact]
    public async Task Events_OfAnIssue_NameTheirActors()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("Old").Label("ana", "approved-for-dev").Unlabel("ben", "approved-for-dev").Edit("cleo", "New").Close("ana", "not_planned").Reopen("ben");

        var events = (await ground.GetAsync("repos/acme/app/issues/1/events")).Json.EnumerateArray().ToArray();

        Assert.Equal(
            [("labeled", "ana"), ("unlabeled", "ben"), ("renamed", "cleo"), ("closed", "ana"), ("reopened", "ben")],
            events.Select(e => (e.GetProperty("event").GetString()!, e.GetProperty("actor").GetProperty("login").GetString()!)));
        Assert.Equal("approved-for-dev", events[0].GetProperty("label").GetProperty("name").GetString());
        Assert.Equal(("Old", "New"), (events[2].GetProperty("rename").GetProperty("from").GetString()!, events[2].GetProperty("rename").GetProperty("to").GetString()!));
    }

    [Fact]
    public async Task Edit_OfABody_ShowsInGraphQlOnly()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One", "Before").Edit("ana", body: "After");

        var edited = (await ground.QueryAsync("""{ repository(owner: "acme", name: "app") { issue(number: 1) { body lastEditedAt editor { login } } } }""")).Json.GetProperty("data").GetProperty("repository").GetProperty("issue");

        Assert.Equal(0, (await ground.GetAsync("repos/acme/app/issues/1/events")).Json.GetArrayLength());
        Assert.Equal(("After", "2026-03-02T09:00:00Z", "ana"), (edited.GetProperty("body").GetString(), edited.GetProperty("lastEditedAt").GetString(), edited.GetProperty("editor").GetProperty("login").GetString()));
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Theory]
    [InlineData("ana", "closed")]
    [InlineData("bot", "open")]
    public async Task Merge_WithAClosingKeyword_ClosesIssuesOfOtherRepositoriesTheMergerMayClose(string by, string expected)
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Collaborator("ana", GitHubRole.Admin);
        var manager = ground.GitHub.Repository("acme/manager").Collaborator("ana", GitHubRole.Write);
        manager.Issue("One");
        manager.Issue("Two");
        await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);
        await ground.App.CommitAsync("Change", [("a.txt", "b\n")], Ground.Ct, "feature");
        await ground.PostAsync("repos/acme/app/pulls", new { title = "Change", head = "feature", @base = "main", body = "Closes acme/manager#1, see acme/manager#2", draft = true });
        var pull = ground.App.Pulls[0];
        Assert.Equal("draft", (await ground.GetAsync("repos/acme/app/pulls/1")).Json.GetProperty("mergeable_state").GetString());
        pull.MarkReady("ana");

        var sha = await pull.MergeAsync(by, Ground.Ct);

        Assert.Equal(sha, ground.App.Branches["main"]);
        Assert.Equal(expected, (await ground.GetAsync("repos/acme/manager/issues/1")).Json.GetProperty("state").GetString());
        Assert.Equal("open", (await ground.GetAsync("repos/acme/manager/issues/2")).Json.GetProperty("state").GetString());
        Assert.Contains(manager.Issues[1].Events, e => e.Kind == "cross-referenced" && e.Source == pull.Issue);
        var merged = (await ground.GetAsync("repos/acme/app/pulls/1")).Json;
        Assert.True(merged.GetProperty("merged").GetBoolean());
        Assert.Equal((1, 1), (merged.GetProperty("commits").GetInt32(), merged.GetProperty("changed_files").GetInt32()));
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Merge_OfConflictingBranches_IsRefused()
    {
        await using var ground = await Ground.StartAsync();
        var first = await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);
        await ground.App.CommitAsync("Ours", [("a.txt", "b\n")], Ground.Ct, "feature", first);
        await ground.App.CommitAsync("Theirs", [("a.txt", "c\n")], Ground.Ct);
        await ground.PostAsync("repos/acme/app/pulls", new { title = "Change", head = "feature", @base = "main" });

        Assert.False((await ground.GetAsync("repos/acme/app/pulls/1")).Json.GetProperty("mergeable").GetBoolean());
        Assert.Equal(405, (await ground.SendAsync("PUT", "repos/acme/app/pulls/1/merge", new { })).Status);
        await Assert.ThrowsAsync<InvalidOperationException>(() => ground.App.Pulls[0].MergeAsync("ana", Ground.Ct));
        Assert.True(ground.App.Pulls[0].Issue.IsOpen);
    }
}
