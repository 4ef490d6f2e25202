using System.Globalization;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Worker.Loops;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Worker.Tests.Loops;

public sealed class ReapLoopTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunOfAWorkerThatIsGone_GoesBackToTheQueue_WhenItsLeaseIsOverAndNoSooner()
    {
        var time = PassingTime.StartingAt(12, 0);
        await using var ground = await RunGround.StartAsync("", clock: time);
        await ground.ApproveAsync();
        var claim = Assert.Single(await ground.Get<RunQueue>().ClaimAsync(TestStore.Operation, "another-boot", 1, name => ground.Get<AgentCatalog>().Find(name) is not null, [], Ct));
        var expires = await ground.ReadAsync((db, ct) => db.Runs.Select(r => r.LeaseExpiresAt).SingleAsync(ct));
        using var loop = new ReapLoop(ground.Get<RunRecovery>(), ground.Get<Operation>(), new EventSignal(), time, NullLogger<ReapLoop>.Instance);

        await loop.StartAsync(Ct);
        await time.PassAsync(TimeSpan.FromSeconds(1), () => ground.ReadAsync((db, ct) => db.Runs.AnyAsync(r => r.State == RunState.Queued, ct)), "the run is queued again");
        await loop.StopAsync(Ct);

        var run = await ground.ReadAsync((db, ct) => db.Runs.Include(r => r.WorkItem).SingleAsync(ct));
        Assert.Equal((null, WorkItemState.Queued, 1), (run.LeaseOwner, run.WorkItem!.State, run.Failures));
        var id = claim.Run.Id.ToString(CultureInfo.InvariantCulture);
        var requeued = await ground.ReadAsync((db, ct) => db.AuditEntries.Where(a => a.SubjectType == "run" && a.SubjectId == id).MaxAsync(a => a.At, ct));
        Assert.True(requeued >= expires, $"Taken at {requeued:u}, leased until {expires:u}.");
    }
}
