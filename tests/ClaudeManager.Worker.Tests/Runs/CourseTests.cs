using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>The course of a run through cancel, resume, faults and a repository that moves on.</summary>
public sealed class CourseTests
{
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task CancelAsync_WhileTheAgentWorks_StopsItKeepsTheWorkAndResumeGoesOnFromIt(string provider)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var ground = await RunGround.StartAsync($"if [ -f part1 ]; then {RunGround.Fix}; else echo first > part1; echo halfway; sleep 1000; fi", provider: provider);
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.ExecuteAsync(claim!);
        await ground.UntilSaidAsync(claim!.Run.Id, "halfway");

        RunGround.Good(await ground.Get<RunService>().CancelAsync(TestStore.Operation, claim.Run.Id, ct));
        await working;

        var cancelled = await ground.RunOfAsync(claim.Run.Id);
        await ground.AssertEndedAsync(cancelled, RunEndReason.Cancelled, WorkItemState.Proposed);
        Assert.Equal(cancelled.WipReference, (await ground.StoreGitAsync(cancelled, "rev-parse", $"refs/claude-manager/wip/{claim.Run.Id}")).Text);

        RunGround.Good(await ground.Get<RunService>().AgainAsync(TestStore.Operation, claim.Run.Id, resume: true, ct));
        var resumed = await ground.RunAsync();

        Assert.NotEqual(claim.Run.Id, resumed.Run.Id);
        await ground.AssertEndedAsync(resumed, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["part1", "src/sum.sh"], await ground.PublishedPathsAsync(resumed));
    }

    [Fact]
    public async Task CancelAsync_WhileItWaits_EndsItAtOnceAndNothingIsStarted()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        var item = await ground.ApproveAsync();
        var id = Assert.Single(item.Runs).Id;

        RunGround.Good(await ground.Get<RunService>().CancelAsync(TestStore.Operation, id, TestContext.Current.CancellationToken));

        Assert.Null(await ground.ClaimAsync());
        var run = await ground.RunOfAsync(id);
        await ground.AssertEndedAsync(run, RunEndReason.Cancelled, WorkItemState.Proposed);
        Assert.Null(run.Run.StartedAt);
    }

    [Fact]
    public async Task ExecuteAsync_TheServiceStops_IsParkedAndGoesOnFromTheSavedWork()
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        await using var ground = await RunGround.StartAsync($"if [ -f part1 ]; then {RunGround.Fix}; else echo first > part1; echo halfway; sleep 1000; fi");
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.Get<RunExecutor>().ExecuteAsync(TestStore.Operation, claim!, stopping.Token);
        await ground.UntilSaidAsync(claim!.Run.Id, "halfway");

        await stopping.CancelAsync();
        await working;

        var waiting = await ground.RunOfAsync(claim.Run.Id);
        Assert.Equal((RunState.Parked, (DateTimeOffset?)null), (waiting.Run.State, waiting.Run.NotBefore));
        Assert.Equal(WorkItemState.Parked, (await ground.ItemAsync()).State);
        Assert.Empty(ground.Processes());

        var done = await ground.RunAsync();
        Assert.Equal(claim.Run.Id, done.Run.Id);
        Assert.Equal(2, done.Run.Attempt);
        await ground.AssertEndedAsync(done, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["part1", "src/sum.sh"], await ground.PublishedPathsAsync(done));
    }

    [Fact]
    public async Task ExecuteAsync_LeaseTakenByAnother_StopsTheAgentAndWritesNothing()
    {
        await using var ground = await RunGround.StartAsync("echo halfway; sleep 1000");
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.ExecuteAsync(claim!);
        await ground.UntilSaidAsync(claim!.Run.Id, "halfway");

        await ground.Get<Core.Persistence.Store>().WriteAsync(
            TestStore.Operation,
            (tx, ct) => tx.Db.Runs.Where(r => r.Id == claim.Run.Id).ExecuteUpdateAsync(u => u.SetProperty(r => r.LeaseOwner, "another").SetProperty(r => r.Attempt, 2), ct),
            TestContext.Current.CancellationToken);
        await working;

        var run = await ground.RunOfAsync(claim.Run.Id);
        Assert.Equal(RunState.Running, run.Run.State);
        Assert.Null(run.WipReference);
        Assert.Empty(ground.Processes());
    }

    [Fact]
    public async Task ExecuteAsync_ProgramGoneSinceTheApproval_EndsAsConfigurationError()
    {
        using var tools = new ClaudeManager.Tests.Shared.Repositories.TemporaryDirectory();
        var program = tools.Combine("agent");
        File.CreateSymbolicLink(program, "/bin/sh");
        await using var ground = await RunGround.StartAsync("", e => e with { Commands = new Dictionary<string, CommandAgentConfiguration> { ["test"] = new() { Program = program } } });
        await ground.ApproveAsync();
        File.Delete(program);

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.ConfigurationError, WorkItemState.Proposed);
        Assert.Contains(program, run.Run.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ExecuteAsync_FaultThatPasses_IsTriedAgainLaterAndCompletes()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await ground.ApproveAsync();
        Directory.Move(ground.Project.Path, ground.Project.Path + ".away");

        var first = await ground.RunAsync();

        Assert.Equal(RunState.Queued, first.Run.State);
        Assert.Equal(WorkItemState.Queued, (await ground.ItemAsync()).State);
        Assert.True(first.Run.NotBefore > ground.Time.GetUtcNow());
        Assert.Null(await ground.ClaimAsync());

        Directory.Move(ground.Project.Path + ".away", ground.Project.Path);
        ground.Time.Skip(TimeSpan.FromMinutes(1));
        var second = await ground.RunAsync();

        Assert.Equal(2, second.Run.Attempt);
        await ground.AssertEndedAsync(second, RunEndReason.Completed, WorkItemState.Review);
    }

    [Fact]
    public async Task ExecuteAsync_FaultThatStays_EndsAsFailedUnderTheCeiling()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix, e => e with { MaxAttempts = 3 });
        await ground.ApproveAsync();
        var away = ground.Project.Path + ".away";
        Directory.Move(ground.Project.Path, away);

        var waits = new List<TimeSpan>();
        for (var attempt = 1; attempt < 3; attempt++)
        {
            var before = ground.Time.GetUtcNow();
            var waiting = await ground.RunAsync();
            Assert.Equal(RunState.Queued, waiting.Run.State);
            waits.Add(waiting.Run.NotBefore!.Value - before);
            ground.Time.Skip(TimeSpan.FromMinutes(10));
        }

        var run = await ground.RunAsync();

        Directory.Move(away, ground.Project.Path);
        await ground.AssertEndedAsync(run, RunEndReason.Failed, WorkItemState.Proposed);
        Assert.Equal(3, run.Run.Attempt);
        Assert.True(waits[1] > waits[0]);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task ExecuteAsync_SameFailureTwice_QuarantinesTheItem(string provider)
    {
        await using var ground = await RunGround.StartAsync("echo no; exit 1", provider: provider);
        await ground.ApproveAsync();
        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.Failed, WorkItemState.Proposed);
        await ground.ApproveAsync((await ground.ItemAsync()).Id);

        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.Failed, WorkItemState.Quarantined);
    }

    /// <summary>What an agent leaves unfinished is something new if it is not what the last one left.</summary>
    [Theory]
    [InlineData("date +%N", WorkItemState.Proposed)]
    [InlineData("echo the same", WorkItemState.Quarantined)]
    public async Task ExecuteAsync_FailsTwiceWithUnfinishedWork_IsPoisonOnlyIfItIsTheSame(string work, WorkItemState expected)
    {
        await using var ground = await RunGround.StartAsync($"{work} > unfinished.txt; exit 1");
        await ground.ApproveAsync();
        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.Failed, WorkItemState.Proposed);
        await ground.ApproveAsync((await ground.ItemAsync()).Id);

        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.Failed, expected);
    }

    [Fact]
    public async Task ExecuteAsync_FailsAnotherWayTheSecondTime_DoesNotQuarantine()
    {
        await using var ground = await RunGround.StartAsync("if [ -f \"$OUTSIDE/once\" ]; then exit 0; fi; touch \"$OUTSIDE/once\"; exit 1");
        await ground.ApproveAsync();
        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.Failed, WorkItemState.Proposed);
        await ground.ApproveAsync((await ground.ItemAsync()).Id);

        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.NoChanges, WorkItemState.Proposed);
    }

    [Theory]
    [InlineData("edited")]
    [InlineData("deleted")]
    public async Task ExecuteAsync_FileChangedSinceTheApproval_DoesNotStartTheAgentAndAsksAgain(string how)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var ground = await RunGround.StartAsync($"touch \"$OUTSIDE/ran\"; {RunGround.Fix}");
        await ground.ApproveAsync();
        _ = how == "edited" ? ground.Project.Write("src/sum.sh", "#!/bin/sh\n# TODO: add both numbers\necho 00\n") : ground.Project.Delete("src/sum.sh");
        await ground.Project.CommitAsync("Meanwhile", ct);

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.False(File.Exists(Path.Combine(ground.Outside, "ran")));
        Assert.Contains("src/sum.sh", (await ground.ItemAsync()).StateReason, StringComparison.Ordinal);
        Assert.Equal("stale", await ground.ReadAsync((db, token) => db.Approvals.Select(a => a.State).SingleAsync(token)));
    }

    [Fact]
    public async Task ExecuteAsync_FileChangesWhileTheAgentWorks_PublishesNothingAndAsksAgain()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var ground = await RunGround.StartAsync($"echo halfway; while ! [ -f \"$OUTSIDE/go\" ]; do sleep 0.05; done; {RunGround.Fix}");
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.ExecuteAsync(claim!);
        await ground.UntilSaidAsync(claim!.Run.Id, "halfway");

        await ground.Project.Write("src/sum.sh", "#!/bin/sh\necho 0 and more\n").CommitAsync("Meanwhile", ct);
        await File.WriteAllTextAsync(Path.Combine(ground.Outside, "go"), "", ct);
        await working;

        await ground.AssertEndedAsync(await ground.RunOfAsync(claim.Run.Id), RunEndReason.PolicyBlocked, WorkItemState.Proposed);
    }

    [Theory]
    [InlineData("approval withdrawn")]
    [InlineData("approval forged")]
    [InlineData("text edited")]
    public async Task ExecuteAsync_ApprovalNoLongerHoldsWhileTheAgentWorks_PublishesNothingAndAsksAgain(string what)
    {
        await using var ground = await RunGround.StartAsync($"echo halfway; while ! [ -f \"$OUTSIDE/go\" ]; do sleep 0.05; done; {RunGround.Fix}");
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.ExecuteAsync(claim!);
        await ground.UntilSaidAsync(claim!.Run.Id, "halfway");

        await ground.Get<Core.Persistence.Store>().WriteAsync(
            TestStore.Operation,
            (tx, ct) => what switch
            {
                "approval withdrawn" => tx.Db.Approvals.ExecuteUpdateAsync(u => u.SetProperty(a => a.State, Core.Persistence.Entities.ApprovalStates.Withdrawn), ct),
                "approval forged" => tx.Db.Approvals.ExecuteUpdateAsync(u => u.SetProperty(a => a.BudgetMicroUsd, 1_000_000_000_000), ct),
                _ => tx.Db.WorkItems.ExecuteUpdateAsync(u => u.SetProperty(w => w.Body, "Something else."), ct),
            },
            TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(ground.Outside, "go"), "", TestContext.Current.CancellationToken);
        await working;

        await ground.AssertEndedAsync(await ground.RunOfAsync(claim.Run.Id), RunEndReason.PolicyBlocked, WorkItemState.Proposed);
    }

    [Fact]
    public async Task ExecuteAsync_BranchMovedElsewhere_IsPublishedOnTheApprovedBase()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await ground.ApproveAsync();
        await ground.Project.Write("other.txt", "new\n").CommitAsync("Meanwhile", TestContext.Current.CancellationToken);

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["src/sum.sh"], await ground.PublishedPathsAsync(run));
    }

    [Fact]
    public async Task ExecuteAsync_ResultNoLongerMerges_IsPublishedAndTheItemIsInConflict()
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; echo '# Totals' > README.md");
        await ground.ApproveAsync();
        await ground.Project.Write("README.md", "# Additions\n").CommitAsync("Meanwhile", TestContext.Current.CancellationToken);

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Conflict);
        Assert.Equal(["README.md", "src/sum.sh"], await ground.PublishedPathsAsync(run));
    }

    [Fact]
    public async Task ClaimAsync_ApprovalChangedInTheDatabase_IsRefusedAndAskedAgain()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        var item = await ground.ApproveAsync();
        await ground.Get<Core.Persistence.Store>().WriteAsync(
            TestStore.Operation, (tx, ct) => tx.Db.Approvals.ExecuteUpdateAsync(u => u.SetProperty(a => a.BudgetMicroUsd, 1_000_000_000_000), ct), TestContext.Current.CancellationToken);

        Assert.Null(await ground.ClaimAsync());

        await ground.AssertEndedAsync(await ground.RunOfAsync(Assert.Single(item.Runs).Id), RunEndReason.PolicyBlocked, WorkItemState.Proposed);
    }
}
