using System.Net;
using ClaudeManager.ServiceDefaults;

namespace ClaudeManager.Web.Tests;

/// <summary>Without sign-in, what a browser may be made to send to loopback is the whole defence.</summary>
public sealed class OriginTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/api/v1/echo", null, null, HttpStatusCode.OK)]
    [InlineData("/api/v1/echo", "same-origin", "self", HttpStatusCode.OK)]
    [InlineData("/api/v1/echo", null, "self", HttpStatusCode.OK)]
    [InlineData("/api/v1/echo", "cross-site", "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("/api/v1/echo", "same-site", null, HttpStatusCode.Forbidden)]
    [InlineData("/api/v1/echo", "none", null, HttpStatusCode.Forbidden)]
    [InlineData("/api/v1/echo", null, "null", HttpStatusCode.Forbidden)]
    [InlineData("/api/v1/echo", null, "http://localhost:1", HttpStatusCode.Forbidden)]
    [InlineData("/api/v1/echo", "same-origin", "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("/_blazor/negotiate?negotiateVersion=1", "same-origin", "self", HttpStatusCode.OK)]
    [InlineData("/_blazor/negotiate?negotiateVersion=1", "cross-site", "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("/_blazor/negotiate?negotiateVersion=1", null, null, HttpStatusCode.Forbidden)]
    public async Task Post_ByOrigin_IsTakenFromOwnPagesOnly(string path, string? site, string? origin, HttpStatusCode expected)
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);
        List<(string, string)> headers = [];
        if (site is not null)
        {
            headers.Add(("Sec-Fetch-Site", site));
        }

        if (origin is not null)
        {
            headers.Add(("Origin", origin == "self" ? dashboard.Address.GetLeftPart(UriPartial.Authority) : origin));
        }

        using var answer = await dashboard.SendAsync(HttpMethod.Post, path, Ct, [.. headers]);

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Connect_WebSocketFromAnotherOrigin_IsRefused()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);
        (string, string)[] upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")];

        using var foreign = await dashboard.SendAsync(HttpMethod.Get, "/_blazor", Ct, [.. upgrade, ("Origin", "https://evil.example")]);
        using var own = await dashboard.SendAsync(HttpMethod.Get, "/_blazor", Ct, [.. upgrade, ("Origin", dashboard.Address.GetLeftPart(UriPartial.Authority))]);

        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        Assert.Equal(HttpStatusCode.SwitchingProtocols, own.StatusCode);
    }

    [Theory]
    [InlineData("evil.example", HttpStatusCode.BadRequest)]
    [InlineData("localhost.evil.example", HttpStatusCode.BadRequest)]
    [InlineData("localhost", HttpStatusCode.OK)]
    public async Task Get_ByHostName_IsAnsweredOnLoopbackNamesOnly(string host, HttpStatusCode expected)
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);

        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/", Ct, ("Host", $"{host}:{dashboard.Address.Port}"));

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Get_APage_CarriesTheHeadersAndANonceOfItsOwn()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);

        using var first = await dashboard.SendAsync(HttpMethod.Get, "/", Ct);
        using var second = await dashboard.SendAsync(HttpMethod.Get, "/", Ct);

        var policy = Assert.Single(first.Headers.GetValues("Content-Security-Policy"));
        var nonce = policy.Split("'nonce-")[1].Split('\'')[0];
        var scripts = (await first.Content.ReadAsStringAsync(Ct)).Split("<script").Skip(1).ToList();
        Assert.NotEmpty(scripts);
        Assert.All(scripts, script => Assert.StartsWith($" nonce=\"{nonce}\" src=\"", WebUtility.HtmlDecode(script), StringComparison.Ordinal));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-eval", policy, StringComparison.Ordinal);
        Assert.DoesNotContain(nonce, Assert.Single(second.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(first.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("DENY", Assert.Single(first.Headers.GetValues("X-Frame-Options")));
        Assert.True(first.Headers.CacheControl?.NoStore);
        Assert.Empty(first.Headers.Server);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080", true)]
    [InlineData("http://localhost:8080", true)]
    [InlineData("http://[::1]:8080", true)]
    [InlineData("http://0.0.0.0:8080", false)]
    [InlineData("http://[::]:8080", false)]
    [InlineData("http://192.168.1.4:8080", false)]
    [InlineData("http://localhost.example:8080", false)]
    [InlineData("http://*:8080", false)]
    public void IsLoopback_Address_SaysWhetherOthersCanReachIt(string address, bool expected)
        => Assert.Equal(expected, LoopbackOnly.IsLoopback(address));

    [Fact]
    public async Task Start_OnEveryInterface_IsRefused()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://0.0.0.0:0");
        builder.Services.AddLoopbackOnly();
        await using var app = builder.Build();

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => app.StartAsync(Ct));

        Assert.Contains("only loopback is allowed", refusal.Message, StringComparison.Ordinal);
    }
}
