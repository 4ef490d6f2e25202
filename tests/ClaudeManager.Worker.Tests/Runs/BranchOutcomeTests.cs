using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Runs.Outcomes;
using ClaudeManager.Tests.Shared.Persistence;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>What people do with the branch a run left in their repository.</summary>
public sealed class BranchOutcomeTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("merge --no-ff --quiet BRANCH", WorkItemState.Done)]
    [InlineData("merge --ff-only --quiet BRANCH", WorkItemState.Done)]
    [InlineData("cherry-pick BRANCH", WorkItemState.Done)]
    [InlineData("branch -D BRANCH", WorkItemState.Proposed)]
    [InlineData("branch -m BRANCH mine", WorkItemState.Review)]
    [InlineData("status", WorkItemState.Review)]
    public async Task PollAsync_WhatBecameOfTheBranch_IsNoticed(string command, WorkItemState state)
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await ground.ApproveAsync();
        var run = await ground.RunAsync();

        await ground.Project.GitAsync(Ct, command.Replace("BRANCH", run.Run.Branch!, StringComparison.Ordinal).Split(' '));
        await ground.Get<BranchOutcomes>().PollAsync(TestStore.Operation, Ct);

        Assert.Equal(state, (await ground.ItemAsync()).State);
    }

    [Fact]
    public async Task PollAsync_BranchItGoesToMovesOn_ConflictComesAndGoes()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await ground.ApproveAsync();
        await ground.RunAsync();
        var before = await ground.Project.GitAsync(Ct, "rev-parse", "HEAD");

        await File.WriteAllTextAsync(Path.Combine(ground.Project.Path, "src", "sum.sh"), "#!/bin/sh\n# sums\necho 0\n", Ct);
        await ground.Project.GitAsync(Ct, "commit", "--quiet", "-am", "Another way");
        await ground.Get<BranchOutcomes>().PollAsync(TestStore.Operation, Ct);
        Assert.Equal(WorkItemState.Conflict, (await ground.ItemAsync()).State);

        await ground.Project.GitAsync(Ct, "reset", "--quiet", "--hard", before);
        await ground.Get<BranchOutcomes>().PollAsync(TestStore.Operation, Ct);
        Assert.Equal(WorkItemState.Review, (await ground.ItemAsync()).State);
    }
}
