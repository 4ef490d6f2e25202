using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Worker.Loops;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Worker.Tests.Loops;

public sealed class HeartbeatLoopTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Process_IsLiveWhileTheLoopRuns_AndNoLongerWhenItIsStopped()
    {
        var time = PassingTime.StartingAt(12, 0);
        await using var ground = await RunGround.StartAsync("", clock: time);
        var instances = ground.Get<InstanceRegistry>();
        using var loop = new HeartbeatLoop(instances, ground.Get<InstanceSnapshots>(), ground.Get<InstanceCommands>(), ground.Get<Operation>(), time, NullLogger<HeartbeatLoop>.Instance);

        await loop.StartAsync(Ct);
        await time.PassAsync(InstanceRegistry.Heartbeat, async () => await MineAsync() is not null, "it has beaten once");
        var first = await MineAsync();
        await time.PassAsync(InstanceRegistry.Heartbeat, async () => (await MineAsync())!.HeartbeatAt >= first!.HeartbeatAt + TimeSpan.FromMinutes(1), "it has beaten for a minute");
        var mine = await MineAsync();
        await loop.StopAsync(Ct);

        Assert.Equal(first!.StartedAt, mine!.StartedAt);
        Assert.False((await MineAsync())!.Live);

        async Task<Core.Contracts.InstanceDto?> MineAsync() => (await instances.ListAsync(Ct)).SingleOrDefault(i => i.BootId == ground.Boot);
    }

    [Fact]
    public async Task Process_ThatNoLongerBeats_IsDeadAfterThreeMissedBeats()
    {
        var time = PassingTime.StartingAt(12, 0);
        await using var ground = await RunGround.StartAsync("", clock: time);
        var instances = ground.Get<InstanceRegistry>();
        await instances.BeatAsync(Ct);

        time.Advance(InstanceRegistry.DeadAfter - TimeSpan.FromSeconds(1));
        Assert.True(Assert.Single(await instances.ListAsync(Ct)).Live);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Assert.Single(await instances.ListAsync(Ct)).Live);
    }

    /// <summary>What limits are divided by while Redis is away.</summary>
    [Fact]
    public async Task LivePeers_AfterABeat_AreThoseOfTheSameRoleThatLive()
    {
        var time = PassingTime.StartingAt(12, 0);
        await using var ground = await RunGround.StartAsync("", clock: time);
        var mine = ground.Get<InstanceRegistry>();
        InstanceRegistry[] others = [.. new[] { "worker", "worker", "api" }.Select(role => new InstanceRegistry(ground.Get<Store>(), InstanceIdentity.Create(role, time), ground.Get<CurrentConfiguration>()))];
        await mine.BeatAsync(Ct);
        Assert.Equal(1, mine.LivePeers);

        foreach (var other in others)
        {
            await other.BeatAsync(Ct);
        }

        await mine.BeatAsync(Ct);
        Assert.Equal((3, 1), (mine.LivePeers, others[2].LivePeers));
        Assert.Equal((4, 4), (mine.LiveInstances, others[2].LiveInstances));

        await others[0].StopAsync(Ct);
        await mine.BeatAsync(Ct);
        Assert.Equal(2, mine.LivePeers);

        time.Advance(InstanceRegistry.DeadAfter + TimeSpan.FromSeconds(1));
        await mine.BeatAsync(Ct);
        Assert.Equal(1, mine.LivePeers);
    }
}
