using System.Text.Json;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.GitHub.Conformance;

namespace ClaudeManager.GitHub.Tests;

/// <summary>Every operation of the stand-in, used once or more, held against GitHub's published description.</summary>
public sealed class DescriptionTests
{
    [Fact]
    public async Task Rest_EveryOperation_FitsThePublishedDescription()
    {
        await using var ground = await Ground.StartAsync();
        var app = ground.App.Collaborator("ana", GitHubRole.Triage);
        app.Description = "An example";
        var head = await app.CommitAsync("First", [("README.md", "# App\n")], Ground.Ct);
        await app.CommitAsync("Change", [("README.md", "# App\n\nMore.\n")], Ground.Ct, "feature");
        const string Repo = "repos/acme/app";
        var statuses = new List<(string Request, int Expected, int Actual)>();
        async Task<Reply> Do(string method, string path, object? body, int expected)
        {
            var reply = await ground.SendAsync(method, path, body);
            if (reply.Status != expected)
            {
                statuses.Add(($"{method} {path} {reply.Text}", expected, reply.Status));
            }

            return reply;
        }

        foreach (var path in new[] { "rate_limit", "meta", "user", "users/ana", Repo, $"{Repo}/collaborators/ana/permission" })
        {
            await Do("GET", path, null, 200);
        }

        await Do("GET", $"{Repo}/collaborators/bot", null, 204);
        await Do("GET", "repos/acme/none", null, 404);
        await Do("POST", $"{Repo}/labels", new { name = "task-proposal", color = "0e8a16", description = "Proposed" }, 201);
        await Do("POST", $"{Repo}/labels", new { name = "task-proposal" }, 422);
        await Do("GET", $"{Repo}/labels", null, 200);
        await Do("GET", $"{Repo}/labels/task-proposal", null, 200);
        await Do("PATCH", $"{Repo}/labels/task-proposal", new { color = "ffffff" }, 200);
        var issue = await Do("POST", $"{Repo}/issues", new { title = "Address TODO", body = "<!-- m -->", labels = new[] { "task-proposal", "todo" }, assignees = new[] { "ana" } }, 201);
        await Do("POST", $"{Repo}/issues", new { title = "" }, 422);
        await Do("GET", $"{Repo}/issues?state=all&labels=todo&since=2026-01-01T00:00:00Z&sort=updated&direction=asc&per_page=5&page=1", null, 200);
        await Do("GET", $"{Repo}/issues/1", null, 200);
        await Do("PATCH", $"{Repo}/issues/1", new { title = "Address FIXME", body = "<!-- m --> more" }, 200);
        await Do("POST", $"{Repo}/issues/1/labels", new { labels = new[] { "approved-for-dev" } }, 200);
        await Do("GET", $"{Repo}/issues/1/labels", null, 200);
        await Do("PUT", $"{Repo}/issues/1/labels", new { labels = new[] { "todo", "x" } }, 200);
        await Do("DELETE", $"{Repo}/issues/1/labels/x", null, 200);
        await Do("DELETE", $"{Repo}/issues/1/labels", null, 204);
        await Do("PUT", $"{Repo}/issues/1/lock", new { lock_reason = "resolved" }, 204);
        await Do("DELETE", $"{Repo}/issues/1/lock", null, 204);
        var comment = (await Do("POST", $"{Repo}/issues/1/comments", new { body = "Result" }, 201)).Json.GetProperty("id").GetInt64();
        await Do("GET", $"{Repo}/issues/1/comments?per_page=1", null, 200);
        await Do("GET", $"{Repo}/issues/comments?sort=updated&direction=desc", null, 200);
        await Do("GET", $"{Repo}/issues/comments/{comment}", null, 200);
        await Do("PATCH", $"{Repo}/issues/comments/{comment}", new { body = "Result 2" }, 200);
        await Do("POST", $"{Repo}/issues/comments/{comment}/reactions", new { content = "eyes" }, 201);
        await Do("POST", $"{Repo}/issues/comments/{comment}/reactions", new { content = "eyes" }, 200);
        await Do("GET", $"{Repo}/issues/comments/{comment}/reactions", null, 200);
        await Do("POST", $"{Repo}/issues/1/reactions", new { content = "rocket" }, 201);
        await Do("GET", $"{Repo}/issues/1/reactions?content=rocket", null, 200);
        await Do("GET", $"{Repo}/git/ref/heads/main", null, 200);
        await Do("GET", $"{Repo}/git/matching-refs/heads/", null, 200);
        await Do("POST", $"{Repo}/git/refs", new { @ref = "refs/heads/other", sha = head }, 201);
        await Do("POST", $"{Repo}/git/refs", new { @ref = "refs/heads/other", sha = head }, 422);
        await Do("PATCH", $"{Repo}/git/refs/heads/other", new { sha = app.Branches["feature"] }, 200);
        await Do("DELETE", $"{Repo}/git/refs/heads/other", null, 204);
        await Do("GET", $"{Repo}/branches/main", null, 200);
        await Do("GET", $"{Repo}/commits/feature", null, 200);
        await Do("POST", $"{Repo}/pulls", new { title = "Change", head = "feature", @base = "main", body = "Closes #1", draft = true }, 201);
        await Do("POST", $"{Repo}/pulls", new { title = "Change", head = "feature", @base = "main" }, 422);
        await Do("GET", $"{Repo}/pulls?head=acme:feature&state=all&base=main", null, 200);
        await Do("GET", $"{Repo}/pulls/2", null, 200);
        await Do("PATCH", $"{Repo}/pulls/2", new { title = "Changed" }, 200);
        await Do("GET", $"{Repo}/pulls/2/commits", null, 200);
        await Do("GET", $"{Repo}/pulls/2/merge", null, 404);
        await Do("PUT", $"{Repo}/pulls/2/merge", new { merge_method = "merge" }, 405);
        await Do("POST", $"{Repo}/pulls/2/requested_reviewers", new { reviewers = new[] { "ana" } }, 201);
        await Do("POST", $"{Repo}/pulls/2/reviews", new { body = "Why?", @event = "COMMENT" }, 200);
        app.Pulls[0].CommentLine("ana", "README.md", 3, "Here");
        await Do("GET", $"{Repo}/pulls/2/reviews", null, 200);
        await Do("GET", $"{Repo}/pulls/2/comments", null, 200);
        await Do("POST", $"{Repo}/statuses/{app.Branches["feature"]}", new { state = "success", context = "ci", description = "Fine" }, 201);
        app.Check(app.Branches["feature"], "build", "failure", "Failed", "1 test");
        app.Check(app.Branches["feature"], "lint", null);
        foreach (var path in new[] { "check-runs", "check-suites", "status", "statuses" })
        {
            await Do("GET", $"{Repo}/commits/{app.Branches["feature"]}/{path}", null, 200);
        }

        app.Pulls[0].MarkReady("ana");
        await Do("PUT", $"{Repo}/pulls/2/merge", new { merge_method = "merge" }, 200);
        await Do("GET", $"{Repo}/pulls/2", null, 200);
        await Do("PATCH", $"{Repo}/issues/1", new { state = "open" }, 200);
        await Do("PATCH", $"{Repo}/issues/1", new { state = "closed", state_reason = "not_planned" }, 200);
        foreach (var number in new[] { 1, 2 })
        {
            await Do("GET", $"{Repo}/issues/{number}/events", null, 200);
            await Do("GET", $"{Repo}/issues/{number}/timeline?per_page=100", null, 200);
        }

        await Do("GET", $"{Repo}/issues/events?per_page=100", null, 200);
        await Do("GET", "search/issues?q=repo:acme/app+is:issue+%22FIXME%22+in:body", null, 200);
        await Do("DELETE", $"{Repo}/issues/comments/{comment}", null, 204);
        await Do("DELETE", $"{Repo}/labels/task-proposal", null, 204);

        Assert.Empty(statuses);
        Assert.Equal("closed", (await ground.GetAsync($"{Repo}/issues/1")).Json.GetProperty("state").GetString());
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Fact]
    public async Task GraphQl_WhatIsServed_FitsThePublishedSchema()
    {
        await using var ground = await Ground.StartAsync();
        var app = ground.App;
        await app.CommitAsync("First", [("README.md", "# App\n")], Ground.Ct);
        await app.CommitAsync("Change", [("README.md", "# App\n\nMore.\n")], Ground.Ct, "feature");
        app.Issue("Older", "Body", "ana", "bug").Edit("ana", "Newer", "Other body").Close("ana", "not_planned").Reopen("ana").Comment("ana", "Hello");
        await ground.PostAsync("repos/acme/app/pulls", new { title = "Change", head = "feature", @base = "main", body = "Closes #1" });
        app.Pulls[0].Review("ana", "CHANGES_REQUESTED", "No");
        app.Check(app.Branches["feature"], "build", "failure");

        var reply = await ground.QueryAsync("""
            query($first: Int!) {
              rateLimit { cost limit remaining used resetAt nodeCount }
              viewer { login databaseId id url }
              a: repository(owner: "acme", name: "app") {
                ...All
                issues(first: $first, states: [OPEN], labels: ["bug"], orderBy: { field: UPDATED_AT, direction: DESC }, filterBy: { since: "2026-01-01T00:00:00Z" }) {
                  totalCount pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
                  nodes {
                    id databaseId number title body url state stateReason locked author { __typename login } editor { login } lastEditedAt createdAt updatedAt closedAt
                    labels(first: 10) { nodes { name color } } comments(last: 5) { totalCount nodes { id databaseId body author { login } createdAt } }
                    timelineItems(first: 50, itemTypes: [LABELED_EVENT, UNLABELED_EVENT, RENAMED_TITLE_EVENT, CLOSED_EVENT, REOPENED_EVENT, CROSS_REFERENCED_EVENT]) {
                      nodes {
                        __typename
                        ... on LabeledEvent { id createdAt actor { login } label { name } }
                        ... on RenamedTitleEvent { previousTitle currentTitle actor { login } }
                        ... on ClosedEvent { stateReason }
                        ... on CrossReferencedEvent { willCloseTarget source { __typename ... on PullRequest { number isDraft } } }
                      }
                    }
                  }
                }
                pullRequests(first: 5, headRefName: "feature") {
                  nodes {
                    number state isDraft merged mergedAt headRefName headRefOid baseRefName reviewDecision closingIssuesReferences(first: 5) { nodes { number } }
                    reviews(first: 5) { nodes { state body author { login } } } commits(last: 1) { nodes { commit { oid statusCheckRollup { state } } } }
                  }
                }
              }
              gone: repository(owner: "acme", name: "gone") { id }
            }
            fragment All on Repository {
              id databaseId name nameWithOwner isArchived isDisabled isPrivate isEmpty hasIssuesEnabled viewerPermission visibility pushedAt owner { login } defaultBranchRef { name prefix target { oid } }
            }
            """, new { first = 10 });

        Assert.Equal(200, reply.Status);
        var error = Assert.Single(reply.Json.GetProperty("errors").EnumerateArray().ToArray());
        Assert.Equal("NOT_FOUND", error.GetProperty("type").GetString());
        Assert.Equal("gone", error.GetProperty("path")[0].GetString());
        Assert.Equal(JsonValueKind.Null, reply.Json.GetProperty("data").GetProperty("gone").ValueKind);
        Assert.Equal("Newer", reply.Json.GetProperty("data").GetProperty("a").GetProperty("issues").GetProperty("nodes")[0].GetProperty("title").GetString());
        await ground.GitHub.VerifyAsync(Ground.Ct);
    }

    [Theory]
    [InlineData("GET", "repos/acme/app/nothing", null, "no such operation")]
    [InlineData("GET", "repos/acme/app/issues?label=bug", null, "no query parameter 'label'")]
    [InlineData("POST", "repos/acme/app/issues", """{"title":"T","priority":1}""", "no such property")]
    public async Task Verify_ARequestGitHubDoesNotKnow_IsRefused(string method, string path, string? body, string expected)
    {
        await using var ground = await Ground.StartAsync();

        await ground.SendAsync(method, path, body is null ? null : JsonSerializer.Deserialize<JsonElement>(body));

        var refused = await Assert.ThrowsAsync<GitHubDescriptionException>(() => ground.GitHub.VerifyAsync(Ground.Ct));
        Assert.Contains(expected, Assert.Single(refused.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"number":1}""", "must have required property")]
    [InlineData("nothing", "is no JSON")]
    public async Task Check_AnAnswerGitHubDoesNotGive_IsRefused(string answer, string expected)
    {
        var problems = await GitHubDescription.CheckAsync([new GitHubExchange("GET", "/repos/acme/app/issues/1", "", "", 200, "application/json", answer)], Ground.Ct);

        Assert.Contains(problems, p => p.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_AQueryOfAFieldGitHubDoesNotHave_IsRefused()
    {
        var problems = await GitHubDescription.CheckAsync([new GitHubExchange("POST", "/graphql", "", """{"query":"{ viewer { login shoeSize } }"}""", 200, "application/json", """{"data":{"viewer":{"login":"a","shoeSize":1}}}""")], Ground.Ct);

        Assert.Contains(problems, p => p.Contains("shoeSize", StringComparison.Ordinal));
    }
}
