using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Worker.Loops;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Worker.Tests.Loops;

public sealed class SnoozeLoopTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SnoozedItem_ComesBackAtItsTime_AndNoSooner()
    {
        var time = PassingTime.StartingAt(12, 0);
        await using var ground = await RunGround.StartAsync("", clock: time);
        var repository = RunGround.Good(await ground.Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest(ground.Project.Path, Propose: true), Ct));
        RunGround.Good(await ground.Get<ScanService>().ScanAsync(TestStore.Operation, repository.Id, full: false, propose: null, Ct));
        var items = ground.Get<WorkItemService>();
        var item = await ground.ItemAsync();
        var until = time.GetUtcNow() + TimeSpan.FromHours(1);
        RunGround.Good(await items.SnoozeAsync(TestStore.Operation, item.Id, new SnoozeRequest(item.Version, until), Ct));
        using var loop = new SnoozeLoop(items, ground.Get<Operation>(), time, NullLogger<SnoozeLoop>.Instance);

        await loop.StartAsync(Ct);
        await time.PassAsync(TimeSpan.FromSeconds(30), async () => (await ground.ItemAsync()).State == WorkItemState.Proposed, "it is proposed again");
        await loop.StopAsync(Ct);

        var woken = await ground.ItemAsync();
        Assert.True(woken.UpdatedAt >= until, $"Woken at {woken.UpdatedAt:u}, snoozed until {until:u}.");
        Assert.Null(woken.SnoozedUntil);
    }
}
