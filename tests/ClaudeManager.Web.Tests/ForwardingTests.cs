using System.Net;
using System.Text.Json;

namespace ClaudeManager.Web.Tests;

public sealed class ForwardingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Forward_Cookies_AreDroppedBothWays()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);

        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/api/v1/echo", Ct, ("Cookie", "session=secret"), ("X-Kept", "yes"));

        Assert.Equal("echo", await answer.Content.ReadAsStringAsync(Ct));
        Assert.DoesNotContain("Cookie", dashboard.Api.LastHeaders.Keys);
        Assert.Equal("yes", dashboard.Api.LastHeaders["X-Kept"]);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Forward_Client_IsNamedAfterWhateverItClaims()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);

        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/api/v1/echo", Ct, ("X-Forwarded-For", "192.0.2.1"));

        Assert.Equal(["192.0.2.1", "127.0.0.1"], dashboard.Api.LastHeaders["X-Forwarded-For"].Split(',', StringSplitOptions.TrimEntries));
    }

    [Fact]
    public async Task Forward_EventStream_ArrivesEventByEvent()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);
        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/api/v1/events", Ct);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Ct));

        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("hello", await NextAsync(reader), StringComparison.Ordinal);
        dashboard.Api.Publish("run.changed", "run", 7);
        Assert.Contains("run.changed", await NextAsync(reader), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forward_ApiByName_IsFoundByServiceDiscovery()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Full(), Ct, discovered: true);

        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/api/v1/repositories?skip=0&take=10", Ct);
        var overview = await dashboard.Client.GetOverviewAsync(Ct);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(3, overview.Repositories);
    }

    [Fact]
    public async Task Forward_ApiIsAway_AnswersAProblem()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);
        await dashboard.Api.StopAsync();

        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/api/v1/overview", Ct);

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Ct));
        Assert.Equal("api_unreachable", problem.RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Forward_ProblemOfApi_ComesThroughUntouched()
    {
        await using var dashboard = await DashboardFixture.StartAsync(SampleData.Empty(), Ct);

        using var answer = await dashboard.SendAsync(HttpMethod.Get, "/api/v1/work-items/404", Ct);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("4bf92f3577b34da6a3ce929d0e0e4736", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    private static async Task<string> NextAsync(StreamReader reader)
    {
        while (true)
        {
            var line = await reader.ReadLineAsync(Ct) ?? throw new EndOfStreamException();
            if (line.StartsWith("data:", StringComparison.Ordinal))
            {
                return line;
            }
        }
    }
}
