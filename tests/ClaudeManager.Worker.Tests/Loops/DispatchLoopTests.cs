using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;
using ClaudeManager.Worker.Loops;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Worker.Tests.Loops;

/// <summary>A Worker that is told to stop: what happens to the run in its hands, and to the one that waits.</summary>
public sealed class DispatchLoopTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StopAsync_RunEndsWithinTheGrace_IsCompletedAndNothingMoreIsClaimed()
    {
        await using var ground = await RunGround.StartAsync($"echo begins; while [ ! -e \"$OUTSIDE/enough\" ]; do sleep 0.1; done; {RunGround.Fix}", e => e with { StopGrace = TimeSpan.FromMinutes(10) });
        using var loop = LoopOf(ground);
        var first = await ground.ApproveAsync();
        await loop.StartAsync(Ct);
        await ground.UntilSaidAsync(first.Runs[0].Id, "begins");
        var other = await ground.ApproveAnotherAsync(first);

        var stopping = loop.StopAsync(Ct);
        await File.WriteAllTextAsync(Path.Combine(ground.Outside, "enough"), "", Ct);
        await stopping;

        var done = await ground.RunOfAsync(first.Runs[0].Id);
        Assert.Equal((RunEndReason.Completed, 1), (done.Run.EndReason, done.Run.Attempt));
        Assert.Equal(other, (await ground.ClaimAsync())?.Item.Id);
    }

    [Fact]
    public async Task StopAsync_RunOutlastsTheGrace_IsParkedWithItsWorkAndFreeForOthers()
    {
        await using var ground = await RunGround.StartAsync($"if [ -f part1 ]; then {RunGround.Fix}; else echo first >part1; echo begins; sleep 1000; fi", e => e with { StopGrace = TimeSpan.FromMilliseconds(200) });
        using var loop = LoopOf(ground);
        var run = (await ground.ApproveAsync()).Runs[0].Id;
        await loop.StartAsync(Ct);
        await ground.UntilSaidAsync(run, "begins");

        await loop.StopAsync(Ct);

        var parked = await ground.RunOfAsync(run);
        Assert.Equal((RunState.Parked, (DateTimeOffset?)null), (parked.Run.State, parked.Run.NotBefore));
        Assert.NotNull(parked.WipReference);
        Assert.Empty(ground.Processes());
        Assert.Null(await ground.ReadAsync((db, ct) => db.Runs.Where(r => r.Id == run).Select(r => r.LeaseOwner).SingleAsync(ct)));
        var done = await ground.RunAsync();
        Assert.Equal((run, 2), (done.Run.Id, done.Run.Attempt));
        await ground.AssertEndedAsync(done, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["part1", "src/sum.sh"], await ground.PublishedPathsAsync(done));
    }

    private static DispatchLoop LoopOf(RunGround ground)
        => new(ground.Get<RunQueue>(), ground.Get<RunExecutor>(), ground.Get<AgentCatalog>(), ground.Get<InstanceRegistry>(), ground.Get<CurrentConfiguration>(), ground.Get<Operation>(), ground.Get<EventSignal>(), ground.Time,
            NullLogger<DispatchLoop>.Instance);
}
