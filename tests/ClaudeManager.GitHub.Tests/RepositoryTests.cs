using System.Text.Json;
using ClaudeManager.Tests.Shared.GitHub;

namespace ClaudeManager.GitHub.Tests;

public sealed class RepositoryTests
{
    [Fact]
    public async Task Renamed_TheOldName_RedirectsByNumber()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One");
        var id = ground.App.Rename("acme/new").Id;

        var moved = await ground.GetAsync("repos/acme/app/issues?state=all");
        var write = await ground.PostAsync("repos/acme/app/issues", new { title = "Two" });

        Assert.Equal((301, $"{ground.GitHub.BaseAddress}repositories/{id}/issues?state=all"), (moved.Status, moved.Header("Location")));
        Assert.Equal(307, write.Status);
        Assert.Equal("One", (await ground.GetAsync(moved.Header("Location"))).Json[0].GetProperty("title").GetString());
        Assert.Equal("acme/new", (await ground.GetAsync("repos/acme/new")).Json.GetProperty("full_name").GetString());
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Theory]
    [InlineData("archived", "GET", 200)]
    [InlineData("archived", "POST", 403)]
    [InlineData("disabled", "GET", 403)]
    [InlineData("private", "GET", 404)]
    [InlineData("vanished", "GET", 404)]
    [InlineData("no issues", "GET", 404)]
    [InlineData("no issues", "POST", 410)]
    public async Task Issues_OfAnOddRepository_AnswersAsGitHub(string state, string method, int expected)
    {
        await using var ground = await Ground.StartAsync();
        var app = ground.App;
        switch (state)
        {
            case "archived":
                app.IsArchived = true;
                break;
            case "disabled":
                app.IsDisabled = true;
                break;
            case "private":
                app.IsPrivate = true;
                break;
            case "vanished":
                app.Vanish();
                break;
            default:
                app.HasIssues = false;
                break;
        }

        var reply = await ground.SendAsync(method, "repos/acme/app/issues", method == "POST" ? new { title = "One" } : null, ground.GitHub.Token(state == "private" ? "stranger" : "bot"));

        Assert.Equal(expected, reply.Status);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Empty_HasNoReferences()
    {
        await using var ground = await Ground.StartAsync();

        Assert.Equal(409, (await ground.GetAsync("repos/acme/app/git/ref/heads/main")).Status);
        var batch = await ground.QueryAsync("""{ repository(owner: "acme", name: "app") { isEmpty defaultBranchRef { name } } }""");

        Assert.Equal(JsonValueKind.Null, batch.Json.GetProperty("data").GetProperty("repository").GetProperty("defaultBranchRef").ValueKind);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Issue_DeletedOrOfADeletedUser_IsGoneOrWithoutAuthor()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One", null, "ana").Label("ana", "bug");
        ground.App.Issue("Two").Delete();
        ground.GitHub.DeleteUser("ana");

        Assert.Equal(410, (await ground.GetAsync("repos/acme/app/issues/2")).Status);
        Assert.Equal(JsonValueKind.Null, (await ground.GetAsync("repos/acme/app/issues/1")).Json.GetProperty("user").ValueKind);
        Assert.Equal(JsonValueKind.Null, (await ground.GetAsync("repos/acme/app/issues/1/events")).Json[0].GetProperty("actor").ValueKind);
        Assert.Equal(404, (await ground.GetAsync("repos/acme/app/collaborators/ana/permission")).Status);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task List_ManyPages_AreLinked()
    {
        await using var ground = await Ground.StartAsync();
        for (var i = 1; i <= 250; i++)
        {
            ground.App.Issue($"Issue {i} é 🎉", null, "ana", i % 2 == 0 ? ["bug"] : []);
        }

        var titles = new List<string?>();
        var next = "repos/acme/app/issues?labels=bug&per_page=50&sort=created&direction=asc";
        while (next is not null)
        {
            var page = await ground.GetAsync(next);
            titles.AddRange(page.Json.EnumerateArray().Select(i => i.GetProperty("title").GetString()));
            next = page.Header("Link").Split(", ").FirstOrDefault(l => l.EndsWith("rel=\"next\"", StringComparison.Ordinal)) is { } link ? link[1..link.IndexOf('>', StringComparison.Ordinal)] : null;
        }

        Assert.Equal(Enumerable.Range(1, 125).Select(i => $"Issue {i * 2} é 🎉"), titles);
        Assert.Equal(3, ground.GitHub.Ledger.Charged("core"));
    }

    [Theory]
    [InlineData("ana", GitHubRole.Admin, "admin", "admin")]
    [InlineData("ana", GitHubRole.Maintain, "write", "maintain")]
    [InlineData("ana", GitHubRole.Triage, "read", "triage")]
    [InlineData("stranger", GitHubRole.None, "read", "read")]
    public async Task Permission_OfAUser_InBothWords(string login, GitHubRole role, string permission, string roleName)
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Collaborator(login, role);

        var reply = await ground.GetAsync($"repos/acme/app/collaborators/{login}/permission");

        Assert.Equal((permission, roleName), (reply.Json.GetProperty("permission").GetString(), reply.Json.GetProperty("role_name").GetString()));
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Writing_WithoutTheRight_IsRefused()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One").Label("bot", "todo");
        ground.App.Collaborator("tri", GitHubRole.Triage);
        var (stranger, triage) = (ground.GitHub.Token("stranger"), ground.GitHub.Token("tri"));

        Assert.Equal(403, (await ground.PostAsync("repos/acme/app/issues/1/labels", new { labels = new[] { "x" } }, stranger)).Status);
        Assert.Equal(200, (await ground.PostAsync("repos/acme/app/issues/1/labels", new { labels = new[] { "x" } }, triage)).Status);
        Assert.Equal(403, (await ground.SendAsync("PATCH", "repos/acme/app/issues/1", new { title = "Mine" }, triage)).Status);
        Assert.Equal(401, (await ground.PostAsync("repos/acme/app/issues", new { title = "x" }, "")).Status);
        Assert.Equal(401, (await ground.GetAsync("repos/acme/app", "ghp_wrong")).Status);
        var made = await ground.PostAsync("repos/acme/app/issues", new { title = "x", labels = new[] { "todo" } }, stranger);
        Assert.Equal((201, 0), (made.Status, made.Json.GetProperty("labels").GetArrayLength()));
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Enterprise_TheSameUnderItsPrefix()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One");

        var issue = await ground.GetAsync("api/v3/repos/acme/app/issues/1");

        Assert.Equal($"{ground.GitHub.EnterpriseAddress}repos/acme/app/issues/1", issue.Json.GetProperty("url").GetString());
        Assert.NotEqual("", issue.Header("x-github-enterprise-version"));
        Assert.Equal(200, (await ground.SendAsync("POST", "api/graphql", new { query = "{ viewer { login } }" })).Status);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }
}
