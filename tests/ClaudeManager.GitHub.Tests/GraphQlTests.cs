using System.Text;

namespace ClaudeManager.GitHub.Tests;

public sealed class GraphQlTests
{
    [Fact]
    public async Task Batch_AHundredRepositories_CostsOnePoint()
    {
        await using var ground = await Ground.StartAsync();
        var query = new StringBuilder("{ rateLimit { cost remaining }");
        for (var i = 0; i < 100; i++)
        {
            var repository = ground.GitHub.Repository($"acme/r{i}");
            if (i % 50 == 0)
            {
                await repository.CommitAsync("First", [("a", "a")], Ground.Ct);
            }

            query.Append(System.Globalization.CultureInfo.InvariantCulture, $" r{i}: repository(owner: \"acme\", name: \"r{i}\") {{ nameWithOwner defaultBranchRef {{ name target {{ oid }} }} isArchived isDisabled viewerPermission databaseId }}");
        }

        var reply = await ground.QueryAsync(query.Append('}').ToString());

        var data = reply.Json.GetProperty("data");
        Assert.Equal((1, 4_999), (data.GetProperty("rateLimit").GetProperty("cost").GetInt32(), data.GetProperty("rateLimit").GetProperty("remaining").GetInt32()));
        Assert.Equal("4999", reply.Header("x-ratelimit-remaining"));
        Assert.Equal("graphql", reply.Header("x-ratelimit-resource"));
        Assert.Equal(ground.GitHub.Repository("acme/r50").Branches["main"], data.GetProperty("r50").GetProperty("defaultBranchRef").GetProperty("target").GetProperty("oid").GetString());
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task Cost_OfNestedConnections_IsCountedAsGitHubDoes()
    {
        await using var ground = await Ground.StartAsync();
        ground.App.Issue("One");

        // 1 + 100 + 100 connections are 201 requests: two points.
        var reply = await ground.QueryAsync("""{ rateLimit { cost } repository(owner: "acme", name: "app") { issues(first: 100) { nodes { labels(first: 5) { nodes { name } } comments(first: 5) { totalCount } } } } }""");

        Assert.Equal(2, reply.Json.GetProperty("data").GetProperty("rateLimit").GetProperty("cost").GetInt32());
        Assert.Equal(2, ground.GitHub.Ledger.Charged("graphql"));
    }

    [Fact]
    public async Task Pages_ByCursor_AreComplete()
    {
        await using var ground = await Ground.StartAsync();
        for (var i = 1; i <= 7; i++)
        {
            ground.App.Issue($"Issue {i}", null, "ana", "bug");
        }

        var (titles, after, more) = (new List<string?>(), (string?)null, true);
        while (more)
        {
            var page = (await ground.QueryAsync(
                """query($after: String) { repository(owner: "acme", name: "app") { issues(first: 3, after: $after, labels: ["bug"]) { pageInfo { hasNextPage endCursor } nodes { title } } } }""",
                new { after })).Json.GetProperty("data").GetProperty("repository").GetProperty("issues");
            titles.AddRange(page.GetProperty("nodes").EnumerateArray().Select(n => n.GetProperty("title").GetString()));
            (more, after) = (page.GetProperty("pageInfo").GetProperty("hasNextPage").GetBoolean(), page.GetProperty("pageInfo").GetProperty("endCursor").GetString());
        }

        Assert.Equal(Enumerable.Range(1, 7).Select(i => $"Issue {i}"), titles);
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Theory]
    [InlineData("{ viewer { shoeSize } }", "undefinedField")]
    [InlineData("""{ repository(owner: "acme", name: "app") { issues { nodes { id } } } }""", "MISSING_PAGINATION_BOUNDARIES")]
    [InlineData("""{ repository(owner: "acme", name: "app") { issues(first: 101) { nodes { id } } } }""", "EXCESSIVE_PAGINATION")]
    public async Task Query_GitHubWouldRefuse_AnswersErrorsWithoutData(string query, string type)
    {
        await using var ground = await Ground.StartAsync();

        var reply = await ground.QueryAsync(query);

        Assert.Equal(200, reply.Status);
        Assert.Equal(type, reply.Json.GetProperty("errors")[0].GetProperty("type").GetString());
        Assert.False(reply.Json.TryGetProperty("data", out _));
    }

    [Fact]
    public async Task Query_Anonymous_IsRefused()
    {
        await using var ground = await Ground.StartAsync();

        Assert.Equal(401, (await ground.QueryAsync("{ viewer { login } }", token: "")).Status);
    }
}
