using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.GitHub;

/// <summary>How a verified result gets to GitHub, once, whatever happens on the way.</summary>
public sealed class PublishTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>As where whoever filed the issue was killed between GitHub's answer and the commit: whoever looks again writes down that it is there.</summary>
    [Fact]
    public async Task ExecuteAsync_ItsIssueIsStillToBeFiled_WaitsForItWithoutWorkingAgain()
    {
        await using var ground = await PublishGround.StartAsync();
        await ground.Get<Store>().WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            await tx.Db.ProposalIssues.ExecuteDeleteAsync(token);
            await tx.Db.Outbox.Where(o => o.Kind == ProposalIssues.Create).ExecuteUpdateAsync(set => set.SetProperty(o => o.State, OutboxStates.Pending), token);
        }, Ct);

        var waits = await ground.RunAsync();

        Assert.Equal(RunState.Parked, waits.Run.State);
        Assert.Contains("still to be filed", (await ground.ItemAsync()).Item.StateReason, StringComparison.Ordinal);
        Assert.Empty(ground.App.Pulls);

        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.StartsWith($"Closes acme/manager#{ground.Issue.Number}\n", ground.Pull.Issue.Body, StringComparison.Ordinal);
        Assert.Single(await File.ReadAllLinesAsync(Path.Combine(ground.Outside, "starts"), Ct));
        Assert.Single(ground.Issue.Comments);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task ExecuteAsync_GoodWork_OpensADraftThatClosesItsIssueAndSaysSoThere(string provider)
    {
        await using var ground = await PublishGround.StartAsync(executor: e => e with { Publish = e.Publish with { Reviewers = ["alice"] } }, provider: provider);

        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        var pull = ground.Pull;
        Assert.True(pull.IsDraft);
        Assert.Equal(("main", PublishGround.Branch, run.Run.ResultCommit), (pull.Base, pull.Head, pull.HeadSha));
        Assert.Equal(run.BaseCommit, (await GitCommand.RunAsync(ground.App.GitDirectory, ["rev-parse", pull.HeadSha + "^"], Ct)).Text);
        Assert.StartsWith($"Closes acme/manager#{ground.Issue.Number}\n", pull.Issue.Body, StringComparison.Ordinal);
        Assert.Contains("`sh tests/run.sh`: passed", pull.Issue.Body, StringComparison.Ordinal);
        Assert.Contains("Approved by `local:tester`", pull.Issue.Body, StringComparison.Ordinal);
        Assert.Contains("<!-- claude-manager run:1/", pull.Issue.Body, StringComparison.Ordinal);
        Assert.Contains($"correlation id `{await ground.Get<Store>().ReadAsync((db, token) => db.WorkItems.Select(w => w.CorrelationId).SingleAsync(token), Ct)}`", pull.Issue.Body, StringComparison.Ordinal);
        Assert.Equal("service", pull.Issue.Author!.Login);
        Assert.Single(ground.GitHub.Ledger.Requests, r => r.Path.EndsWith("/requested_reviewers", StringComparison.Ordinal) && r.Status == 201);
        var comment = Assert.Single(ground.Issue.Comments);
        Assert.Contains($"acme/app/pull/{pull.Issue.Number}", comment.Body, StringComparison.Ordinal);
        Assert.Contains("<!-- claude-manager result:1 -->", comment.Body, StringComparison.Ordinal);
        Assert.Equal(new PullRequestDto("acme/app", pull.Issue.Number, run.Run.PullRequest!.Url, "open", null), run.Run.PullRequest);
        var item = await ground.ItemAsync();
        Assert.Equal((WorkItemState.Review, run.Run.PullRequest), (item.Item.State, item.PullRequest));
    }

    [Theory]
    [InlineData("POST", "*/git-receive-pack")]
    [InlineData("POST", "*/pulls")]
    public async Task ExecuteAsync_AnswerLostAfterTheEffect_IsTriedAgainAndHadOnce(string method, string path)
    {
        await using var ground = await PublishGround.StartAsync();
        ground.GitHub.Fail(method, path, new GitHubFault.ResetAfter());

        var run = await ground.RunAsync();
        if (run.Run.State == RunState.Queued)
        {
            // git may also have sent it again by itself, on a new connection.
            run = await ground.RunAsync();
        }

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.Equal(run.Run.ResultCommit, ground.Pull.HeadSha);
        Assert.Equal(["main", PublishGround.Branch], ground.App.Branches.Keys.Order(StringComparer.Ordinal).Reverse());
        Assert.Single(ground.Issue.Comments);
        Assert.Single(await File.ReadAllLinesAsync(Path.Combine(ground.Outside, "starts"), Ct));
    }

    [Theory]
    [InlineData("POST", "*/git-receive-pack")]
    [InlineData("POST", "*/pulls")]
    public async Task ExecuteAsync_WorkerDiesBetweenTheEffectAndTheCommit_NextAttemptFindsIt(string method, string path)
    {
        await using var ground = await PublishGround.StartAsync();
        var dead = new TaskCompletionSource();
        var fault = ground.GitHub.Fail(method, path, new GitHubFault.Held(dead.Task, AfterEffect: true));
        var first = ground.ExecuteAsync(await ground.ClaimAsync());
        await fault.Reached;

        // What the reaper does with the run of a worker that is gone; whatever the first one still does is void.
        await ground.WriteAsync((db, ct) => db.Runs.ExecuteUpdateAsync(u => u.SetProperty(r => r.LeaseOwner, (string?)null).SetProperty(r => r.State, RunState.Queued), ct));
        await ground.WriteAsync((db, ct) => db.WorkItems.ExecuteUpdateAsync(u => u.SetProperty(w => w.State, WorkItemState.Queued), ct));
        dead.SetResult();
        await first;
        Assert.Equal(RunState.Queued, (await ground.RunOfAsync(1)).Run.State);
        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.Equal(run.Run.ResultCommit, ground.Pull.HeadSha);
        Assert.Single(ground.Issue.Comments);
    }

    [Fact]
    public async Task ExecuteAsync_SomebodyElsesBranchOfThatName_IsLeftAlone()
    {
        await using var ground = await PublishGround.StartAsync();
        var theirs = await ground.App.CommitAsync("Mine", [("mine.txt", "x\n")], Ct, PublishGround.Branch);

        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.Equal(PublishGround.Branch + "-2", ground.Pull.Head);
        Assert.Equal(theirs, ground.App.Branches[PublishGround.Branch]);
    }

    [Fact]
    public async Task ExecuteAsync_ProtectedBranch_EndsWithGitHubsReasonToldOnTheIssue()
    {
        await using var ground = await PublishGround.StartAsync();
        ground.App.Protect(PublishGround.Branch);

        var run = await ground.RunAsync();

        Assert.Equal((RunEndReason.Failed, WorkItemState.Proposed), (run.Run.EndReason, (await ground.ItemAsync()).Item.State));
        Assert.Contains("git push failed", run.Run.EndDetail, StringComparison.Ordinal);
        Assert.Empty(ground.App.Pulls);
        Assert.Contains("ended: **failed**", Assert.Single(ground.Issue.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ExecuteAsync_NoPermission_EndsAsConfigurationErrorAndResumesWithoutTheAgent()
    {
        await using var ground = await PublishGround.StartAsync();
        ground.App.Collaborator("service", GitHubRole.Read);

        var run = await ground.RunAsync();

        Assert.Equal(RunEndReason.ConfigurationError, run.Run.EndReason);
        Assert.Contains("may not push to acme/app", run.Run.EndDetail, StringComparison.Ordinal);
        ground.App.Collaborator("service", GitHubRole.Write);
        Assert.Null((await ground.Get<RunService>().AgainAsync(TestStore.Operation, run.Run.Id, resume: true, Ct)).Refusal);
        var again = await ground.RunAsync();
        Assert.True(again.Run.EndReason == RunEndReason.Completed, again.Run.EndDetail);
        Assert.Equal(again.Run.ResultCommit, ground.Pull.HeadSha);
        Assert.Single(await File.ReadAllLinesAsync(Path.Combine(ground.Outside, "starts"), Ct));
    }

    [Fact]
    public async Task ExecuteAsync_RenamedMeanwhile_IsPublishedUnderTheNewName()
    {
        await using var ground = await PublishGround.StartAsync();
        ground.App.Rename("acme/renamed");

        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.Equal("acme/renamed", run.Run.PullRequest!.Repository);
        Assert.Equal(run.Run.ResultCommit, ground.Pull.HeadSha);
    }

    [Fact]
    public async Task ExecuteAsync_ArchivedMeanwhile_EndsAndSaysSo()
    {
        await using var ground = await PublishGround.StartAsync();
        ground.App.IsArchived = true;

        var run = await ground.RunAsync();

        Assert.Equal(RunEndReason.Failed, run.Run.EndReason);
        Assert.Contains("archived", run.Run.EndDetail, StringComparison.Ordinal);
        Assert.Contains("archived", Assert.Single(ground.Issue.Comments).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ExecuteAsync_BaseBranchMovedElsewhere_IsPublishedOnTheApprovedBase()
    {
        await using var ground = await PublishGround.StartAsync();
        await ground.App.CommitAsync("Docs", [("README.md", "# More sums\n")], Ct);

        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.Equal(run.BaseCommit, (await GitCommand.RunAsync(ground.App.GitDirectory, ["rev-parse", ground.Pull.HeadSha + "^"], Ct)).Text);
        Assert.Equal(WorkItemState.Review, (await ground.ItemAsync()).Item.State);
    }

    [Fact]
    public async Task ExecuteAsync_GitHubSaysWhenItIsFree_ParksUntilThenAtNoCost()
    {
        await using var ground = await PublishGround.StartAsync();
        ground.GitHub.Fail("POST", "*/pulls", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(10)));

        Assert.Equal(RunState.Parked, (await ground.RunAsync()).Run.State);
        Assert.Equal(0, await ground.ReadAsync((db, ct) => db.Runs.Select(r => r.Failures).SingleAsync(ct)));
        var run = await ground.RunAsync();

        Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail);
        Assert.Equal(run.Run.ResultCommit, ground.Pull.HeadSha);
    }
}
