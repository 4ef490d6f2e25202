using System.Globalization;
using ClaudeManager.Tests.Shared.GitHub;

namespace ClaudeManager.GitHub.Tests;

public sealed class LimitTests
{
    private const string Issues = "repos/acme/app/issues";

    [Fact]
    public async Task Primary_UsedUp_403UntilTheReset()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new GitHubLimits { Core = 2 };
        var first = await ground.GetAsync(Issues);
        var second = await ground.GetAsync(Issues, ground.GitHub.Token("bot"));

        var refused = await ground.GetAsync(Issues);

        Assert.Equal(("2", "1", "1", "core"), (first.Header("x-ratelimit-limit"), first.Header("x-ratelimit-remaining"), first.Header("x-ratelimit-used"), first.Header("x-ratelimit-resource")));
        Assert.Equal("0", second.Header("x-ratelimit-remaining"));
        Assert.Equal(403, refused.Status);
        Assert.StartsWith("API rate limit exceeded", refused.Json.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("", refused.Header("Retry-After"));
        var reset = DateTimeOffset.FromUnixTimeSeconds(long.Parse(refused.Header("x-ratelimit-reset"), CultureInfo.InvariantCulture));
        Assert.Equal(ground.Time.GetUtcNow() + TimeSpan.FromHours(1), reset);
        Assert.Equal(200, (await ground.GetAsync(Issues, ground.GitHub.Token("ana"))).Status);
        ground.Time.SetUtcNow(reset);
        Assert.Equal(200, (await ground.GetAsync(Issues)).Status);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Primary_AskedForByRateLimit_CostsNothing()
    {
        await using var ground = await Ground.StartAsync();
        await ground.GetAsync(Issues);

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(4_999, (await ground.GetAsync("rate_limit")).Json.GetProperty("resources").GetProperty("core").GetProperty("remaining").GetInt32());
        }

        Assert.Equal(1, ground.GitHub.Ledger.Charged("core"));
    }

    [Fact]
    public async Task Points_900AMinute_AWriteCountsFive()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new GitHubLimits { RestPointsPerMinute = 11 };
        var issue = ground.App.Issue("One").Label("bot", "a");

        Assert.Equal(200, (await ground.PostAsync($"{Issues}/1/labels", new { labels = new[] { "b" } })).Status);
        ground.Time.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(200, (await ground.PostAsync($"{Issues}/1/labels", new { labels = new[] { "c" } })).Status);
        Assert.Equal(200, (await ground.GetAsync(Issues)).Status);

        var refused = await ground.GetAsync(Issues);

        Assert.Equal(403, refused.Status);
        Assert.Equal("40", refused.Header("Retry-After"));
        Assert.Contains("secondary rate limit", refused.Text, StringComparison.Ordinal);
        ground.Time.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal(200, (await ground.GetAsync(Issues)).Status);
        Assert.Equal(3, issue.Labels.Count);
    }

    [Theory]
    [InlineData(80, 500, 80, 60)]
    [InlineData(80, 5, 5, 3_600)]
    public async Task Content_MoreThanAllowed_IsRefusedWithoutEffect(int perMinute, int perHour, int fit, int retryAfter)
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new GitHubLimits { ContentPerMinute = perMinute, ContentPerHour = perHour };
        for (var i = 0; i < fit; i++)
        {
            Assert.Equal(201, (await ground.PostAsync(Issues, new { title = "One" })).Status);
        }

        var refused = await ground.PostAsync(Issues, new { title = "Too many" });

        Assert.Equal(403, refused.Status);
        Assert.Equal(retryAfter.ToString(CultureInfo.InvariantCulture), refused.Header("Retry-After"));
        Assert.Equal(fit, ground.App.Issues.Count);
        Assert.Equal(fit + 1, ground.GitHub.Ledger.PeakContent(TimeSpan.FromMinutes(1)));
        ground.Time.Advance(TimeSpan.FromSeconds(1));
        await ground.GetAsync(Issues);
        Assert.Equal($"/{Issues}", Assert.Single(ground.GitHub.Ledger.Impatient).Path);
        ground.Time.Advance(TimeSpan.FromSeconds(retryAfter));
        Assert.Equal(201, (await ground.PostAsync(Issues, new { title = "Now" })).Status);
    }

    [Fact]
    public async Task Concurrent_OneTooMany_IsRefusedWhileTheOthersRun()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new GitHubLimits { Concurrent = 2 };
        var go = new TaskCompletionSource();
        var plan = ground.GitHub.Fail("GET", "/repos/acme/app", new GitHubFault.Held(go.Task, AfterEffect: true), times: 2);
        var slow = new[] { ground.GetAsync("repos/acme/app"), ground.GetAsync("repos/acme/app") };
        await plan.ReachedAll.WaitAsync(Ground.Ct);

        var refused = await ground.GetAsync(Issues);

        Assert.Equal(403, refused.Status);
        Assert.Equal("concurrent", Assert.Single(ground.GitHub.Ledger.Limited).Limit);
        go.SetResult();
        await Task.WhenAll(slow);
        Assert.Equal(200, (await ground.GetAsync(Issues)).Status);
    }

    [Fact]
    public async Task Search_30AMinute_HasItsOwnBudget()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new GitHubLimits { Search = 1 };

        Assert.Equal("search", (await ground.GetAsync("search/issues?q=x")).Header("x-ratelimit-resource"));
        Assert.Equal(403, (await ground.GetAsync("search/issues?q=x")).Status);
        Assert.Equal(200, (await ground.GetAsync(Issues)).Status);
        ground.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(200, (await ground.GetAsync("search/issues?q=x")).Status);
    }

    [Fact]
    public async Task Conditional_SameToken_304CostsNothingAndAnotherTokenPaysAgain()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One");
        var first = await ground.GetAsync(Issues);
        var etag = ("If-None-Match", first.Header("ETag"));

        var same = await ground.GetAsync(Issues, headers: etag);
        var rotated = await ground.GetAsync(Issues, ground.GitHub.Token("bot"), etag);
        ground.App.Issue("Two");
        var changed = await ground.GetAsync(Issues, headers: etag);

        Assert.Equal((304, ""), (same.Status, same.Text));
        Assert.Equal("4999", same.Header("x-ratelimit-remaining"));
        Assert.Equal((200, "4998"), (rotated.Status, rotated.Header("x-ratelimit-remaining")));
        Assert.NotEqual(first.Header("ETag"), rotated.Header("ETag"));
        Assert.Equal(200, changed.Status);
        Assert.Equal([1, 0, 1, 1], ground.GitHub.Ledger.Requests.Select(r => r.Charged));
        Assert.Equal([false, true, true, true], ground.GitHub.Ledger.Requests.Select(r => r.IsConditional));
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Conditional_LastModified_SurvivesARotation()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One");
        var first = await ground.GetAsync($"{Issues}/1");
        var since = ("If-Modified-Since", first.ContentHeaders.LastModified!.Value.ToString("R", CultureInfo.InvariantCulture));

        Assert.Equal(304, (await ground.GetAsync($"{Issues}/1", ground.GitHub.Token("bot"), since)).Status);
        ground.Time.Advance(TimeSpan.FromSeconds(1));
        ground.App.Issues[0].Comment("ana", "New");
        Assert.Equal(200, (await ground.GetAsync($"{Issues}/1", headers: since)).Status);
        Assert.Null((await ground.GetAsync(Issues)).ContentHeaders.LastModified);
    }
}
