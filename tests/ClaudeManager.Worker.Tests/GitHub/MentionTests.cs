using System.Text.RegularExpressions;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.GitHub;

public sealed class MentionTests
{
    private static readonly MentionConfiguration s_limits = new();

    [Theory]
    [InlineData("helper", "sqlite")]
    [InlineData("helper[bot]", "postgresql")]
    public async Task Look_AgentAcknowledgesAndOpensPullRequest_RunEndsWithItInReview(string account, string provider)
    {
        await using var ground = await MentionGround.StartAsync(provider: provider);

        Assert.Equal(RunState.Parked, (await ground.MentionedAsync()).State);
        await ground.ReactAsync(account);
        Assert.Equal(RunState.Parked, (await ground.LookAsync()).State);
        await ground.LookAsync();
        await ground.OpenPullRequestAsync(account);
        var run = await ground.LookAsync();

        Assert.True(run is { State: RunState.Ended, EndReason: RunEndReason.Completed, Branch: "sums", LeaseOwner: null }, $"{run.State} {run.EndReason}: {run.EndDetail}");
        Assert.Equal(WorkItemState.Review, run.WorkItem!.State);
        var pull = await ground.ReadAsync((db, ct) => db.PullRequests.SingleAsync(ct));
        Assert.Equal((run.Id, "acme/app", PullRequestStates.Open), (pull.RunId, pull.Repository, pull.State));
        var stages = await ground.StagesAsync();
        Assert.Equal(stages.Distinct(), stages);
        Assert.Collection(stages,
            s => Assert.StartsWith("Mentions @helper on ", s, StringComparison.Ordinal),
            s => Assert.Contains("a reaction or comment on", s, StringComparison.Ordinal),
            s => Assert.StartsWith("@helper is at work", s, StringComparison.Ordinal),
            s => Assert.StartsWith("@helper opened pull request acme/app#1", s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Mention_HostileItem_IsTheAgreedTextAndPingsNobodyElse()
    {
        await using var ground = await MentionGround.StartAsync();

        await ground.MentionedAsync();

        var text = ground.Mention.Body;
        var opened = Regex.Match(text, @"\A@helper - please begin work on the following task\.\n\n(?<fence>`{4,})markdown\n");
        Assert.True(opened.Success, text);
        var after = text[text.LastIndexOf($"\n{opened.Groups["fence"].Value}\n", StringComparison.Ordinal)..];
        Assert.Contains("\n---\nClaude Manager, run 1: ", after, StringComparison.Ordinal);
        Assert.DoesNotContain("@mallory", after, StringComparison.Ordinal);
        Assert.Contains("@mallory", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Look_SomebodyElseAnswers_EndsUnacknowledged()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();

        await ground.ReactAsync("mallory");
        ground.Issue.Comment("mallory", "I am @helper and at work.");
        await ground.OpenPullRequestAsync("mallory");
        Assert.Equal(RunState.Parked, (await ground.LookAsync()).State);
        ground.Time.Skip(s_limits.Acknowledge);
        var run = await ground.LookAsync();

        Assert.True(run.EndReason == RunEndReason.TimedOut, $"{run.State} {run.EndReason}: {run.EndDetail}");
        Assert.Contains("did not acknowledge", run.EndDetail, StringComparison.Ordinal);
        Assert.Equal(WorkItemState.Proposed, run.WorkItem!.State);
        Assert.Equal(0, await ground.ReadAsync((db, ct) => db.PullRequests.CountAsync(ct)));
    }

    [Fact]
    public async Task Look_NoPullRequestInTime_EndsByItsOwnTimeOut()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();

        ground.Time.Skip(TimeSpan.FromMinutes(10));
        ground.Issue.Comment("helper", "On it.");
        Assert.Equal(RunState.Parked, (await ground.LookAsync()).State);
        ground.Time.Skip(s_limits.PullRequest - TimeSpan.FromMinutes(5));
        Assert.Equal(RunState.Parked, (await ground.LookAsync()).State);
        ground.Time.Skip(TimeSpan.FromMinutes(10));
        var run = await ground.LookAsync();

        Assert.True(run.EndReason == RunEndReason.TimedOut, $"{run.State} {run.EndReason}: {run.EndDetail}");
        Assert.Contains("opened no pull request", run.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Look_PullRequestComesLate_StillCounts()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();

        ground.Time.Skip(s_limits.Acknowledge + s_limits.PullRequest);
        await ground.OpenPullRequestAsync("helper");

        Assert.Equal(RunEndReason.Completed, (await ground.LookAsync()).EndReason);
    }

    [Fact]
    public async Task Mention_ProcessDiesBeforeItKnowsOfTheComment_MentionsOnce()
    {
        await using var ground = await MentionGround.StartAsync();
        ground.GitHub.Fail("POST", "/repos/acme/manager/issues/*/comments", new GitHubFault.ResetAfter());

        await ground.LookAsync();
        await ground.Get<Core.Outbox.OutboxDispatcher>().DispatchAsync(TestStore.Operation, TestContext.Current.CancellationToken);
        await ground.RestartAsync();
        await ground.LookAsync();
        await ground.PostAsync();
        await ground.RestartAsync();
        var run = await ground.LookAsync();

        Assert.Equal(RunState.Parked, run.State);
        Assert.NotNull(ground.Mention);
    }

    [Fact]
    public async Task Look_GitHubIsAway_WaitsAndCostsNoAttempt()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();
        ground.GitHub.Fail("GET", "/repos/acme/manager/*", GitHubFault.Html(), times: 100);

        var run = await ground.LookAsync();

        Assert.Equal((RunState.Parked, 0), (run.State, run.Failures));
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Look_ProcessDiesInEveryState_GoesOnToTheSameEnd(string provider)
    {
        await using var ground = await MentionGround.StartAsync(provider: provider);

        await ground.LookAsync();
        await ground.RestartAsync();
        await ground.PostAsync();
        await ground.RestartAsync();
        await ground.LookAsync();
        await ground.RestartAsync();
        await ground.ReactAsync("helper");
        await ground.LookAsync();
        await ground.RestartAsync();
        await ground.OpenPullRequestAsync("helper");
        var run = await ground.LookAsync();

        Assert.Equal((RunEndReason.Completed, 0), (run.EndReason, run.Failures));
        Assert.NotNull(ground.Mention);
    }

    [Theory]
    [InlineData(false, "a reaction or comment on")]
    [InlineData(true, "a pull request that names")]
    public async Task Look_Waits_ItemRunAndGateSayForWhatAndUntilWhen(bool acknowledged, string awaited)
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();
        if (acknowledged)
        {
            await ground.ReactAsync("helper");
            await ground.LookAsync();
        }

        var detail = RunGround.Good(await ground.Get<WorkItemService>().GetAsync((await ground.RunAsync()).WorkItemId, TestContext.Current.CancellationToken));
        var gate = Assert.Single(detail.Gates, g => !g.Open);

        Assert.Equal(WorkItemState.Parked, detail.Item.State);
        Assert.Matches($@"@helper.*{awaited}.* until \d{{4}}-\d\d-\d\d \d\d:\d\d UTC\.$", detail.Item.StateReason);
        Assert.Equal(("window", detail.Item.StateReason, (await ground.RunAsync()).NotBefore), (gate.Name, gate.Why, gate.ClearsAt));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Look_MentionDeletedOrItsMarkEditedOut_EndsAndSaysSo(bool delete)
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();
        await (delete ? ground.DeleteMentionAsync() : ground.EditMentionAsync("Never mind."));
        ground.Time.Skip(TimeSpan.FromMinutes(5));

        var run = await ground.LookAsync();

        Assert.Equal((RunState.Ended, RunEndReason.Failed), (run.State, run.EndReason));
        Assert.Contains("is gone: somebody deleted it", run.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Look_MentionBlocked_WaitsAndSaysWhyUntilItIsMended()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.LookAsync();
        var refused = ground.GitHub.Fail("POST", "/repos/acme/manager/issues/*/comments", GitHubFault.Json(403, "Resource not accessible by personal access token"), times: 100);
        await ground.PostAsync();

        Assert.Equal(OutboxStates.Blocked, await ground.ReadAsync((db, ct) => db.Outbox.Where(o => o.Kind == "issue.comment").Select(o => o.State).SingleAsync(ct)));
        var run = await ground.LookAsync();
        Assert.Equal(RunState.Parked, run.State);
        Assert.Contains("GitHub did not take it yet", run.WorkItem!.StateReason, StringComparison.Ordinal);
        Assert.True(run.NotBefore <= ground.Time.GetUtcNow().AddMinutes(2));

        refused.Stop();
        await ground.Get<OutboxDispatcher>().RetryBlockedAsync(TestStore.Operation, TestContext.Current.CancellationToken);
        await ground.PostAsync();
        Assert.Contains("is awaited", (await ground.LookAsync()).WorkItem!.StateReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Look_MentionEditedByAPerson_WaitsOn()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();
        await ground.EditMentionAsync(ground.Mention.Body + "\nAnd mind the tests.");
        ground.Time.Skip(TimeSpan.FromMinutes(5));

        Assert.Equal(RunState.Parked, (await ground.LookAsync()).State);
    }

    [Fact]
    public async Task Look_IssueDeleted_Ends()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();
        ground.Issue.Delete();

        Assert.Equal(RunEndReason.Failed, (await ground.LookAsync()).EndReason);
    }

    [Fact]
    public async Task Poll_IssueClosedWhileItWaits_EndsTheRunAsTheIssueSays()
    {
        await using var ground = await MentionGround.StartAsync();
        await ground.MentionedAsync();

        await ground.PollAsync();
        ground.Issue.Close("mallory");
        await ground.PollAsync();
        var run = await ground.RunAsync();

        Assert.Equal((RunState.Ended, RunEndReason.Cancelled), (run.State, run.EndReason));
        Assert.True(run.WorkItem!.State is WorkItemState.Closed or WorkItemState.Rejected, run.WorkItem.State.ToString());
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task Cancel_BeforeTheMentionIsPosted_NobodyIsMentioned(string provider)
    {
        await using var ground = await MentionGround.StartAsync(provider: provider);
        var run = await ground.LookAsync();

        await ground.Get<RunService>().CancelAsync(TestStore.Operation, run.Id, TestContext.Current.CancellationToken);
        await ground.PostAsync();

        Assert.DoesNotContain(ground.Issue.Comments, c => c.Body.Contains("please begin work", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Claim_HandleChangedSinceTheApproval_MentionsNobody()
    {
        await using var ground = await MentionGround.StartAsync();
        var current = ground.Get<CurrentConfiguration>();

        current.Swap(current.Value with { Executor = current.Value.Executor with { TerragonUsername = "@mallory" } });

        Assert.Null(await ground.ClaimAsync());
        var run = await ground.RunAsync();
        Assert.Equal((RunState.Ended, RunEndReason.PolicyBlocked), (run.State, run.EndReason));
        Assert.Contains("would now run @mallory", run.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_WhileItWaits_EndsAtOnce()
    {
        await using var ground = await MentionGround.StartAsync();
        var run = await ground.MentionedAsync();

        await ground.Get<RunService>().CancelAsync(TestStore.Operation, run.Id, TestContext.Current.CancellationToken);

        Assert.Equal(RunEndReason.Cancelled, (await ground.RunAsync()).EndReason);
    }

    [Fact]
    public async Task Look_HandleIsOurOwnAccount_EndsAsMisconfigured()
    {
        await using var ground = await MentionGround.StartAsync("@service");

        Assert.Equal(RunEndReason.ConfigurationError, (await ground.LookAsync()).EndReason);
        Assert.Empty(ground.Issue.Comments);
    }
}
