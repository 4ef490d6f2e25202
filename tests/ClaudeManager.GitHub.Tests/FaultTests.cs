using System.Text.RegularExpressions;
using ClaudeManager.Tests.Shared.GitHub;

namespace ClaudeManager.GitHub.Tests;

public sealed partial class FaultTests
{
    private const string Issues = "repos/acme/app/issues";

    [Fact]
    public async Task Answer_ForTwoRequests_TheThirdIsServed()
    {
        await using var ground = await Ground.StartAsync();
        var plan = ground.GitHub.Fail("POST", "/repos/*/issues", GitHubFault.Html(), times: 2);

        Assert.Equal(200, (await ground.GetAsync(Issues)).Status);
        var failed = await ground.PostAsync(Issues, new { title = "One" });
        Assert.Equal(502, (await ground.PostAsync(Issues, new { title = "One" })).Status);
        Assert.Equal(201, (await ground.PostAsync(Issues, new { title = "One" })).Status);

        Assert.Equal((502, "text/html"), (failed.Status, failed.ContentHeaders.ContentType?.MediaType));
        Assert.True(plan.Reached.IsCompletedSuccessfully);
        Assert.Single(ground.App.Issues);
    }

    [Fact]
    public async Task ResetBefore_NothingHappened_ResetAfter_Everything()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", $"/{Issues}", new GitHubFault.ResetBefore());
        await Assert.ThrowsAsync<HttpRequestException>(() => ground.PostAsync(Issues, new { title = "Lost before" }));
        Assert.Empty(ground.App.Issues);

        ground.GitHub.Fail("POST", $"/{Issues}", new GitHubFault.ResetAfter());
        await Assert.ThrowsAsync<HttpRequestException>(() => ground.PostAsync(Issues, new { title = "Lost after" }));

        Assert.Equal("Lost after", Assert.Single(ground.App.Issues).Title);
        var entries = ground.GitHub.Ledger.Requests;
        Assert.Equal([(0, false, "ResetBefore"), (0, true, "ResetAfter")], entries.Select(e => (e.Status, e.Changed, e.Fault!)));
    }

    [Fact]
    public async Task Cut_HalfABody_IsNoAnswer()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", $"/{Issues}", new GitHubFault.Cut());

        await Assert.ThrowsAsync<HttpRequestException>(() => ground.GetAsync(Issues));
    }

    [Fact]
    public async Task Held_AfterTheEffect_TheEffectIsThereBeforeTheAnswer()
    {
        await using var ground = await Ground.StartAsync();
        var go = new TaskCompletionSource();
        var plan = ground.GitHub.Fail("POST", $"/{Issues}", new GitHubFault.Held(go.Task, AfterEffect: true));

        var asking = ground.PostAsync(Issues, new { title = "One" });
        await plan.Reached.WaitAsync(Ground.Ct);

        Assert.Single(ground.App.Issues);
        Assert.False(asking.IsCompleted);
        go.SetResult();
        Assert.Equal(201, (await asking).Status);
    }

    [Fact]
    public async Task BlackHole_NeverAnswers_UntilTheClientGivesUp()
    {
        await using var ground = await Ground.StartAsync();
        var plan = ground.GitHub.Fail("GET", "*", new GitHubFault.BlackHole());

        var asking = ground.GetAsync(Issues);
        await plan.Reached.WaitAsync(Ground.Ct);

        Assert.False(asking.IsCompleted);
        await ground.GitHub.DisposeAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => asking);
    }

    [Fact]
    public async Task Garbage_KeepsTheStatus()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", $"/{Issues}", new GitHubFault.Garbage("{\"half\":"));

        var reply = await ground.GetAsync(Issues);

        Assert.Equal((200, "{\"half\":"), (reply.Status, reply.Text));
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Duplicates_OfAMarker_AreFoundOverAllKinds()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One", "<!-- id: a -->").Comment("bot", "<!-- id: a -->");
        Assert.Empty(ground.GitHub.DuplicatesOf(Marker()));

        ground.App.Issue("Two", "<!-- id: a -->");

        Assert.Equal("2 × issue in acme/app: a", Assert.Single(ground.GitHub.DuplicatesOf(Marker())));
    }

    [GeneratedRegex("<!-- id: (.+?) -->")]
    private static partial Regex Marker();
}
