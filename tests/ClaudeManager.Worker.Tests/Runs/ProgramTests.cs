using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>An approval holds for the program that stood behind the agent's name, whenever the configuration changes.</summary>
public sealed class ProgramTests
{
    [Fact]
    public async Task Claim_ProgramChangedSinceTheApproval_DoesNotRunAndSaysSo()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await ground.ApproveAsync();
        Change(ground);

        Assert.Null(await ground.ClaimAsync());

        Assert.Contains("command:test has changed since it was approved", await NothingRanAsync(ground), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_ProgramChangedSinceTheClaim_DoesNotRunAndSaysSo()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        Change(ground);

        await ground.ExecuteAsync(claim!);

        Assert.Contains("command:test has changed since it was approved", await NothingRanAsync(ground), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_ProgramChangedWhileItRuns_PublishesNothing()
    {
        await using var ground = await RunGround.StartAsync("echo started; until [ -e \"$OUTSIDE/go\" ]; do sleep 0.05; done; " + RunGround.Fix);
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var execution = ground.ExecuteAsync(claim!);
        await ground.UntilSaidAsync(claim!.Run.Id, "started");
        Change(ground);
        await File.WriteAllTextAsync(Path.Combine(ground.Outside, "go"), "", TestContext.Current.CancellationToken);
        await execution;

        await ground.AssertEndedAsync(await ground.RunOfAsync(claim.Run.Id), RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.Contains("has changed since it was approved", (await ground.ItemAsync()).StateReason, StringComparison.Ordinal);
    }

    private static void Change(RunGround ground)
    {
        var current = ground.Get<CurrentConfiguration>();
        var commands = new Dictionary<string, CommandAgentConfiguration>(current.Value.Executor.Commands);
        commands["test"] = commands["test"] with { Args = ["-c", "touch \"$OUTSIDE/evil\""] };
        current.Swap(current.Value with { Executor = current.Value.Executor with { Commands = commands } });
    }

    private static async Task<string> NothingRanAsync(RunGround ground)
    {
        var item = await ground.ItemAsync();
        Assert.Equal(WorkItemState.Proposed, item.State);
        Assert.False(File.Exists(Path.Combine(ground.Outside, "evil")), "The other program ran.");
        return item.StateReason!;
    }
}
