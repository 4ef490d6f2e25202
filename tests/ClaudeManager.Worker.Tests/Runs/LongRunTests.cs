using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Persistence;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>What keeps a run is its worker's renewing and nothing else: neither that its agent speaks, nor how long it has worked.</summary>
public sealed class LongRunTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lease_OfASilentAgentThatWorksForSixHours_IsNeverTakenAway()
    {
        await using var ground = await RunGround.StartAsync(
            $"echo begins; while [ ! -e \"$OUTSIDE/enough\" ]; do sleep 0.1; done; {RunGround.Fix}", e => e with { Timeout = TimeSpan.FromHours(7), Stall = TimeSpan.FromHours(7) });
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.ExecuteAsync(claim!);
        await ground.UntilSaidAsync(claim!.Run.Id, "begins");
        var (keeper, queue) = (ground.Get<LeaseKeeper>(), ground.Get<RunQueue>());

        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromHours(6); passed += Lease.RenewEvery)
        {
            ground.Time.Skip(Lease.RenewEvery);
            keeper.RenewAll();
            Assert.Empty(await queue.ReapAsync(TestStore.Operation, [], expired: true, Ct));
        }

        await File.WriteAllTextAsync(Path.Combine(ground.Outside, "enough"), "", Ct);
        await working;
        var done = await ground.RunOfAsync(claim.Run.Id);
        await ground.AssertEndedAsync(done, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(1, done.Run.Attempt);
    }
}
