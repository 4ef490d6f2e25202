using System.Globalization;
using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Faults;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.Chaos.Tests;

/// <summary>Redis' packets are dropped while its connections stay: what is worse than a Redis that is gone.</summary>
public sealed class RedisOutageTests
{
    private const int Burst = 10;

    /// <summary>The limit times the nodes, and what comes back meanwhile: on a slow machine an answer of Redis may be late at any time.</summary>
    private static readonly int s_most = (2 * Burst) + 2;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Redis_BlackHoled_EachApiKeepsToItsShareSaysSoAndComesBackByItself()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var fleet = await ManagerFleet.StartAsync(
            workers: 0, ["acme/app"], Ct, c => c["security"] = new { rate_limiting = new { max_requests_per_minute = 6, burst_capacity = Burst } }, apis: 2);
        using var person = new Person(fleet);
        await LimitsAsync(person, "shared");
        await EachKnowsTheOtherAsync(fleet, person);
        Assert.InRange(await AdmittedAsync(fleet, person, "203.0.113.1"), 1, s_most);

        fleet.RedisWay.Toxics = new Toxics { BlackHole = true };
        foreach (var client in Enumerable.Range(10, 5))
        {
            Assert.InRange(await AdmittedAsync(fleet, person, FormattableString.Invariant($"203.0.113.{client}")), 1, s_most);
        }

        await LimitsAsync(person, "local_share");
        // Half of it each: one that asks a single Api has no more.
        Assert.InRange(await AdmittedAsync(fleet, person, "203.0.113.30", fleet.Api), 1, (Burst / 2) + 1);

        fleet.RedisWay.Toxics = Toxics.None;
        await LimitsAsync(person, "shared");
        Assert.InRange(await AdmittedAsync(fleet, person, "203.0.113.40"), 1, s_most);
    }

    private static Task<FleetDto> LimitsAsync(Person person, string source)
        => Eventually.SeeAsync(
            token => person.Api.GetFleetAsync(1, token),
            fleet => fleet.Instances.Count(i => i.Role == "api" && i.Limiter.Source == source && i.Limiter.Reason is null == (source == "shared")) == 2,
            $"both limit by {source}", Ct);

    /// <summary>Shares are by the instances that live, as of the last heartbeat.</summary>
    private static async Task EachKnowsTheOtherAsync(ManagerFleet fleet, Person person)
    {
        var both = await person.NumberAsync($"SELECT max(extract(epoch FROM started_at)) FROM instances", Ct);
        await Eventually.SeeAsync(token => person.NumberAsync($"SELECT count(*) FROM instances WHERE role = 'api' AND extract(epoch FROM heartbeat_at) > {both!.Value + 6}", token), count => count == fleet.Apis.Count, "each has beaten since the other came", Ct);
    }

    /// <summary>How many of thrice the burst get through, all asked at once.</summary>
    private static async Task<int> AdmittedAsync(ManagerFleet fleet, Person person, string client, Node? only = null)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 3 * Burst).Select(async i =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri((only ?? fleet.Apis[i % fleet.Apis.Count]).Address!, "api/v1/service"));
            request.Headers.Add("X-Forwarded-For", client);
            using var answer = await person.Http.SendAsync(request, Ct);
            return answer.StatusCode;
        }));
        Assert.All(answers, code => Assert.True(code is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, ((int)code).ToString(CultureInfo.InvariantCulture)));
        return answers.Count(code => code == HttpStatusCode.OK);
    }
}
