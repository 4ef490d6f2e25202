using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>A result the diff gate blocked, let through by a person: this result, and no other.</summary>
public sealed class LiftTests
{
    private const string Reason = "The workflow was agreed on in the planning meeting.";

    // Its second time the agent writes something else, where everybody sees that it worked again.
    private const string Script =
        "mkdir -p .github/workflows; if mkdir \"$OUTSIDE/worked\"; then echo 'on: push' > .github/workflows/ci.yml; else mkdir \"$OUTSIDE/again\"; echo 'on: schedule' > .github/workflows/ci.yml; fi; " + RunGround.Fix;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task LiftBlock_WithAReason_PublishesExactlyTheBlockedResultAndIsAudited(string provider)
    {
        await using var ground = await RunGround.StartAsync(Script, provider: provider);
        await ground.ApproveAsync();
        var blocked = await ground.RunAsync();
        await ground.AssertEndedAsync(blocked, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.Null(await ground.Get<RunService>().PatchAsync(blocked.Run.Id, Ct));

        var accepted = RunGround.Good(await ground.Get<RunService>().LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct));
        var published = await ground.RunAsync();

        Assert.Equal(accepted.RunId, published.Run.Id);
        await ground.AssertEndedAsync(published, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal([".github/workflows/ci.yml", "src/sum.sh"], await ground.PublishedPathsAsync(published));
        Assert.Equal("on: push", await ground.Project.GitAsync(Ct, "show", published.Run.Branch + ":.github/workflows/ci.yml"));
        Assert.False(Directory.Exists(Path.Combine(ground.Outside, "again")), "The agent worked again.");
        Assert.False(published.Gate!.Passed);
        Assert.Equal("passed", published.Receipt!.Verdict);
        Assert.Contains(await ground.EventsAsync(published.Run.Id), e => e.Kind == "notice" && e.Text.StartsWith(TestStore.Operation.Actor, StringComparison.Ordinal));
        var entry = Assert.Single(published.History, h => h.Action == "run.block_lifted");
        Assert.Equal((TestStore.Operation.Actor, Reason), (entry.Actor, entry.Detail));
        Assert.Equal("high", await ground.ReadAsync((db, ct) => db.AuditEntries.Where(a => a.Action == "run.block_lifted").Select(a => a.Severity).SingleAsync(ct)));
    }

    [Fact]
    public async Task LiftBlock_AnotherRunOfTheSameWork_IsBlockedAgain()
    {
        await using var ground = await RunGround.StartAsync(Script);
        await ground.ApproveAsync();
        var blocked = await ground.RunAsync();
        var runs = ground.Get<RunService>();
        var lifted = RunGround.Good(await runs.LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct));
        RunGround.Good(await runs.CancelAsync(TestStore.Operation, lifted.RunId!.Value, Ct));

        foreach (var (from, resume) in new[] { (blocked.Run.Id, true), (lifted.RunId.Value, false) })
        {
            RunGround.Good(await runs.AgainAsync(TestStore.Operation, from, resume, Ct));
            var other = await ground.RunAsync();
            await ground.AssertEndedAsync(other, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
            Assert.Null(await LiftedByAsync(ground, other.Run.Id));
        }
    }

    [Fact]
    public async Task LiftBlock_ResultLostAndMadeAnewWithOtherContent_IsBlockedAgain()
    {
        await using var ground = await RunGround.StartAsync(Script);
        await ground.ApproveAsync();
        var blocked = await ground.RunAsync();
        var lifted = RunGround.Good(await ground.Get<RunService>().LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct));
        Assert.Equal(TestStore.Operation.Actor, await LiftedByAsync(ground, lifted.RunId!.Value));

        // As on another machine, with a snapshot too large to be shared: neither the result nor the work is here.
        Directory.Delete(ground.Data.ObjectStore(blocked.Run.RepositoryId), recursive: true);
        await ground.Get<Store>().WriteAsync(TestStore.Operation, (tx, ct) => tx.Db.RunArtifacts.ExecuteDeleteAsync(ct), Ct);
        var again = await ground.RunAsync();

        Assert.True(Directory.Exists(Path.Combine(ground.Outside, "again")), "The agent did not work again.");
        await ground.AssertEndedAsync(again, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.NotEqual(blocked.Run.ResultCommit, again.Run.ResultCommit);
        Assert.Null(await LiftedByAsync(ground, again.Run.Id));
    }

    [Fact]
    public async Task LiftBlock_WhereItDoesNotApply_IsRefused()
    {
        await using var ground = await RunGround.StartAsync(Script);
        await ground.ApproveAsync();
        var blocked = await ground.RunAsync();
        var runs = ground.Get<RunService>();

        Assert.Equal("invalid", (await runs.LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(" "), Ct)).Refusal!.Code);
        Assert.Equal("not_found", (await runs.LiftBlockAsync(TestStore.Operation, 999, new LiftBlockRequest(Reason), Ct)).Refusal!.Code);
        var lifted = RunGround.Good(await runs.LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct));
        Assert.Equal("not_blocked", (await runs.LiftBlockAsync(TestStore.Operation, lifted.RunId!.Value, new LiftBlockRequest(Reason), Ct)).Refusal!.Code);
        Assert.Equal("not_open", (await runs.LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct)).Refusal!.Code);
        await ground.RunAsync();
        Assert.Equal("not_open", (await runs.LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct)).Refusal!.Code);
    }

    [Fact]
    public async Task LiftBlock_ApprovalNoLongerValid_IsRefused()
    {
        await using var ground = await RunGround.StartAsync(Script);
        await ground.ApproveAsync();
        var blocked = await ground.RunAsync();
        ground.Time.Skip(TimeSpan.FromDays(8));

        Assert.Equal("approval_not_valid", (await ground.Get<RunService>().LiftBlockAsync(TestStore.Operation, blocked.Run.Id, new LiftBlockRequest(Reason), Ct)).Refusal!.Code);
    }

    private static Task<string?> LiftedByAsync(RunGround ground, long run) => ground.ReadAsync((db, ct) => db.Runs.Where(r => r.Id == run).Select(r => r.GateLiftedBy).SingleAsync(ct));
}
