using System.Globalization;
using System.Net;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.RateLimiting.Inbound;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.Api.Tests;

/// <summary>The test itself sits where a trusted proxy does: on this machine, so it says whose request it brings.</summary>
public sealed class InboundLimitTests
{
    private const string Client = "203.0.113.7";
    private const string Other = "203.0.113.8";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Client_SaysHowItStands_AndRefusesWhatIsTooMuch_WhateverIsAskedFor()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 3 });
        var paths = new[] { "/api/v1/service", "/api/v1/overview", "/api/v1/repositories", "/api/v1/runs" };
        var answers = new List<HttpResponseMessage>();
        foreach (var path in paths)
        {
            answers.Add(await GetAsync(api, path, Client));
        }

        Assert.Equal(["2", "1", "0", "0"], answers.Select(a => Header(a, "RateLimit-Remaining")));
        Assert.Equal(["2", "1", "0", "0"], answers.Select(a => Header(a, "X-RateLimit-Remaining")));
        Assert.All(answers, a => Assert.Equal(("3", "3"), (Header(a, "RateLimit-Limit"), Header(a, "X-RateLimit-Limit"))));
        Assert.All(answers, a => Assert.InRange(int.Parse(Header(a, "RateLimit-Reset"), CultureInfo.InvariantCulture), 1, 180));
        Assert.All(answers.Take(3), a => Assert.Equal(HttpStatusCode.OK, a.StatusCode));
        var problem = await Refused.ProblemAsync(answers[3], HttpStatusCode.TooManyRequests);
        Assert.Equal("rate_limited", problem.GetProperty("code").GetString());
        Assert.InRange(answers[3].Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        answers.ForEach(a => a.Dispose());

        using var other = await GetAsync(api, "/api/v1/service", Other);
        Assert.Equal("2", Header(other, "RateLimit-Remaining"));
    }

    [Fact]
    public async Task Client_HeavyRequests_HaveAQuarterOfIt()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 8 });
        HttpStatusCode[] codes = [await ScanAsync(api), await ScanAsync(api), await ScanAsync(api)];
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], codes);
        using var light = await GetAsync(api, "/api/v1/service", Client);
        Assert.Equal((HttpStatusCode.OK, "5"), (light.StatusCode, Header(light, "RateLimit-Remaining")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("198.51.100.20")]
    [InlineData("::ffff:198.51.100.20")]
    [InlineData("2001:db8::5")]
    public async Task Free_ThisMachineAndTheAllowList_HaveNoLimits(string? address)
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 1 }, s => s with { AllowList = [IPNetwork.Parse("198.51.100.0/24"), IPNetwork.Parse("2001:db8::/32")] });
        for (var i = 0; i < 10; i++)
        {
            using var answer = await GetAsync(api, "/.env", address);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.False(answer.Headers.Contains("RateLimit-Limit"));
        }
    }

    [Fact]
    public async Task Off_NobodyHasLimits()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 1, Enabled = false });
        using var first = await GetAsync(api, "/api/v1/service", Client);
        using var second = await GetAsync(api, "/api/v1/service", Client);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
    }

    [Fact]
    public async Task Address_WhatAClientClaimsItself_IsNotBelieved()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 2 }, s => s with { TrustedProxies = [IPNetwork.Parse("10.0.0.0/8")] });
        // Left of the last address that is no proxy's stands whatever the client wrote.
        HttpStatusCode[] codes = [await CodeAsync(api, $"192.0.2.1, {Client}, 10.1.2.3"), await CodeAsync(api, $"127.0.0.1, {Client}"), await CodeAsync(api, $"192.0.2.3, {Client}, 10.9.9.9, 10.1.2.3")];
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], codes);
        Assert.Equal(HttpStatusCode.OK, await CodeAsync(api, $"{Client}, {Other}"));
    }

    [Fact]
    public async Task Address_OneCustomersNetwork_IsOneClient()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 2 });
        HttpStatusCode[] codes = [await CodeAsync(api, "2001:db8:0:1::1"), await CodeAsync(api, "2001:db8:0:1:dead:beef:0:1"), await CodeAsync(api, "2001:db8:0:1::2"), await CodeAsync(api, "2001:db8:0:2::1")];
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests, HttpStatusCode.OK], codes);
    }

    [Theory]
    [InlineData("/.git/config", "Mozilla/5.0", "path_scan")]
    [InlineData("/api/v1/service", "sqlmap/1.8", "attack_tool")]
    public async Task Suspicious_ThreeTimes_IsShutOut_UntilSomebodyLiftsIt(string path, string agent, string reason)
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 100 });
        for (var i = 0; i < 2; i++)
        {
            using var tolerated = await GetAsync(api, path, Client, agent);
            Assert.NotEqual(HttpStatusCode.TooManyRequests, tolerated.StatusCode);
        }

        using (var third = await GetAsync(api, path, Client, agent))
        {
            Assert.Equal("client_blocked", (await Refused.ProblemAsync(third, HttpStatusCode.TooManyRequests)).GetProperty("code").GetString());
            Assert.InRange(third.Headers.RetryAfter!.Delta!.Value.TotalMinutes, 29, 30);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, await CodeAsync(api, Client));
        Assert.Equal(HttpStatusCode.OK, await CodeAsync(api, Other));
        var block = Assert.Single(await api.Client.ListClientBlocksAsync(Ct));
        Assert.Equal((Client, reason, 1), (block.Client, block.Reason, block.Times));

        Assert.Equal(block.Client, (await api.Client.LiftClientBlockAsync(block.Id, Ct)).Client);
        Assert.Equal(HttpStatusCode.OK, await CodeAsync(api, Client));
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.LiftClientBlockAsync(block.Id, Ct));
    }

    [Fact]
    public async Task Refused_ManyTimesBeforeItMayAskAgain_IsOneViolation()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 1 });
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => GetAsync(api, "/api/v1/service", Client)));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        Assert.Empty(await api.Client.ListClientBlocksAsync(Ct));
        foreach (var answer in answers)
        {
            answer.Dispose();
        }
    }

    [Fact]
    public async Task Misses_TimeAndAgain_AreViolations()
    {
        await using var api = await StartAsync(l => l with { BurstCapacity = 100, Window = TimeSpan.FromHours(1) });
        // Twenty say nothing, three more are violations.
        for (var i = 0; i < 23; i++)
        {
            using var answer = await GetAsync(api, $"/api/v1/runs/{i + 1000}", Client);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        // A miss is known only once it was answered, so the block comes after the answer.
        var blocks = await Eventually.SeeAsync(ct => api.Client.ListClientBlocksAsync(ct), b => b.Count > 0, "the block", Ct);
        Assert.Equal("misses", Assert.Single(blocks).Reason);
        Assert.Equal(HttpStatusCode.TooManyRequests, await CodeAsync(api, Client));
    }

    [Fact]
    public async Task OwnPaths_AreNeverSuspicious()
    {
        await using var api = await StartAsync(l => l);
        Assert.All(api.Endpoints, e => Assert.Null(SuspiciousRequest.ReasonOf(e.RoutePattern.RawText, "claude-manager")));
    }

    /// <summary>One request a minute grows back, so that nothing does while a test runs.</summary>
    private static Task<TestApi> StartAsync(Func<RateLimitingConfiguration, RateLimitingConfiguration> limits, Func<ServerConfiguration, ServerConfiguration>? server = null)
        => TestApi.StartAsync(c => c with
        {
            Security = new SecurityConfiguration { RateLimiting = limits(new RateLimitingConfiguration { MaxRequestsPerMinute = 1 }) },
            Server = server?.Invoke(c.Server) ?? c.Server,
        });

    private static Task<HttpResponseMessage> GetAsync(TestApi api, string path, string? client, string agent = "test")
        => api.SendAsync(HttpMethod.Get, path, null, client is null ? [("User-Agent", agent)] : [("User-Agent", agent), ("X-Forwarded-For", client)]);

    private static async Task<HttpStatusCode> CodeAsync(TestApi api, string client)
    {
        using var answer = await GetAsync(api, "/api/v1/service", client);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> ScanAsync(TestApi api)
    {
        using var answer = await api.SendAsync(HttpMethod.Post, "/api/v1/repositories/scan", null, ("X-Forwarded-For", Client));
        return answer.StatusCode;
    }

    private static string Header(HttpResponseMessage answer, string name) => Assert.Single(answer.Headers.GetValues(name));
}
