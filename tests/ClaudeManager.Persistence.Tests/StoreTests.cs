using System.Data.Common;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace ClaudeManager.Persistence.Tests;

/// <summary>What every provider must hold. A provider that is not there shows as skipped, which fails CI.</summary>
public abstract class StoreConformance : IAsyncLifetime
{
    private TestStore? _store;

    protected abstract string Provider { get; }

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected TestStore Subject
    {
        get
        {
            Assert.SkipWhen(_store is null, $"No {Provider} server: {TestStore.PostgresVariable} is not set. eng/test.sh sets it.");
            return _store!;
        }
    }

    protected virtual TimeProvider? Time => null;

    public async ValueTask InitializeAsync() => _store = await TestStore.CreateAsync(Provider, Ct, Time);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }
    }
}

public abstract class StoreTests : StoreConformance
{
    [Fact]
    public async Task Migrations_FitTheModel_AndAreAllApplied()
    {
        await using var db = await Subject.Contexts.CreateDbContextAsync(Ct);
        Assert.False(db.Database.HasPendingModelChanges(), "The model has changed: run eng/add-migration.sh NAME.");
        var status = await Subject.Administration.GetStatusAsync(Ct);
        Assert.Empty(status.Pending);
        Assert.NotEmpty(status.Applied);
        Assert.False(status.Locked);
    }

    [Fact]
    public async Task Migrate_StoreOfBeforeGroups_EveryFindingIsOfItsWorkItem()
    {
        var repository = await Subject.RepositoryAsync("app", Ct);
        await Subject.QueuedRunAsync(repository, 1, Ct);
        await Subject.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            tx.Db.Findings.AddRange(Finding(repository.Id, "1"), Finding(repository.Id, "2"));
            await tx.Db.SaveChangesAsync(token);
            (await tx.Db.WorkItems.SingleAsync(token)).FindingId = 2;
        }, Ct);
        await using var db = await Subject.Contexts.CreateDbContextAsync(Ct);
        await db.GetService<IMigrator>().MigrateAsync(db.Database.GetMigrations().Single(m => m.EndsWith("_GitHub", StringComparison.Ordinal)), Ct);

        await Subject.Administration.MigrateAsync(Ct);

        Assert.Equal([null, 1L], await db.Findings.OrderBy(f => f.Id).Select(f => f.WorkItemId).ToListAsync(Ct));
    }

    private static FindingEntity Finding(long repositoryId, string fingerprint) => new()
    {
        RepositoryId = repositoryId,
        Scanner = "todo-comments",
        Fingerprint = fingerprint,
        TextHash = "",
        Path = "a.c",
        Line = 1,
        Marker = "TODO",
        Text = "",
        Context = "",
        NeighbourhoodHash = "",
        BlobId = "",
        FirstSeenCommit = "",
        LastSeenCommit = "",
    };

    [Fact]
    public async Task Migrate_FromManyAtOnce_Succeeds()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Subject.Administration.MigrateAsync(Ct)));
        Assert.Empty((await Subject.Administration.GetStatusAsync(Ct)).Pending);
    }

    [Fact]
    public async Task ReadSnapshotAsync_WrittenMeanwhile_AllQueriesSeeTheSameMoment()
    {
        var (before, after) = await Subject.Store.ReadSnapshotAsync(async (db, ct) =>
        {
            var first = await db.Settings.CountAsync(ct);
            await Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
            {
                tx.Db.Settings.Add(new SettingEntity { Key = "k", Value = "v", UpdatedAt = tx.Now });
                return Task.CompletedTask;
            }, ct);
            return (first, await db.Settings.CountAsync(ct));
        }, Ct);

        Assert.Equal(before, after);
        Assert.Equal(before + 1, await Subject.Store.ReadSnapshotAsync((db, ct) => db.Settings.CountAsync(ct), Ct));
    }

    [Fact]
    public async Task WriteAsync_BodyThrows_KeepsNeitherStateNorAuditNorEvent()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            tx.Db.Settings.Add(new SettingEntity { Key = "k", Value = "v", UpdatedAt = tx.Now });
            tx.Audit(new AuditRecord("system", "test.act"));
            tx.Publish("test.changed");
            throw new InvalidOperationException("after the writes");
        }, Ct));

        Assert.Equal((0, 0, 0), await Subject.Store.ReadAsync(async (db, ct) => (await db.Settings.CountAsync(s => s.Key == "k", ct), await db.AuditEntries.CountAsync(ct), await db.Events.CountAsync(ct)), Ct));
    }

    [Fact]
    public async Task AuditEntry_IsWrittenWithTheAct_AndThePersonOnlyAsMac()
    {
        await Subject.Store.WriteAsync(TestStore.Operation with { Address = "127.0.0.1" }, (tx, _) =>
        {
            tx.Audit(new AuditRecord("approval", "work_item.approved", "work_item", "7", AuditSeverity.High, Details: new Dictionary<string, object?> { ["reason"] = "because" }));
            return Task.CompletedTask;
        }, Ct);

        var entry = await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.SingleAsync(ct), Ct);
        var personal = await Subject.Store.ReadAsync((db, ct) => db.AuditPersonal.SingleAsync(ct), Ct);
        Assert.Equal(("high", "success", "7"), (entry.Severity, entry.Result, entry.SubjectId));
        Assert.Equal(System.Security.Cryptography.HMACSHA256.HashData(personal.Salt, "local:tester"u8.ToArray()), entry.ActorMac);
        Assert.Equal("local:tester", personal.Actor);
    }

    [Theory]
    [InlineData("UPDATE audit_entries SET action = 'forged'")]
    [InlineData("DELETE FROM audit_entries")]
    [InlineData("UPDATE audit_personal SET actor = 'somebody else'")]
    public async Task AuditTables_RefuseChange(string sql)
    {
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            tx.Audit(new AuditRecord("system", "test.act"));
            return Task.CompletedTask;
        }, Ct);

        await using var db = await Subject.Contexts.CreateDbContextAsync(Ct);
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => db.Database.ExecuteSqlRawAsync(sql, Ct));
        Assert.Equal("test.act", await db.AuditEntries.Select(a => a.Action).SingleAsync(Ct));
    }

    [Fact]
    public async Task AuditPersonal_MayBeErased_TheEntryStays()
    {
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            tx.Audit(new AuditRecord("run", "run.ended", "run", "1"));
            return Task.CompletedTask;
        }, Ct);
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, ct) => tx.Db.AuditPersonal.ExecuteDeleteAsync(ct), Ct);

        var history = await Subject.Store.ReadAsync((db, ct) => AuditReader.HistoryAsync(db, "run", "1", ct), Ct);
        Assert.Equal("erased", Assert.Single(history).Actor);
    }

    [Fact]
    public async Task Enums_AreStoredAsTheStringsOfTheApi()
    {
        var repository = await Subject.RepositoryAsync("enums", Ct);
        await using var db = await Subject.Contexts.CreateDbContextAsync(Ct);
        var stored = await db.Database.SqlQuery<string>($"SELECT scan_state AS \"Value\" FROM repositories WHERE id = {repository.Id}").SingleAsync(Ct);
        Assert.Equal(ManagerJson.Name(RepositoryScanState.Never), stored);
    }

    [Fact]
    public async Task Times_CompareAndOrderInSql()
    {
        var now = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            foreach (var (key, hours) in new[] { ("b", 1), ("a", -1), ("c", 25) })
            {
                tx.Db.Settings.Add(new SettingEntity { Key = key, Value = "", UpdatedAt = now.AddHours(hours) });
            }

            return Task.CompletedTask;
        }, Ct);

        var keys = await Subject.Store.ReadAsync((db, ct) => db.Settings.Where(s => s.UpdatedAt >= now).OrderByDescending(s => s.UpdatedAt).Select(s => s.Key).ToListAsync(ct), Ct);
        Assert.Equal(["c", "b"], keys);
    }

    [Fact]
    public async Task WriteAsync_ManyWritersReadingFirst_LoseNoUpdate()
    {
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            tx.Db.Settings.Add(new SettingEntity { Key = "counter", Value = "0", UpdatedAt = tx.Now });
            return Task.CompletedTask;
        }, Ct);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 10; i++)
            {
                await Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
                {
                    await tx.Db.LockClaimsAsync(ct);
                    var row = await tx.Db.Settings.SingleAsync(s => s.Key == "counter", ct);
                    row.Value = (int.Parse(row.Value, System.Globalization.CultureInfo.InvariantCulture) + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
                }, Ct);
            }
        }, Ct)));

        Assert.Equal("80", await Subject.Store.ReadAsync((db, ct) => db.Settings.Where(s => s.Key == "counter").Select(s => s.Value).SingleAsync(ct), Ct));
    }

    [Fact]
    public async Task EventFeed_ResumesAfterAnId_WithoutGapOrRepeat()
    {
        var feed = Subject.Get<EventFeedReader>();
        await PublishAsync("one", "two", "three");
        await using var first = feed.ReadAsync("0.0", Ct).GetAsyncEnumerator(Ct);
        var seen = await TakeAsync(first, 3);
        Assert.Equal(["hello", "one", "two"], seen.Select(e => e.Type));

        await PublishAsync("four");
        await using var second = feed.ReadAsync(seen[^1].Id, Ct).GetAsyncEnumerator(Ct);
        Assert.Equal(["hello", "three", "four"], (await TakeAsync(second, 3)).Select(e => e.Type));
    }

    [Fact]
    public async Task EventFeed_IdThatIsNotOurs_SaysReset()
    {
        await using var events = Subject.Get<EventFeedReader>().ReadAsync("what?", Ct).GetAsyncEnumerator(Ct);
        Assert.Equal("reset", (await TakeAsync(events, 1))[0].Type);
    }

    [Fact]
    public async Task Retention_DropsOldEventsAndTranscripts_AndKeepsTheRest()
    {
        var run = await Subject.QueuedRunAsync(await Subject.RepositoryAsync("old", Ct), 5, Ct);
        var old = Subject.Store.Time.GetUtcNow() - TimeSpan.FromDays(400);
        await Subject.Store.WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            await tx.Db.Events.ExecuteDeleteAsync(ct);
            tx.Db.Events.Add(new EventEntity { At = old, Type = "old" });
            tx.Db.Events.Add(new EventEntity { At = tx.Now, Type = "new" });
            tx.Db.RunEvents.Add(new RunEventEntity { RunId = run.Id, Seq = 1, Attempt = 1, At = old, Kind = "stage", Text = "long ago" });
            await tx.Db.Runs.ExecuteUpdateAsync(u => u.SetProperty(r => r.State, RunState.Ended).SetProperty(r => r.EndReason, RunEndReason.Completed).SetProperty(r => r.EndedAt, old), ct);
        }, Ct);

        Assert.False(await new Retention(Subject.Store, Subject.Configuration).DropOldAsync(TestStore.Operation, Ct));
        Assert.Equal((1, 0, 1), await Subject.Store.ReadAsync(async (db, ct) => (await db.Events.CountAsync(e => e.Type == "new", ct), await db.Events.CountAsync(e => e.Type == "old", ct) + await db.RunEvents.CountAsync(ct), await db.Runs.CountAsync(ct)), Ct));
    }

    protected Task PublishAsync(params string[] types)
        => Subject.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            Array.ForEach(types, type => tx.Publish(type));
            return Task.CompletedTask;
        }, Ct);

    protected static async Task<List<ChangeEventDto>> TakeAsync(IAsyncEnumerator<ChangeEventDto> events, int count)
    {
        var taken = new List<ChangeEventDto>();
        while (taken.Count < count && await events.MoveNextAsync())
        {
            taken.Add(events.Current);
        }

        return taken;
    }
}

public sealed class SqliteStoreTests : StoreTests
{
    protected override string Provider => "sqlite";

    [Fact]
    public async Task Unlock_LockOfAKilledMigration_IsSeenAndRemoved()
    {
        await using (var db = await Subject.Contexts.CreateDbContextAsync(Ct))
        {
            await db.Database.ExecuteSqlRawAsync("INSERT INTO \"__EFMigrationsLock\" (\"Id\", \"Timestamp\") VALUES (1, '2026-01-01')", Ct);
        }

        Assert.True((await Subject.Administration.GetStatusAsync(Ct)).Locked);
        Assert.True(await Subject.Administration.UnlockAsync(Ct));
        Assert.False((await Subject.Administration.GetStatusAsync(Ct)).Locked);
        Assert.False(await Subject.Administration.UnlockAsync(Ct));
    }
}

public sealed class PostgresStoreTests : StoreTests
{
    protected override string Provider => "postgresql";

    /// <summary>Not every break of a connection is told as a fault, and Entity Framework would open the next one by itself.</summary>
    [Fact]
    public async Task Write_ConnectionBreaksWithin_NothingOfItIsWritten()
    {
        await Assert.ThrowsAsync<TransactionLostException>(() => Subject.Store.WriteAsync(TestStore.Operation, async (tx, token) =>
        {
            tx.Db.Settings.Add(new SettingEntity { Key = "before", Value = "1", UpdatedAt = tx.Now });
            await tx.Db.SaveChangesAsync(token);
            await Assert.ThrowsAnyAsync<DbException>(() => tx.Db.Database.ExecuteSqlRawAsync("SELECT pg_terminate_backend(pg_backend_pid())", token));
            tx.Db.Settings.Add(new SettingEntity { Key = "after", Value = "1", UpdatedAt = tx.Now });
            await tx.Db.SaveChangesAsync(token);
        }, Ct));

        Assert.Empty(await Subject.Store.ReadAsync((db, token) => db.Settings.Where(s => s.Key == "before" || s.Key == "after").Select(s => s.Key).ToListAsync(token), Ct));
    }

    [Fact]
    public async Task EventFeed_TransactionsCommitInReverseOrder_SkipsNothing()
    {
        var feed = Subject.Get<EventFeedReader>();
        await using var slow = await Subject.Contexts.CreateDbContextAsync(Ct);
        await using var open = await slow.Database.BeginTransactionAsync(Ct);
        slow.Events.Add(new EventEntity { At = Subject.Store.Time.GetUtcNow(), Type = "early-id-late-commit" });
        await slow.SaveChangesAsync(Ct);
        await PublishAsync("late-id-early-commit");

        await using var events = feed.ReadAsync("0.0", Ct).GetAsyncEnumerator(Ct);
        Assert.Equal("hello", (await TakeAsync(events, 1))[0].Type);
        var next = TakeAsync(events, 2);
        await open.CommitAsync(Ct);
        Subject.Signal.Raise();
        Assert.Equal(["early-id-late-commit", "late-id-early-commit"], (await next).Select(e => e.Type));
    }
}
