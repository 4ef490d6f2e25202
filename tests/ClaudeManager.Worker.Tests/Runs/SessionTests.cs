using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Models;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>What the real <c>claude</c> carries from one attempt to the next: its conversation, and what it has used.</summary>
public sealed class SessionTests
{
    private static readonly string s_token = "ghp_" + "9fK2mQ7xR4tB8vN1cZ5wL3jH6dS0aY2eG8uP";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ExecuteAsync_StoppedAndTakenOverByAnotherMachine_GoesOnWithTheConversation()
    {
        var resumed = false;
        var never = new TaskCompletionSource();
        await using var model = await MessagesApi.StartAsync(request => resumed || request.Results.Count == 0 ? Seen(ModelScenarios.ResolveTodo(request)) : new ModelTurn.Held(never.Task, ModelTurn.Say("unreachable")), ct: Ct);
        await using var ground = await RunGround.StartAsync("", model: model.BaseAddress);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.Get<RunExecutor>().ExecuteAsync(TestStore.Operation, claim!, stopping.Token);
        await model.NextRequestAsync(Ct);
        await model.NextRequestAsync(Ct);

        await stopping.CancelAsync();
        await working;
        Directory.Delete(ground.Data.RunsRoot, recursive: true);
        Directory.Delete(ground.Data.ObjectStore(claim!.Run.RepositoryId), recursive: true);
        resumed = true;
        var before = model.Requests.Count;
        var done = await ground.RunAsync();

        Assert.Equal(claim.Run.Id, done.Run.Id);
        await ground.AssertEndedAsync(done, RunEndReason.Completed, WorkItemState.Review);
        var asked = model.Requests.Skip(before).First();
        Assert.Contains(claim.Approval.Prompt, asked.Prompts);
        var said = asked.Body.GetRawText();
        Assert.Contains("I read src/sum.sh first.", said, StringComparison.Ordinal);
        Assert.Contains("echo 0", said, StringComparison.Ordinal);
        Assert.DoesNotContain(s_token, said, StringComparison.Ordinal);
        Assert.DoesNotContain(await ground.EventsAsync(done.Run.Id), e => e.Text.Contains("starts over", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AgainAsync_ResumeOfACancelledRun_IsAnotherRunInTheSameConversation()
    {
        var resumed = false;
        var never = new TaskCompletionSource();
        await using var model = await MessagesApi.StartAsync(request => resumed || request.Results.Count == 0 ? ModelScenarios.ResolveTodo(request) : new ModelTurn.Held(never.Task, ModelTurn.Say("unreachable")), ct: Ct);
        await using var ground = await RunGround.StartAsync("", model: model.BaseAddress);
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();
        var working = ground.ExecuteAsync(claim!);
        await model.NextRequestAsync(Ct);
        await model.NextRequestAsync(Ct);
        RunGround.Good(await ground.Get<RunService>().CancelAsync(TestStore.Operation, claim!.Run.Id, Ct));
        await working;
        resumed = true;
        var before = model.Requests.Count;

        RunGround.Good(await ground.Get<RunService>().AgainAsync(TestStore.Operation, claim.Run.Id, resume: true, Ct));
        var done = await ground.RunAsync();

        Assert.NotEqual(claim.Run.Id, done.Run.Id);
        await ground.AssertEndedAsync(done, RunEndReason.Completed, WorkItemState.Review);
        var asked = model.Requests.Skip(before).First();
        Assert.Contains(claim.Approval.Prompt, asked.Prompts);
        Assert.StartsWith("You were interrupted.", asked.Prompt, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ExecuteAsync_SessionTooLargeForTheStore_StaysHereAndSaysSo()
    {
        await using var model = await MessagesApi.StartAsync(ModelScenarios.Script(ModelTurn.Say("Nothing to do.")), ct: Ct);
        await using var ground = await RunGround.StartAsync("", model: model.BaseAddress, maxStoredBytes: 4096);
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        Assert.Single(await ground.EventsAsync(run.Run.Id), e => e.Kind == "notice" && e.Text.EndsWith("it is kept on this machine only.", StringComparison.Ordinal));
        Assert.False(await ground.ReadAsync((db, ct) => db.RunArtifacts.AnyAsync(a => a.Kind == RunArtifacts.Session, ct)));
    }

    [Fact]
    public async Task ExecuteAsync_SecondAttempt_AddsWhatItUsesToTheFirst()
    {
        var failing = true;
        await using var model = await MessagesApi.StartAsync(
            request => request.Results.Count == 0 && failing ? ModelTurn.Use("Read", new { file_path = "README.md" }) : failing ? ModelTurn.Overloaded() : ModelTurn.Say("Nothing to do."), ct: Ct);
        await using var ground = await RunGround.StartAsync("", OneRequestOnly, model: model.BaseAddress);
        await ground.ApproveAsync();
        var first = await ground.RunAsync();
        Assert.Equal(RunState.Queued, first.Run.State);
        failing = false;
        ground.Time.Skip(TimeSpan.FromMinutes(1));

        var second = await ground.RunAsync();

        await ground.AssertEndedAsync(second, RunEndReason.NoChanges, WorkItemState.Proposed);
        Assert.True(first.Run.CostUsd > 0);
        Assert.Equal(2 * first.Run.CostUsd!.Value, second.Run.CostUsd!.Value);
        Assert.Equal((2_000L, 100L), (second.Run.InputTokens!.Value, second.Run.OutputTokens!.Value));
        Assert.True(second.Run.Turns > first.Run.Turns);
    }

    [Fact]
    public async Task AgainAsync_ResumeOfARunThatUsedUpItsBudget_EndsWithoutAskingTheModel()
    {
        await using var model = await MessagesApi.StartAsync(
            _ => new ModelTurn.Message([new ModelBlock.ToolUse("Read", new() { ["file_path"] = "README.md" })], InputTokens: 5_000_000, OutputTokens: 1_000), ct: Ct);
        await using var ground = await RunGround.StartAsync("", model: model.BaseAddress);
        await ground.ApproveAsync();
        var first = await ground.RunAsync();
        await ground.AssertEndedAsync(first, RunEndReason.BudgetExhausted, WorkItemState.Proposed);
        var asked = model.Requests.Count;

        RunGround.Good(await ground.Get<RunService>().AgainAsync(TestStore.Operation, first.Run.Id, resume: true, Ct));
        var second = await ground.RunAsync();

        await ground.AssertEndedAsync(second, RunEndReason.BudgetExhausted, WorkItemState.Proposed);
        Assert.Contains("Nothing is left of the approved budget", second.Run.EndDetail, StringComparison.Ordinal);
        Assert.Equal(asked, model.Requests.Count);
    }

    /// <summary>The turn, and the model names a token while at it.</summary>
    private static ModelTurn Seen(ModelTurn turn)
        => turn is ModelTurn.Message message ? message with { Blocks = [new ModelBlock.Text($"A token stands there: {s_token}"), .. message.Blocks] } : turn;

    private static ExecutorConfiguration OneRequestOnly(ExecutorConfiguration executor)
        => executor with { ClaudeCode = executor.ClaudeCode with { Environment = new Dictionary<string, string> { ["CLAUDE_CODE_MAX_RETRIES"] = "0" } } };

    /// <summary>Another run would only be refused as well: nobody asks the model before the reset, and everybody is told why.</summary>
    [Fact]
    public async Task ExecuteAsync_UsageLimit_ParksTheRunAndHoldsTheOthersUntilTheReset()
    {
        DateTimeOffset? reset = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().AddHours(3).ToUnixTimeSeconds());
        await using var model = await MessagesApi.StartAsync(request => reset is { } limit ? ModelTurn.UsageLimit(limit) : ModelScenarios.ResolveTodo(request), ct: Ct);
        await using var ground = await RunGround.StartAsync("", model: model.BaseAddress);
        var other = await ground.ApproveAnotherAsync(await ground.ApproveAsync());
        var parked = await ground.RunAsync();

        Assert.Equal((RunState.Parked, reset), (parked.Run.State, parked.Run.NotBefore));
        var asked = model.Requests.Count;
        Assert.Null(await ground.ClaimAsync());
        var gate = Assert.Single(RunGround.Good(await ground.Get<WorkItemService>().ExplainAsync(other, Ct)), g => !g.Open);
        Assert.Equal(("rate_limit", reset), (gate.Name, gate.ClearsAt));
        Assert.Contains($"run {parked.Run.Id} ", gate.Why, StringComparison.Ordinal);
        Assert.Equal(asked, model.Requests.Count);

        ground.Time.Skip(TimeSpan.FromHours(3));
        reset = null;
        RunDetailDto[] done = [await ground.RunAsync(), await ground.RunAsync()];
        Assert.All(done, run => Assert.True(run.Run.EndReason == RunEndReason.Completed, run.Run.EndDetail));
        var resumed = Assert.Single(done, run => run.Run.Id == parked.Run.Id);
        Assert.Equal((2, parked.SessionId), (resumed.Run.Attempt, resumed.SessionId));
        Assert.Equal(1, Assert.Single(done, run => run.Run.Id != parked.Run.Id).Run.Attempt);
    }

    /// <summary>A person knows that the account has been given more: another run that was parked by the same limit holds this one no longer.</summary>
    [Fact]
    public async Task AgainAsync_OfARunParkedByAUsageLimit_StartsItWhateverOthersWaitFor()
    {
        var reset = TimeProvider.System.GetUtcNow().AddHours(3);
        await using var model = await MessagesApi.StartAsync(_ => ModelTurn.UsageLimit(reset), ct: Ct);
        await using var ground = await RunGround.StartAsync("", model: model.BaseAddress);
        var other = await ground.ApproveAnotherAsync(await ground.ApproveAsync());
        var parked = await ground.RunAsync();
        await ground.Get<Store>().WriteAsync(
            TestStore.Operation,
            (tx, ct) => tx.Db.Runs.Where(r => r.WorkItemId == other)
                .ExecuteUpdateAsync(u => u.SetProperty(r => r.State, RunState.Parked).SetProperty(r => r.NotBefore, reset).SetProperty(r => r.FailureClass, FailureClass.Budget), ct),
            Ct);

        RunGround.Good(await ground.Get<RunService>().AgainAsync(TestStore.Operation, parked.Run.Id, resume: true, Ct));

        Assert.Equal(parked.Run.Id, (await ground.ClaimAsync())?.Run.Id);
    }
}
