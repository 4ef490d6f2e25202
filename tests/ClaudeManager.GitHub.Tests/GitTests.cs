using ClaudeManager.Core.Git;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.GitHub.Tests;

/// <summary>The real git client against the stand-in's git.</summary>
public sealed class GitTests
{
    [Fact]
    public async Task CloneAndPush_WithAToken_ReachTheRepositoryAndItsPullRequests()
    {
        await using var ground = await Ground.StartAsync();
        using var folder = new TemporaryDirectory();
        ground.App.IsPrivate = true;
        await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);
        await CloneAsync(ground, folder);
        ground.Time.Advance(TimeSpan.FromMinutes(5));

        var pushed = await PushAsync(folder, "refs/heads/feature");

        Assert.Equal(0, pushed.ExitCode);
        Assert.Equal(ground.Time.GetUtcNow(), ground.App.PushedAt);
        Assert.Equal(201, (await ground.PostAsync("repos/acme/app/pulls", new { title = "Change", head = "feature", @base = "main" })).Status);
        await PushAsync(folder, "refs/heads/feature");
        var pull = (await ground.GetAsync("repos/acme/app/pulls/1")).Json;
        Assert.Equal((2, ground.App.Branches["feature"]), (pull.GetProperty("commits").GetInt32(), pull.GetProperty("head").GetProperty("sha").GetString()));
        Assert.Contains("refs/pull/1/head", (await GitCommand.RunAsync(folder.Combine("clone"), ["ls-remote", "origin"], Ground.Ct)).Text, StringComparison.Ordinal);
        Assert.Equal(2, ground.GitHub.Ledger.ApiRequests.Count);
        Assert.Equal("bot/1", ground.GitHub.Ledger.Requests.Last(r => r.Route == "POST git/git-receive-pack").Credential);
    }

    [Theory]
    [InlineData("wrong token")]
    [InlineData("stranger")]
    [InlineData("reader")]
    [InlineData("archived")]
    [InlineData("protected")]
    public async Task Push_NotAllowed_IsRefused(string why)
    {
        await using var ground = await Ground.StartAsync();
        using var folder = new TemporaryDirectory();
        var before = await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);
        ground.App.Collaborator("reader", GitHubRole.Read);
        await CloneAsync(ground, folder);
        var token = why switch { "wrong token" => "ghp_wrong", "stranger" or "reader" => ground.GitHub.Token(why), _ => ground.Token };
        ground.App.IsArchived = why == "archived";
        if (why == "protected")
        {
            ground.App.Protect("main");
        }

        var pushed = await PushAsync(folder, "refs/heads/main", Url(ground, "acme/app", token));

        Assert.NotEqual(0, pushed.ExitCode);
        Assert.Equal(before, ground.App.Branches["main"]);
        if (why == "protected")
        {
            Assert.Contains("GH006", pushed.Error, StringComparison.Ordinal);
            Assert.Equal(0, (await PushAsync(folder, "refs/heads/other")).ExitCode);
        }
    }

    [Fact]
    public async Task Fetch_OfARenamedRepository_FollowsTheRedirect()
    {
        await using var ground = await Ground.StartAsync();
        using var folder = new TemporaryDirectory();
        await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);
        ground.App.Rename("acme/new");

        await CloneAsync(ground, folder, "acme/app");

        Assert.True(File.Exists(folder.Combine("clone", "a.txt")));
    }

    [Fact]
    public async Task Fetch_Partial_LeavesBlobsOut()
    {
        await using var ground = await Ground.StartAsync();
        using var folder = new TemporaryDirectory();
        await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);

        await GitCommand.RunAsync(folder.Path, ["clone", "--quiet", "--bare", "--filter=blob:none", Url(ground, "acme/app", ground.Token), "clone"], Ground.Ct);

        Assert.Contains("?", (await GitCommand.RunAsync(folder.Combine("clone"), ["rev-list", "--objects", "--missing=print", "HEAD"], Ground.Ct)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Push_WhoseAnswerIsLost_HasHappened()
    {
        await using var ground = await Ground.StartAsync();
        using var folder = new TemporaryDirectory();
        await ground.App.CommitAsync("First", [("a.txt", "a\n")], Ground.Ct);
        await CloneAsync(ground, folder);
        ground.GitHub.Fail("POST", "*/git-receive-pack", new GitHubFault.ResetAfter());

        var pushed = await PushAsync(folder, "refs/heads/feature");

        Assert.NotEqual(0, pushed.ExitCode);
        Assert.True(ground.App.Branches.ContainsKey("feature"));
    }

    private static string Url(Ground ground, string name, string token) => ground.GitHub.CloneUrl(name).Replace("http://", $"http://x-access-token:{token}@", StringComparison.Ordinal);

    private static Task<GitResult> CloneAsync(Ground ground, TemporaryDirectory folder, string name = "acme/app")
        => GitCommand.RunAsync(folder.Path, ["clone", "--quiet", Url(ground, name, ground.Token), "clone"], Ground.Ct);

    private static async Task<GitResult> PushAsync(TemporaryDirectory folder, string to, string remote = "origin")
    {
        var clone = folder.Combine("clone");
        await GitCommand.RunAsync(clone, ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--allow-empty", "--message", "More"], Ground.Ct);
        return await GitCommand.TryAsync(clone, ["push", "--quiet", remote, $"HEAD:{to}"], Ground.Ct);
    }
}
