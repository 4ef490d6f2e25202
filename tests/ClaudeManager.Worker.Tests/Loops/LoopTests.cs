using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;
using ClaudeManager.Worker.Loops;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Worker.Tests.Loops;

public sealed class LoopTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ExecuteAsync_RoundsThatThrow_DoNotEndTheLoop()
    {
        await using var ground = await RunGround.StartAsync("");
        using var loop = new FaultyLoop(ground.Get<Operation>());

        await loop.StartAsync(Ct);
        await loop.WentOn.WaitAsync(Ct);
        await loop.StopAsync(Ct);

        Assert.True(loop.ExecuteTask!.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task DispatchLoop_FaultOfTheStoreThatPasses_GoesOnAndCarriesTheRunOut()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix);
        var item = await ground.ApproveAsync();
        var faults = new FaultLogger();
        using var loop = new DispatchLoop(
            ground.Get<RunQueue>(), ground.Get<RunExecutor>(), ground.Get<AgentCatalog>(), ground.Get<InstanceRegistry>(), ground.Get<CurrentConfiguration>(), ground.Get<Operation>(), ground.Get<EventSignal>(), TimeProvider.System, faults);
        await AlterAsync(ground, "ALTER TABLE runs RENAME TO runs_away");

        await loop.StartAsync(Ct);
        await faults.Seen.WaitAsync(Ct);
        await AlterAsync(ground, "ALTER TABLE runs_away RENAME TO runs");
        await ground.UntilAsync((db, ct) => db.Runs.AnyAsync(r => r.State == RunState.Ended, ct));
        await loop.StopAsync(Ct);

        await ground.AssertEndedAsync(await ground.RunOfAsync(Assert.Single(item.Runs).Id), RunEndReason.Completed, WorkItemState.Review);
        // The person's request, the claim and the run are three operations on one piece of work.
        var began = await ground.ReadAsync((db, ct) => db.WorkItems.Where(w => w.Id == item.Item.Id).Select(w => w.CorrelationId).SingleAsync(ct));
        var followed = await ground.ReadAsync((db, ct) => db.AuditEntries.Where(a => a.SubjectType == "run").Select(a => a.CorrelationId).ToListAsync(ct));
        Assert.True(followed.Count >= 4);
        Assert.All(followed, id => Assert.Equal(began, id));
    }

    private static async Task AlterAsync(RunGround ground, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={ground.DatabaseFile};Pooling=False");
        await connection.OpenAsync(Ct);
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants above.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(Ct);
    }

    private sealed class FaultyLoop(Operation operation) : Loop(OperationCatalog.WakeWorkItems, TimeSpan.FromMilliseconds(1), operation, new EventSignal(), TimeProvider.System, NullLogger.Instance)
    {
        private readonly TaskCompletionSource _wentOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _rounds;

        public Task WentOn => _wentOn.Task;

        protected override Task<bool> RoundAsync(OperationContext context, CancellationToken ct)
        {
            switch (++_rounds)
            {
                case 1:
                    throw new InvalidOperationException("A bad item");
                case 2:
                    // As a cancelled request inside a round would, while nobody stops the loop.
                    throw new OperationCanceledException();
                case 3:
                    throw new TimeoutException();
            }

            _wentOn.TrySetResult();
            return Task.FromResult(false);
        }
    }

    private sealed class FaultLogger : ILogger<DispatchLoop>
    {
        private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Seen => _seen.Task;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 6001)
            {
                _seen.TrySetResult();
            }
        }
    }
}
