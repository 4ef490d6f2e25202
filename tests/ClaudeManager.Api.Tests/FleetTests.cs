using System.Net;
using ClaudeManager.Core.Contracts;
using Microsoft.Data.Sqlite;

namespace ClaudeManager.Api.Tests;

public sealed class FleetTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Fault_OfARequest_IsCountedUnderItsOperation()
    {
        await using var api = await TestApi.StartAsync();
        await using (var store = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = api.DatabaseFile }.ConnectionString))
        {
            await store.OpenAsync(Ct);
            await using var command = store.CreateCommand();
            command.CommandText = "ALTER TABLE repositories RENAME TO away";
            await command.ExecuteNonQueryAsync(Ct);
        }

        for (var i = 0; i < 3; i++)
        {
            using var answer = await api.SendAsync(HttpMethod.Get, "/api/v1/repositories");
            Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        }

        var errors = Assert.Single((await api.Client.GetFleetAsync(2, Ct)).Instances).Errors;
        var group = Assert.Single(errors.Groups);
        Assert.Equal(("repositories.list", "CM9000", 3, 3L, 2), (group.Operation, group.Code, group.LastMinute, errors.Total, errors.Recent.Count));
        Assert.All(errors.Recent, e => Assert.Matches("^[0-9a-f]{32}$", e.CorrelationId));
    }

    [Fact]
    public async Task Breaker_ThatIsNotThere_IsNotFound()
    {
        await using var api = await TestApi.StartAsync();
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.IsolateBreakerAsync(new IsolateBreakerRequest("github/nowhere", "because"), Ct));
        await Refused.WithAsync(HttpStatusCode.NotFound, "not_found", () => api.Client.ResetBreakerAsync(new ResetBreakerRequest("github/nowhere"), Ct));
        await Refused.WithAsync(HttpStatusCode.BadRequest, "invalid", () => api.Client.IsolateBreakerAsync(new IsolateBreakerRequest("github/nowhere", ""), Ct));
    }
}
