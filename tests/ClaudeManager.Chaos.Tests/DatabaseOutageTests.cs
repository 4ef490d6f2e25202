using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Properties;

namespace ClaudeManager.Chaos.Tests;

/// <summary>PostgreSQL is stopped, as at the end of its machine, while agents work and people approve.</summary>
public sealed class DatabaseOutageTests
{
    private static readonly string[] s_repositories = ["acme/app", "acme/lib"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public Task Database_AwayForLongerThanAnyLease_CostsTimeAndNothingElse() => OutlastAsync(TimeSpan.FromSeconds(20));

    [Fact]
    [Trait("Category", "Long")]
    public Task Database_AwayForAMinute_CostsTimeAndNothingElse()
    {
        Assert.SkipUnless(TestRun.IsLong, "Part of the long run: eng/test.sh --long.");
        return OutlastAsync(TimeSpan.FromMinutes(1));
    }

    private static async Task OutlastAsync(TimeSpan outage)
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var fleet = await ManagerFleet.StartAsync(workers: 2, s_repositories, Ct);
        using var person = new Person(fleet);
        // Agents of both kinds: done while the database is away, and still at work afterwards.
        await person.PushAsync(s_repositories[0], [4, 1, 1], Ct);
        await person.PushAsync(s_repositories[1], [outage.TotalSeconds + 6, 1, 1], Ct);
        var items = await person.ProposedAsync(6, Ct);
        var ids = fleet.Nodes.Select(n => n.ProcessId).ToList();
        var acknowledged = new ConcurrentBag<long>();
        foreach (var item in items.Where(i => i.Title.Contains("part01", StringComparison.Ordinal)))
        {
            acknowledged.Add((await person.ApproveAsync(item.Id, Ct)).Id);
        }

        foreach (var run in acknowledged)
        {
            await person.WorkerOfAsync(run, Ct);
        }

        // While people go on approving.
        var approving = Task.Run(async () =>
        {
            foreach (var item in items.Where(i => !i.Title.Contains("part01", StringComparison.Ordinal)))
            {
                try
                {
                    acknowledged.Add((await person.ApproveAsync(item.Id, Ct)).Id);
                }
                catch (ManagerApiException e)
                {
                    Assert.Equal(HttpStatusCode.ServiceUnavailable, e.Status);
                }
            }
        }, Ct);
        await fleet.Postgres.StopAsync(Ct);
        var since = TimeProvider.System.GetTimestamp();
        await approving;

        while (TimeProvider.System.GetElapsedTime(since) < outage)
        {
            foreach (var node in fleet.Nodes)
            {
                using var alive = await person.Http.GetAsync(new Uri(node.Address!, "alive"), Ct);
                Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
            }

            foreach (var path in new[] { "api/v1/overview", "api/v1/work-items", "api/v1/runs" })
            {
                await AssertSaysThatItIsAwayAsync(person.Http.GetAsync(new Uri(path, UriKind.Relative), Ct));
            }

            await AssertSaysThatItIsAwayAsync(person.Http.PostAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"api/v1/work-items/{items[0].Id}/reopen"), UriKind.Relative), null, Ct));
        }

        await fleet.Postgres.StartAgainAsync(Ct);

        foreach (var run in acknowledged)
        {
            // What an agent had done when the database was away is written down afterwards. On a starved machine an attempt may fail all the same, and the next one goes on from its snapshot.
            var ended = await person.EndedAsync(run, Ct);
            Assert.True(ended.Run.EndReason == RunEndReason.Completed, $"Run {run}, attempt {ended.Run.Attempt}, ended by {ended.Run.EndReason}: {ended.Run.EndDetail}\n{string.Join('\n', ended.History)}");
        }

        Assert.Equal(ids, fleet.Nodes.Select(n => n.ProcessId));
        Assert.All(fleet.Nodes, node => Assert.Equal(0, node.FailedStarts));

        // Whoever was told no asks again.
        foreach (var item in (await person.Api.ListWorkItemsAsync([WorkItemState.Proposed], null, null, null, 0, 100, Ct)).Items)
        {
            await person.EndedAsync((await person.ApproveAsync(item.Id, Ct)).Id, Ct);
        }

        foreach (var repository in s_repositories)
        {
            await OneEffect.AssertAsync(fleet, person, repository, 3, Ct);
        }
    }

    private static async Task AssertSaysThatItIsAwayAsync(Task<HttpResponseMessage> asked)
    {
        using var answer = await asked;
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode == HttpStatusCode.ServiceUnavailable, $"{(int)answer.StatusCode} {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonElement.Parse(text);
        Assert.Contains(problem.GetProperty("code").GetString(), new[] { ErrorCodes.TransactionLost.Name, ErrorCodes.DatabaseUnavailable.Name, ErrorCodes.CircuitOpen.Name });
        Assert.Contains("database", problem.GetProperty("detail").GetString(), StringComparison.OrdinalIgnoreCase);
    }
}
