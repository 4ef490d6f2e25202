using System.Text.RegularExpressions;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.GitHub;

public sealed partial class ProposalEffectTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Proposed_FilesOneIssue_WithTextLabelsAndMarker(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var item = await ground.ProposeAsync("add both numbers", "refactor", "todo");
        await ground.DrainAsync();

        Assert.Equal("service", ground.Issue.Author!.Login);
        Assert.Equal(item.Title, ground.Issue.Title);
        Assert.Equal($"{item.Body}\n\n<!-- claude-manager item:4711/{item.Fingerprint} -->", ground.Issue.Body);
        Assert.Equal(["refactor", "task-proposal", "todo"], ground.Issue.Labels.Select(l => l.Name).Order());
        Assert.Contains(ground.Repository.Labels, l => l.Name == ProposalLabels.Approved);
        var proposal = await ground.ProposalAsync(item.Id);
        Assert.Equal((ground.Issue.Number, true), (proposal!.Number, proposal.IsOpen));
        Assert.True(ProposalText.Read(ground.Issue.Title, ground.Issue.Body!).IsAsWritten(proposal));
    }

    /// <summary>What a person, a stale issue or an agent wrote may quote a marker of ours: every one of them is shown as text, and what we find again is our own last line.</summary>
    [Theory]
    [InlineData("<!-- claude-manager result:12 -->")]
    [InlineData("<!-- claude-manager item:1/another -->")]
    [InlineData("<!-- CLAUDE-MANAGER item:1/another -->")]
    [InlineData(null)]
    public async Task Proposed_TextHoldsAMarker_IsFiledUnderItsOwn_AndFollowed(string? quoted)
    {
        await using var ground = await ProposalGround.StartAsync();
        var item = await ground.ProposeAsync();
        var own = $"<!-- claude-manager item:4711/{item.Fingerprint} -->";
        await ground.WriteAsync(async (tx, ct) =>
        {
            await tx.Db.Outbox.ExecuteDeleteAsync(ct);
            var row = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == item.Id, ct);
            (row.Title, row.Body) = ($"Quotes {quoted ?? own}", $"Look at {quoted ?? own} there.\n\n{quoted ?? own}");
            WorkItemStateMachine.Touch(tx, row);
            return true;
        });
        await CutAsync(ground, "POST", "/repos/acme/manager/issues", killed: false);

        Assert.EndsWith("\n\n" + own, ground.Issue.Body, StringComparison.Ordinal);
        Assert.Single(AnyMarker().Matches(ground.Issue.Body!));
        Assert.True(ProposalText.Read(ground.Issue.Title, ground.Issue.Body!).IsAsWritten((await ground.ProposalAsync(item.Id))!));
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, change: i => i.Body = "Moved down.");
        await ground.DrainAsync();
        Assert.Equal($"Moved down.\n\n{own}", ground.Issue.Body);
        Assert.DoesNotContain(await ground.OutboxAsync(), o => o.State != OutboxStates.Done);
    }

    [Fact]
    public async Task Comment_QuotesAMarker_IsKnownByItsOwn()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        foreach (var key in new[] { "result:7", "result:8" })
        {
            await ground.WriteAsync(async (tx, ct) =>
            {
                await ProposalIssues.CommentAsync(tx, item.Id, key, "The agent says <!-- claude-manager result:8 --> to <!-- claude-manager result:7 -->", ct);
                return true;
            });
            await CutAsync(ground, "POST", "/repos/acme/manager/issues/*/comments", killed: false);
        }

        Assert.Equal(["result:7", "result:8"], issue.Comments.Select(c => AnyMarker().Matches(c.Body)[^1].Groups[1].Value));
    }

    [Fact]
    public async Task Proposed_LocalRepository_AsksGitHubNothing()
    {
        await using var ground = await ProposalGround.StartAsync();
        var item = await ground.ProposeAsync();
        await ground.WriteAsync(async (tx, ct) =>
        {
            (await tx.Db.Repositories.AsTracking().SingleAsync(ct)).Kind = RepositoryKind.Local;
            return await tx.Db.Outbox.ExecuteDeleteAsync(ct);
        });

        await ground.MoveAsync(item.Id, WorkItemState.Rejected, "no");
        await ground.DrainAsync();
        Assert.Empty(await ground.OutboxAsync());
        Assert.Empty(ground.GitHub.Ledger.Requests);
    }

    [Fact]
    public async Task Labels_AreEnsuredOnce()
    {
        await using var ground = await ProposalGround.StartAsync();
        await ground.ProposeAsync("one");
        await ground.ProposeAsync("another");
        await ground.DrainAsync();
        Assert.Equal(2, ground.Repository.Issues.Count);
        var labels = ground.GitHub.Ledger.Requests.Where(r => r.Method == "GET" && r.Path.Contains("/labels/", StringComparison.Ordinal)).Select(r => r.Path).ToList();
        Assert.Equal(labels.Distinct().Count(), labels.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Create_DoneButItsAnswerLost_NeverASecondIssue(bool killed)
    {
        await using var ground = await ProposalGround.StartAsync();
        var item = await ground.ProposeAsync();
        await CutAsync(ground, "POST", "/repos/acme/manager/issues", killed);

        Assert.Equal(1, ground.GitHub.Ledger.Requests.Count(r => r.Method == "POST" && r.Path.EndsWith("/issues", StringComparison.Ordinal)));
        Assert.Empty(ground.GitHub.DuplicatesOf(AnyMarker()));
        Assert.Equal(ground.Issue.Number, (await ground.ProposalAsync(item.Id))!.Number);
        Assert.Equal([(OutboxStates.Done, 2)], (await ground.OutboxAsync()).Select(o => (o.State, o.Attempt)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Comment_DoneButItsAnswerLost_NeverASecondComment(bool killed)
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        await ground.WriteAsync(async (tx, ct) =>
        {
            await ProposalIssues.CommentAsync(tx, item.Id, "result:7", "Run 7 ended.", ct);
            return true;
        });
        await CutAsync(ground, "POST", "/repos/acme/manager/issues/*/comments", killed);

        Assert.Equal("Run 7 ended.\n\n<!-- claude-manager result:7 -->", Assert.Single(issue.Comments).Body);
        Assert.Empty(ground.GitHub.DuplicatesOf(AnyMarker()));
        Assert.Equal(OutboxStates.Done, (await ground.OutboxAsync())[^1].State);
    }

    [Fact]
    public async Task Create_DoneButItsAnswerLost_AndNotWantedAnyMore_IsClosedAgain()
    {
        await using var ground = await ProposalGround.StartAsync();
        var item = await ground.ProposeAsync();
        ground.GitHub.Fail("POST", "/repos/acme/manager/issues", new GitHubFault.ResetAfter());
        await ground.Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, Ct);
        await ground.MoveAsync(item.Id, WorkItemState.Rejected, "not ours");
        await ground.DrainAsync();

        Assert.Equal((false, "not_planned"), (ground.Issue.IsOpen, ground.Issue.StateReason));
        Assert.False((await ground.ProposalAsync(item.Id))!.IsOpen);
    }

    [Fact]
    public async Task Create_NotWantedBeforeItWasFiled_FilesNothing()
    {
        await using var ground = await ProposalGround.StartAsync();
        var item = await ground.ProposeAsync();
        await ground.MoveAsync(item.Id, WorkItemState.Rejected, "no");
        await ground.DrainAsync();
        Assert.Empty(ground.Repository.Issues);
    }

    [Theory]
    [InlineData(429, true)]
    [InlineData(403, true)]
    [InlineData(500, false)]
    [InlineData(502, false)]
    [InlineData(503, false)]
    [InlineData(401, false)]
    public async Task Create_RefusedForNow_IsTriedAgain_AndPatiently(int status, bool limited)
    {
        await using var ground = await ProposalGround.StartAsync();
        ground.GitHub.Fail("POST", "/repos/acme/manager/issues", limited ? GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(3), status) : GitHubFault.Json(status, "No"), times: 2);
        await ground.ProposeAsync();
        await ground.DrainAsync();

        Assert.True(ground.Issue.IsOpen);
        Assert.Empty(ground.GitHub.Ledger.Impatient);
        Assert.Equal((OutboxStates.Done, 3), Assert.Single((await ground.OutboxAsync()).Select(o => (o.State, o.Attempt))));
    }

    [Fact]
    public async Task Create_IssuesSwitchedOff_WaitsForThePerson_AndIsNotLost()
    {
        await using var ground = await ProposalGround.StartAsync();
        ground.Repository.HasIssues = false;
        await ground.ProposeAsync();
        await ground.Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, Ct);
        var entry = Assert.Single(await ground.OutboxAsync());
        Assert.Equal(OutboxStates.Pending, entry.State);
        Assert.Contains("acme/manager", entry.Error, StringComparison.Ordinal);

        ground.Repository.HasIssues = true;
        await ground.DrainAsync();
        Assert.True(ground.Issue.IsOpen);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Create_IssuesStaySwitchedOff_IsBlocked_AndGoesOnWhenAnOperatorSaysSo(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        ground.Repository.HasIssues = false;
        await ground.ProposeAsync();
        await ground.DrainAsync();
        var outbox = await ground.Get<OutboxReader>().ReadAsync(Ct);
        Assert.Equal((1, 1, 1, 0), (outbox.Pending, outbox.Waiting, outbox.Blocked, outbox.Failed));
        Assert.Contains("No issue can be filed in acme/manager", outbox.Problem, StringComparison.Ordinal);
        Assert.Equal(OutboxStates.Blocked, Assert.Single(await ground.OutboxAsync()).State);

        ground.Repository.HasIssues = true;
        await ground.Get<OutboxDispatcher>().RetryBlockedAsync(TestStore.Operation, Ct);
        await ground.DrainAsync();
        Assert.True(ground.Issue.IsOpen);
        Assert.Equal((0, 0), await ground.Get<OutboxReader>().ReadAsync(Ct) is var after ? (after.Pending, after.Blocked) : default);
    }

    /// <summary>Several writes, which wait for each other on a clock that skips: so on SQLite alone.</summary>
    [Fact]
    public async Task ManagerRepositoryRenamed_EveryWriteFollows()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        ground.Repository.Rename("acme/decisions");
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, change: i => i.Body = "Moved down.");
        await ground.DrainAsync();
        Assert.StartsWith("Moved down.", issue.Body, StringComparison.Ordinal);
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "gone", i => i.ClosedByCommit = new string('b', 40));
        await ground.ProposeAsync("another");
        await ground.DrainAsync();

        Assert.False(issue.IsOpen);
        Assert.Single(issue.Comments);
        Assert.Equal(2, ground.GitHub.Repository("acme/decisions").Issues.Count);
        Assert.All(await ground.OutboxAsync(), o => Assert.Equal((OutboxStates.Done, 1), (o.State, o.Attempt)));
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Create_GitHubDoesNotTakeIt_IsGivenUp_AndTheItemSaysWhy(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        ground.GitHub.Fail("POST", "/repos/acme/manager/issues", GitHubFault.Json(422, "Validation Failed"));
        var item = await ground.ProposeAsync();
        await ground.DrainAsync();
        Assert.Empty(ground.Repository.Issues);
        Assert.StartsWith("GitHub did not take issue.create:", (await ground.ItemAsync(item.Id)).StateReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task TextChanged_UpdatesTheIssue_AndTheAnswerMayBeLost(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        ground.GitHub.Fail("PATCH", "/repos/acme/manager/issues/*", new GitHubFault.ResetAfter());
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, change: i => (i.Title, i.Body) = ("Address TODO in src/sum.sh:9", "Moved down."));
        await ground.DrainAsync();

        Assert.Equal(("Address TODO in src/sum.sh:9", $"Moved down.\n\n<!-- claude-manager item:4711/{item.Fingerprint} -->"), (issue.Title, issue.Body));
        Assert.True(ProposalText.Read(issue.Title, issue.Body!).IsAsWritten((await ground.ProposalAsync(item.Id))!));
        Assert.Equal(1, ground.GitHub.Ledger.Requests.Count(r => r.Method == "PATCH"));
    }

    [Theory]
    [InlineData("Another title", null)]
    [InlineData(null, "Another body, without any marker")]
    public async Task TextChanged_EditedByAPerson_StaysTheirs(string? title, string? body)
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Edit("alice", title, body);
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, change: i => i.Body = "Moved down.");
        await ground.DrainAsync();

        Assert.Equal(title ?? item.Title, issue.Title);
        Assert.DoesNotContain("Moved down", issue.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(ground.GitHub.Ledger.Requests, r => r.Method == "PATCH");
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task FindingGone_ClosesWithTheCommit_SaidOnce(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        ground.GitHub.Fail("POST", "/repos/acme/manager/issues/*/comments", new GitHubFault.ResetAfter());
        var commit = new string('b', 40);
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "gone", i => i.ClosedByCommit = commit);
        await ground.DrainAsync();

        Assert.Equal((false, "completed"), (issue.IsOpen, issue.StateReason));
        Assert.Contains($"/acme/app/commit/{commit}", Assert.Single(issue.Comments).Body, StringComparison.Ordinal);
        Assert.False((await ground.ProposalAsync(item.Id))!.IsOpen);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task ComesBack_ReopensTheSameIssue(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "gone");
        await ground.DrainAsync();
        Assert.False(issue.IsOpen);

        await ground.MoveAsync(item.Id, WorkItemState.Proposed, "back");
        await ground.DrainAsync();
        Assert.True(ground.Issue.IsOpen);
        Assert.True((await ground.ProposalAsync(item.Id))!.IsOpen);
    }

    [Fact]
    public async Task ClosedAndBackBeforeAnythingWasSaid_LeavesTheIssueAlone()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "gone");
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, "back");
        await ground.DrainAsync();
        Assert.True(issue.IsOpen);
        Assert.Empty(issue.Comments);
        Assert.DoesNotContain(issue.Events, e => e.Kind is "closed" or "reopened");
    }

    /// <summary>It waits for one write, which waits for its moment on a clock that skips: so on SQLite alone.</summary>
    [Fact]
    public async Task ComesBackWhileItsIssueIsBeingClosed_EndsOpen()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "gone");
        var goOn = new TaskCompletionSource();
        var held = ground.GitHub.Fail("PATCH", "/repos/acme/manager/issues/*", new GitHubFault.Held(goOn.Task, AfterEffect: true));
        var closing = ground.Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, Ct);
        await held.Reached;
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, "back");
        goOn.SetResult();
        await closing;
        await ground.DrainAsync();
        Assert.True(issue.IsOpen);
        Assert.True((await ground.ProposalAsync(item.Id))!.IsOpen);
    }

    [Fact]
    public async Task ComesBack_IssueDeletedMeanwhile_FilesANewOne()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "gone");
        await ground.DrainAsync();
        issue.Delete();
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, "back");
        await ground.DrainAsync();
        Assert.NotEqual(issue.Number, (await ground.ProposalAsync(item.Id))!.Number);
        Assert.Single(ground.Repository.Issues, i => i is { IsOpen: true, IsDeleted: false });
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task OneItemRefused_TheOthersGoOn(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Delete();
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, change: i => i.Title = "Another");
        await ground.WriteAsync(async (tx, ct) =>
        {
            await ProposalIssues.CommentAsync(tx, item.Id, "result:1", "Hello", ct);
            return true;
        });
        await ground.ProposeAsync("another one");
        await ground.DrainAsync();
        Assert.Single(ground.Repository.Issues, i => i.Title.Contains("/11.sh", StringComparison.Ordinal));
        Assert.DoesNotContain(await ground.OutboxAsync(), o => o.State == OutboxStates.Pending);
    }

    /// <summary>GitHub does it, and its answer is lost: to a reset connection, or because the process is killed.</summary>
    private static async Task CutAsync(ProposalGround ground, string method, string path, bool killed)
    {
        if (!killed)
        {
            ground.GitHub.Fail(method, path, new GitHubFault.ResetAfter());
        }
        else
        {
            var never = new TaskCompletionSource();
            var held = ground.GitHub.Fail(method, path, new GitHubFault.Held(never.Task, AfterEffect: true));
            using var dead = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            var dispatching = ground.Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, dead.Token);
            await held.Reached;
            await dead.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dispatching);
            never.SetResult();
            await ground.RestartAsync();
        }

        await ground.DrainAsync();
    }

    [GeneratedRegex("<!-- claude-manager ([^ ]+) -->")]
    private static partial Regex AnyMarker();
}
