using System.Net;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>What has not changed costs nothing, and is still answered in full.</summary>
public sealed class ConditionalTests
{
    [Fact]
    public async Task List_Unchanged_CostsNothingAndKeepsAllPages()
    {
        await using var ground = await Ground.StartAsync();
        for (var i = 0; i < 150; i++)
        {
            ground.Repository.Issue($"Issue {i}");
        }

        var first = await ground.Gateway.ListIssuesAsync(App, null, Ct);
        var charged = ground.Ledger.Charged("core");
        var second = await ground.Gateway.ListIssuesAsync(App, null, Ct);

        Assert.Equal((2, 2), (charged, ground.Ledger.Charged("core")));
        Assert.Equal([304, 304], ground.Ledger.Requests.Skip(2).Select(r => r.Status));
        Assert.Equal(first.Items.Select(i => (i.Number, i.Title)), second.Items.Select(i => (i.Number, i.Title)));
        Assert.True(second.IsComplete);
    }

    [Fact]
    public async Task List_Changed_IsReadAnew()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("Old");
        await ground.Gateway.ListIssuesAsync(App, null, Ct);

        issue.Edit("ana", title: "New");

        Assert.Equal("New", (await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items.Single().Title);
        Assert.Equal("New", (await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items.Single().Title);
        Assert.Equal([200, 200, 304], ground.Ledger.Requests.Select(r => r.Status));
    }

    [Fact]
    public async Task List_AfterARestart_CostsNothing()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        await ground.Gateway.ListIssuesAsync(App, null, Ct);

        Assert.Single((await ground.NewGateway().ListIssuesAsync(App, null, Ct)).Items);

        Assert.Equal(1, ground.Ledger.Charged("core"));
    }

    [Fact]
    public async Task List_ByAnotherToken_IsNeverAnsweredFromTheOthers()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.IsPrivate = true;
        ground.Repository.Issue("Secret");
        await ground.Gateway.ListIssuesAsync(App, null, Ct);

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.NewGateway(ground.Credential(ground.GitHub.Token("mallory"))).ListIssuesAsync(App, null, Ct));

        Assert.Equal(GitHubProblem.NotFound, fault.Problem);
        Assert.False(ground.Ledger.Requests[^1].IsConditional);
    }

    [Fact]
    public async Task Retry_AfterABadGateway_IsStillConditional()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        await ground.Gateway.ListIssuesAsync(App, null, Ct);
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html());

        await ground.Gateway.ListIssuesAsync(App, null, Ct);

        Assert.Equal(1, ground.Ledger.Charged("core"));
    }

    [Fact]
    public async Task Renamed_Unchanged_CostsOneRedirectOnly()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.Repository.Rename("acme/renamed");
        await ground.Gateway.ListIssuesAsync(App, null, Ct);
        ground.Ledger.Clear();

        Assert.Single((await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items);

        Assert.Equal([301, 304], ground.Ledger.Requests.Select(r => r.Status));
    }

    [Fact]
    public async Task Kept_MoreThanTheStoreHolds_ForgetsTheOldest()
    {
        const int Capacity = 50;
        await using var ground = await Ground.StartAsync();
        var responses = new ResponseStore(ground.Store.Store, NullLogger.Instance, Capacity);
        async Task KeepAsync(string key)
        {
            ground.Time.Advance(TimeSpan.FromSeconds(1));
            using var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("{}", System.Text.Encoding.UTF8, "application/json") };
            response.Headers.ETag = new("\"x\"");
            await responses.KeepAsync(key, "token-a", "a", response, Ct);
        }

        for (var i = 0; i <= Capacity; i++)
        {
            await KeepAsync(FormattableString.Invariant($"key-{i}"));
        }

        Assert.InRange(await ground.Store.Store.ReadAsync((db, ct) => db.GitHubResponses.CountAsync(ct), Ct), Capacity / 2, Capacity);
        Assert.Null(await responses.FindAsync("key-0", Ct));
        Assert.NotNull(await responses.FindAsync("key-50", Ct));
    }

    /// <summary>Two processes that scan for the first time ask the same at the same time; the answer is to whoever asked, whoever keeps it.</summary>
    [Fact]
    public async Task Kept_ByAnotherProcessInTheSameMoment_IsNoFault()
    {
        await using var store = await TestStore.CreateAsync("postgresql", Ct);
        Assert.SkipWhen(store is null, $"{TestStore.PostgresVariable} names no server.");
        await using var source = NpgsqlDataSource.Create(((Core.Persistence.StoreTarget.Postgres)store.Target).ConnectionString);
        await using var other = await source.OpenConnectionAsync(Ct);
        await using var theirs = await other.BeginTransactionAsync(Ct);
        await using (var insert = new NpgsqlCommand("INSERT INTO github_responses (key, credential, token, content_type, body, used_at) VALUES ('key', 'c', 'theirs', 'application/json', '', now())", other))
        {
            await insert.ExecuteNonQueryAsync(Ct);
        }

        var responses = new ResponseStore(store.Store, NullLogger.Instance);
        using var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("{}", System.Text.Encoding.UTF8, "application/json") };
        var keeping = responses.KeepAsync("key", "c", "ours", response, Ct);
        await using var waiting = source.CreateCommand("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
        await Eventually.SeeAsync(async token => (long)(await waiting.ExecuteScalarAsync(token))!, count => count == 1, "it waits for the other one's row", Ct);
        await theirs.CommitAsync(Ct);
        await keeping;

        Assert.Equal("theirs", (await responses.FindAsync("key", Ct))!.Token);
    }

    [Fact]
    public async Task Kept_InTheStore_HoldsNoToken()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        await ground.Gateway.ListIssuesAsync(App, null, Ct);

        var kept = await ground.Store.Store.ReadAsync((db, ct) => db.GitHubResponses.SingleAsync(ct), Ct);

        Assert.DoesNotContain(ground.Token, System.Text.Json.JsonSerializer.Serialize(kept), StringComparison.Ordinal);
    }
}
