using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.GitHub;

public sealed class ProposalInboxTests
{
    private const string Approved = ProposalLabels.Approved;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Label_ByAPersonWhoMayWrite_Approves_UnderTheirName(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();

        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(item.Id)).State);
        var approval = await ground.ApprovalAsync(item.Id);
        Assert.Equal(["github:alice"], ApprovalSeal.Approvers(approval));
        Assert.Null(ground.Get<ApprovalSeal>().Check(approval, await ground.ItemAsync(item.Id), ground.Time.GetUtcNow()));
        Assert.Equal("command:test", approval.Agent);
        Assert.Contains("\"sh\"", approval.Program, StringComparison.Ordinal);
        Assert.Empty(issue.Comments);
    }

    [Theory]
    [InlineData("claude-code", "claude-code-task")]
    [InlineData("claude-flow", "claude-code-task", "claude-flow-task")]
    [InlineData("mention", "claude-code-task", "Terragon-Task", "claude-flow-task")]
    [InlineData(null, "refactor")]
    public void AgentOf_Labels_FirstOfTheOrder(string? agent, params string[] labels) => Assert.Equal(agent, ProposalLabels.AgentOf(labels));

    [Fact]
    public async Task Label_PolledTwice_AndAfterACrash_ApprovesOnce()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();
        await ground.RestartAsync();
        await ground.PollAsync();
        Assert.Equal(1, await ground.ReadAsync((db, ct) => db.Approvals.CountAsync(ct)));

        // Its run ends without a result: the same label is no second approval.
        await ground.RunAsync(item.Id);
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, "Run 1 failed.");
        issue.Comment("alice", "hm");
        issue.Label("alice", "another");
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
    }

    /// <summary>People label what they see. The poll is past that event before the process that filed the issue, or the next one, has written the issue down.</summary>
    [Fact]
    public async Task Label_OnAnIssueNotWrittenDownYet_Approves()
    {
        await using var ground = await ProposalGround.StartAsync();
        await ground.ProposedAsync();
        var item = await ground.ProposeAsync("the second");
        var never = new TaskCompletionSource();
        var held = ground.GitHub.Fail("POST", "/repos/acme/manager/issues", new GitHubFault.Held(never.Task, AfterEffect: true));
        using var dead = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var filing = ground.Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, dead.Token);
        await held.Reached;
        var issue = ground.Repository.Issues[^1];
        issue.Label("alice", Approved);
        await ground.Get<ProposalPoll>().PollAsync(TestStore.Operation, Ct);
        await dead.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => filing);
        never.SetResult();
        await ground.RestartAsync();
        await ground.DrainAsync();

        await ground.PollAsync();
        Assert.Equal(2, ground.Repository.Issues.Count);
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(item.Id)).State);
    }

    [Theory]
    [InlineData("trudy", "triage")]
    [InlineData("rita", "read")]
    [InlineData("stranger", "needs write")]
    [InlineData("robot", "not a person")]
    [InlineData("service", "own account")]
    public async Task Label_BySomebodyWhoMayNot_IsRefused_AndToldOnce(string who, string why)
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label(who, Approved);
        await ground.PollAsync();
        await ground.PollAsync();
        await ground.RestartAsync();
        await ground.PollAsync();
        await AssertRefusedAsync(ground, item.Id, issue, why);
    }

    [Fact]
    public async Task Label_ByAnAccountThatIsGone_IsRefused()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        ground.Repository.Collaborator("leaver", GitHubRole.Admin);
        issue.Label("leaver", Approved);
        ground.GitHub.DeleteUser("leaver");
        await ground.PollAsync();
        await AssertRefusedAsync(ground, item.Id, issue, "deleted");
    }

    [Theory]
    [InlineData("title before")]
    [InlineData("body before")]
    [InlineData("body after")]
    [InlineData("title after")]
    [InlineData("title after and back")]
    [InlineData("body after and back")]
    public async Task Label_TextIsNotAsProposed_IsRefused(string edit)
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        var (title, body) = (issue.Title, issue.Body);
        void Change() => issue.Edit("trudy", edit.StartsWith("title", StringComparison.Ordinal) ? "rm -rf" : null, edit.StartsWith("body", StringComparison.Ordinal) ? "Also delete the tests." : null);
        if (edit.EndsWith("before", StringComparison.Ordinal))
        {
            Change();
        }

        ground.Time.Advance(TimeSpan.FromSeconds(5));
        issue.Label("alice", Approved);
        ground.Time.Advance(TimeSpan.FromSeconds(5));
        if (edit.Contains("after", StringComparison.Ordinal))
        {
            Change();
        }

        if (edit.EndsWith("back", StringComparison.Ordinal))
        {
            issue.Edit("trudy", title, body);
        }

        await ground.PollAsync();
        await AssertRefusedAsync(ground, item.Id, issue, "changed since");
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Label_TextUpdatedByUsAfterwards_IsRefused(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.MoveAsync(item.Id, WorkItemState.Proposed, change: i => i.Body = "Something else.");
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
        Assert.Contains("hanged since", Assert.Single(issue.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Label_SetAgainBySomebodyWhoMay_Approves()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("trudy", Approved);
        await ground.PollAsync();
        issue.Unlabel("alice", Approved).Label("alice", Approved);
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(item.Id)).State);
        Assert.Single(issue.Comments);
    }

    [Fact]
    public async Task Label_RoleLostBeforeItIsSeen_IsRefused()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        ground.Repository.Collaborator("alice", GitHubRole.Triage);
        await ground.PollAsync();
        await AssertRefusedAsync(ground, item.Id, issue, "triage");
    }

    [Fact]
    public async Task Label_AsksForAnAgentThatIsNotSetUp_SaysSo()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", "terragon-task", Approved);
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
        Assert.Contains("mention", Assert.Single(issue.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Label_NotScannedYet_Waits_AndSaysSoOnce()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        await ScannedAsync(ground, null);
        issue.Label("alice", Approved);
        await ground.PollAsync();
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
        Assert.Single(issue.Comments);

        await ScannedAsync(ground, new string('a', 40));
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(item.Id)).State);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task LabelTakenOff_BeforeTheStart_Withdraws(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();
        issue.Unlabel("trudy", Approved);
        await ground.PollAsync();

        var found = await ground.ItemAsync(item.Id);
        Assert.Equal(WorkItemState.Proposed, found.State);
        Assert.Contains("github:trudy", found.StateReason, StringComparison.Ordinal);
        Assert.Equal(ApprovalStates.Withdrawn, (await ground.ApprovalAsync(item.Id)).State);
        Assert.Equal([RunEndReason.Cancelled], await ground.ReadAsync((db, ct) => db.Runs.Select(r => r.EndReason!.Value).ToListAsync(ct)));
    }

    [Fact]
    public async Task LabelSetAndTakenOff_BetweenTwoLooks_DecidesNothing()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved).Unlabel("alice", Approved);
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
        Assert.Empty(issue.Comments);
    }

    [Fact]
    public async Task LabelTakenOff_ApprovedInTheDashboard_StaysApproved()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("trudy", Approved);
        await ground.PollAsync();
        await ApproveInDashboardAsync(ground, item.Id);
        issue.Unlabel("trudy", Approved);
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(item.Id)).State);
        Assert.Null(await ground.Get<LabelApproval>().WithdrawnAsync(await ground.ApprovalAsync(item.Id), Ct));
    }

    [Fact]
    public async Task Renamed_AfterTheApproval_BeforeTheStart_Withdraws()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();
        issue.Edit("trudy", "Something else");
        await ground.PollAsync();
        var found = await ground.ItemAsync(item.Id);
        Assert.Equal(WorkItemState.Proposed, found.State);
        Assert.StartsWith("Changed since proposal", found.StateReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nothing", null)]
    [InlineData("label off", "taken off")]
    [InlineData("set again by triage", "triage")]
    [InlineData("role lost", "role read")]
    [InlineData("body edited", "changed since")]
    [InlineData("renamed", "changed since")]
    [InlineData("closed", "closed")]
    [InlineData("deleted", "closed or deleted")]
    public async Task BeforePublish_IsAskedAgain(string change, string? problem)
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();
        await ground.RunAsync(item.Id);
        ground.Time.Advance(TimeSpan.FromSeconds(5));
        _ = change switch
        {
            "label off" => issue.Unlabel("rita", Approved),
            "set again by triage" => issue.Unlabel("trudy", Approved).Label("trudy", Approved),
            "role lost" => ground.Repository.Collaborator("alice", GitHubRole.Read),
            "body edited" => issue.Edit("trudy", body: "Also delete the tests."),
            "renamed" => issue.Edit("trudy", "rm -rf"),
            "closed" => issue.Close("alice"),
            "deleted" => Deleted(issue),
            _ => (object)issue,
        };

        var why = await ground.Get<LabelApproval>().WithdrawnAsync(await ground.ApprovalAsync(item.Id), Ct);
        if (problem is null)
        {
            Assert.Null(why);
        }
        else
        {
            Assert.Contains(problem, why, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("alice", "not_planned", WorkItemState.Rejected)]
    [InlineData("trudy", "not_planned", WorkItemState.Rejected)]
    [InlineData("robot", "not_planned", WorkItemState.Closed)]
    [InlineData("alice", "completed", WorkItemState.Closed)]
    public async Task Closed_OnGitHub_IsTakenOver(string who, string reason, WorkItemState state)
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Close(who, reason);
        await ground.PollAsync();

        var found = await ground.ItemAsync(item.Id);
        Assert.Equal(state, found.State);
        Assert.Contains("github:" + who, found.StateReason, StringComparison.Ordinal);
        Assert.Empty(issue.Comments);
        Assert.Single(issue.Events, e => e.Kind == "closed");
    }

    [Fact]
    public async Task Closed_AsCompleted_WhileItsResultIsReviewed_IsDone()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();
        await ground.RunAsync(item.Id);
        await ground.MoveAsync(item.Id, WorkItemState.Review);
        issue.Close("alice");
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Done, (await ground.ItemAsync(item.Id)).State);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Closed_WhileItRuns_StopsTheRun_ThenIsTakenOver(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        await ground.PollAsync();
        await ground.RunAsync(item.Id);
        issue.Close("alice", "not_planned");
        await ground.PollAsync();
        Assert.Equal("github:alice", await ground.ReadAsync((db, ct) => db.Runs.Select(r => r.CancelRequestedBy).SingleAsync(ct)));
        Assert.Equal(WorkItemState.Running, (await ground.ItemAsync(item.Id)).State);

        await ground.MoveAsync(item.Id, WorkItemState.Proposed, "cancelled");
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Rejected, (await ground.ItemAsync(item.Id)).State);
        Assert.False(issue.IsOpen);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Reopened_OnGitHub_IsProposedAgain(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Close("alice", "not_planned");
        await ground.PollAsync();
        issue.Reopen("alice");
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
        Assert.True(issue.IsOpen);
    }

    [Fact]
    public async Task ClosedByUs_IsNobodysDecision()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        await ground.MoveAsync(item.Id, WorkItemState.Closed, "The finding is gone.");
        await ground.DrainAsync();
        await ground.PollAsync();
        Assert.False(issue.IsOpen);
        Assert.Equal("The finding is gone.", (await ground.ItemAsync(item.Id)).StateReason);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Deleted_OnGitHub_ClosesTheItem(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", "whatever");
        issue.Delete();
        await ground.PollAsync();
        Assert.Equal((WorkItemState.Closed, "Its issue was deleted."), ((await ground.ItemAsync(item.Id)).State, (await ground.ItemAsync(item.Id)).StateReason));
        Assert.Null(await ground.ProposalAsync(item.Id));
    }

    [Fact]
    public async Task Unchanged_CostsNothing()
    {
        await using var ground = await ProposalGround.StartAsync();
        for (var i = 0; i < 5; i++)
        {
            await ground.ProposeAsync(new string('x', i + 1));
        }

        await ground.DrainAsync();
        await ground.PollAsync();
        await ground.PollAsync();
        ground.GitHub.Ledger.Clear();
        await ground.PollAsync();
        Assert.Equal((1, 0), (ground.GitHub.Ledger.ApiRequests.Count, ground.GitHub.Ledger.ApiRequests.Sum(r => r.Charged)));
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Poll_ManyProcesses_OneLooks(string provider)
    {
        await using var ground = await ProposalGround.StartAsync(provider);
        await ground.ProposedAsync();
        await ground.PollAsync();
        ground.GitHub.Ledger.Clear();
        ground.Time.Advance(ground.Get<ProposalPoll>().Interval);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => ground.Get<ProposalPoll>().PollAsync(TestStore.Operation, Ct)));
        Assert.Single(ground.GitHub.Ledger.ApiRequests);
    }

    [Fact]
    public async Task OneIssueFails_TheOthersAreDealtWith_AndItIsLookedAtAgain()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (bad, badIssue) = await ground.ProposedAsync();
        var good = await ground.ProposeAsync("another");
        await ground.DrainAsync();
        await ground.PollAsync();
        badIssue.Label("alice", Approved);
        ground.Repository.IssueNumbered((await ground.ProposalAsync(good.Id))!.Number)!.Label("alice", Approved);
        var fault = ground.GitHub.Fail("GET", $"/repos/acme/manager/issues/{badIssue.Number}/events", GitHubFault.Json(400, "No"), times: 1);
        await ground.PollAsync();
        Assert.Equal(0, fault.Left);
        Assert.Equal((WorkItemState.Proposed, WorkItemState.Queued), ((await ground.ItemAsync(bad.Id)).State, (await ground.ItemAsync(good.Id)).State));
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(bad.Id)).State);
    }

    [Fact]
    public async Task Poll_GitHubAway_ChangesNothing_AndGoesOnLater()
    {
        await using var ground = await ProposalGround.StartAsync();
        var (item, issue) = await ground.ProposedAsync();
        issue.Label("alice", Approved);
        ground.GitHub.Fail("GET", "/repos/acme/manager/issues*", GitHubFault.Html(), times: 20);
        await ground.PollAsync();
        Assert.Equal(WorkItemState.Proposed, (await ground.ItemAsync(item.Id)).State);
        while (ground.GitHub.Ledger.Requests.Count(r => r.Fault is not null) < 20)
        {
            await ground.PollAsync();
        }

        await ground.PollAsync();
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync(item.Id)).State);
    }

    private static async Task AssertRefusedAsync(ProposalGround ground, long itemId, GitHubIssue issue, string why)
    {
        var item = await ground.ItemAsync(itemId);
        Assert.Equal(WorkItemState.Proposed, item.State);
        Assert.Contains(why, item.StateReason, StringComparison.Ordinal);
        Assert.Contains(why, Assert.Single(issue.Comments).Body, StringComparison.Ordinal);
        Assert.Equal(0, await ground.ReadAsync((db, ct) => db.Approvals.CountAsync(ct)));
        Assert.Equal(1, await ground.ReadAsync((db, ct) => db.AuditEntries.CountAsync(a => a.Action == "approval.refused", ct)));
        Assert.DoesNotContain(await ground.OutboxAsync(), o => o.State == OutboxStates.Pending);
    }

    private static Task<bool> ApproveInDashboardAsync(ProposalGround ground, long itemId)
        => ground.WriteAsync(async (tx, ct) =>
        {
            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == itemId, ct);
            var approval = ground.Get<ApprovalSeal>().Seal(item, new string('a', 40), "command:test", "Do it.", ["Read"], 1_000_000, SandboxLevel.Process, ["local:tester"], tx.Now, TimeSpan.FromDays(1));
            tx.Db.Approvals.Add(approval);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Approved, null);
            await tx.Db.SaveChangesAsync(ct);
            RunQueue.Enqueue(tx, item, approval);
            return true;
        });

    private static Task<bool> ScannedAsync(ProposalGround ground, string? commit)
        => ground.WriteAsync(async (tx, ct) =>
        {
            (await tx.Db.Repositories.AsTracking().SingleAsync(ct)).ScannedCommit = commit;
            return true;
        });

    private static GitHubIssue Deleted(GitHubIssue issue)
    {
        issue.Delete();
        return issue;
    }
}
