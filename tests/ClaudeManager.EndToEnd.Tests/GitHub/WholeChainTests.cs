using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Models;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.EndToEnd.Tests.GitHub;

/// <summary>From comments in three repositories on GitHub to what became of them, with the real <c>claude</c> and real git. People only set labels, merge, close and push: the service is told nothing.</summary>
public sealed class WholeChainTests
{
    private const string Key = "sk-ant-e2e-key-that-nobody-may-see";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ThreeRepositories_LabelledOnGitHub_EndAsMergedAsClosedAndAsGone()
    {
        Assert.SkipUnless(Programs.Exists("claude"), "No claude on PATH: npm install -g @anthropic-ai/claude-code.");
        await using var store = await TestStore.CreateAsync("postgresql", Ct);
        Assert.SkipWhen(store is null, $"No PostgreSQL: name a server in {TestStore.PostgresVariable}.");
        await using var model = await MessagesApi.StartAsync(ModelScenarios.ResolveTodo, ct: Ct);
        await using var scene = await GitHubScene.StartAsync(Ct);
        var shop = await scene.RepositoryAsync("acme/shop", Ct,
            ("src/one.c", "int one(void)\n{\n    // TODO: say why it is one\n    return 1;\n}\n"), ("Makefile", "test:\n\tgrep -q 'return 1;' src/one.c\n"));
        var site = await scene.RepositoryAsync("acme/site", Ct,
            ("app.js", "export function greet() {\n  // FIXME: greet by name\n  return 'hello';\n}\n"), ("Makefile", "test:\n\tgrep -q hello app.js\n"));
        var tools = await scene.RepositoryAsync("acme/tools", Ct, ("bin/sum.sh", "#!/bin/sh\n# TODO: check the arguments\necho $(($1 + $2))\n"));
        var configuration = GitHubScene.Json(new { github = scene.Configuration("acme/shop", "acme/site", "acme/tools"), analyzer = new { scanForTodos = true, scanOpenIssues = false, firstScan = "propose", schedule = "* * * * *" } });
        await using var manager = await ManagerProcess.StartAsync(
            Ct,
            scene.Environment(("DATABASE_URL", ((StoreTarget.Postgres)store.Target).ConnectionString), ("ANTHROPIC_BASE_URL", model.BaseAddress.ToString()), ("ANTHROPIC_API_KEY", Key)),
            configuration);

        // Proposed.
        await GitHubScene.SeeAsync(manager, () => scene.Proposals.Count, count => count == 3, "three issues are filed", Ct);
        var (ofShop, ofSite, ofTools) = (IssueOf(scene, "acme/shop"), IssueOf(scene, "acme/site"), IssueOf(scene, "acme/tools"));
        Assert.Equal(
            ["Address TODO in src/one.c:3", "Address FIXME in app.js:2", "Address TODO in bin/sum.sh:2"],
            new[] { ofShop, ofSite, ofTools }.Select(issue => issue.Title));
        Assert.All(scene.Proposals, issue => Assert.Equal(["refactor", "task-proposal", "todo"], issue.Labels.Select(label => label.Name).Order()));
        Assert.All(scene.Proposals, issue => Assert.Equal(GitHubScene.Bot, issue.Author!.Login));
        Assert.Equal($$"""
            A `TODO` comment asks for work: `say why it is one`

            **Repository:** acme/shop
            **File:** `src/one.c`
            **Line:** 3
            **Context:**

            ```
            int one(void)
            {
                // TODO: say why it is one
                return 1;
            }
            ```

            **Direct Link:** {{scene.GitHub.BaseAddress}}acme/shop/blob/{{shop.Branches["main"]}}/src/one.c#L3
            """.ReplaceLineEndings("\n"), GitHubScene.Visible(ofShop.Body));

        // Approved by labels, two of them; the third one's comment is removed by its author.
        ofShop.Label(GitHubScene.Maintainer, "claude-code-task", "approved-for-dev");
        ofSite.Label(GitHubScene.Maintainer, "claude-code-task", "approved-for-dev");
        var removal = await tools.CommitAsync("Check the arguments", [("bin/sum.sh", "#!/bin/sh\n[ $# = 2 ] || exit 2\necho $(($1 + $2))\n")], Ct);

        // Run, verified, published.
        await GitHubScene.SeeAsync(manager, () => ofShop.Comments.Count + ofSite.Comments.Count, count => count == 2, "both results are told", Ct);
        var (pullOfShop, pullOfSite) = (Assert.Single(shop.Pulls), Assert.Single(site.Pulls));
        foreach (var (issue, pull) in new[] { (ofShop, pullOfShop), (ofSite, pullOfSite) })
        {
            Assert.True(pull.IsDraft);
            Assert.StartsWith($"Closes {GitHubScene.Manager}#{issue.Number}\n", pull.Issue.Body, StringComparison.Ordinal);
            Assert.Equal((GitHubScene.Bot, "main"), (pull.Issue.Author!.Login, pull.Base));
            Assert.Matches("^claude-manager/[0-9]+-address-", pull.Head);
            Assert.Contains($"/{pull.Issue.Repository.FullName}/pull/{pull.Issue.Number} waits for review", issue.Comments[0].Body, StringComparison.Ordinal);
        }

        // Merged by somebody who may not close the issue, and closed without a merge.
        pullOfShop.MarkReady(GitHubScene.Developer);
        await pullOfShop.MergeAsync(GitHubScene.Developer, Ct);
        Assert.True(ofShop.IsOpen);
        pullOfSite.Issue.Close(GitHubScene.Developer);

        await GitHubScene.SeeAsync(manager, () => ofShop.IsOpen || ofTools.IsOpen, open => !open, "the issues of what is merged and of what is gone are closed", Ct);
        await manager.WaitForAsync((api, ct) => ItemAsync(api, "acme/site", ct), item => item.State == WorkItemState.Proposed, "what was closed without a merge is proposed again", Ct);

        Assert.Equal(WorkItemState.Done, (await ItemAsync(manager.Api, "acme/shop", Ct)).State);
        Assert.Equal(WorkItemState.Closed, (await ItemAsync(manager.Api, "acme/tools", Ct)).State);
        Assert.Equal(("completed", GitHubScene.Bot), (ofShop.StateReason, ofShop.ClosedBy!.Login));
        Assert.Contains($"/acme/tools/commit/{removal})", Assert.Single(ofTools.Comments).Body, StringComparison.Ordinal);
        Assert.True(ofSite.IsOpen);

        // The label that has had its run is still there: two more looks at it, and nothing comes of it.
        var looks = Looks(scene);
        await GitHubScene.SeeAsync(manager, () => Looks(scene), count => count >= looks + 2, "the service looks again", Ct);
        Assert.Equal((3, 2, 3), (scene.Written("POST /repos/{owner}/{repo}/issues"), scene.Written("POST /repos/{owner}/{repo}/pulls"), scene.Written("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")));
        Assert.Equal((2, 2, 1), (shop.Branches.Count, site.Branches.Count, tools.Branches.Count));
        Assert.Equal((1, 1, 1), (ofShop.Comments.Count, ofSite.Comments.Count, ofTools.Comments.Count));
        Assert.NotEmpty(model.Requests);
        Assert.DoesNotContain(model.Requests, request => request.Body.GetRawText().Contains(scene.Token, StringComparison.Ordinal));
        await Eventually.SeeAsync(() => string.Join(' ', Directory.GetFileSystemEntries(manager.Data.RunsRoot)), left => left.Length == 0, "no workspace is left", Ct);
        Assert.Empty(ManagerProcess.ProcessesOf(manager.Boot));
        scene.AssertTokenNowhere(manager.Output, manager.Data.Root);
        await scene.AssertWellBehavedAsync(Ct);
    }

    private static GitHubIssue IssueOf(GitHubScene scene, string repository) => Assert.Single(scene.Proposals, issue => issue.Body!.Contains($"**Repository:** {repository}\n", StringComparison.Ordinal));

    private static int Looks(GitHubScene scene) => scene.GitHub.Ledger.Requests.Count(r => r.Path == $"/repos/{GitHubScene.Manager}/issues/events" && r.Status != 0);

    private static async Task<WorkItemDto> ItemAsync(ManagerApiClient api, string repository, CancellationToken ct)
        => Assert.Single((await api.ListWorkItemsAsync([], null, null, null, 0, 10, ct)).Items, item => item.Repository == repository);
}
