using System.Diagnostics.Metrics;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.RateLimiting.Inbound;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Persistence.Tests;

public abstract class ClientBlockTests : StoreConformance
{
    private const string Client = "203.0.113.7";
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 24, 3, 0, 0, TimeSpan.Zero));

    protected override TimeProvider Time => _time;

    [Fact]
    public async Task Block_AgainAndAgain_DoublesUpToADay_AndIsForgottenAfterOne()
    {
        var blocks = Replica();
        foreach (var minutes in new[] { 30, 60, 120, 240, 480, 960, 1440, 1440 })
        {
            await blocks.BlockAsync(Client, "rate_limit");
            Assert.Equal(_time.GetUtcNow().AddMinutes(minutes), await blocks.UntilAsync(Client, Ct));
            _time.Advance(TimeSpan.FromMinutes(minutes));
            Assert.Null(await blocks.UntilAsync(Client, Ct));
        }

        _time.Advance(ClientBlocks.Longest);
        await blocks.BlockAsync(Client, "rate_limit");
        Assert.Equal(_time.GetUtcNow().AddMinutes(30), await blocks.UntilAsync(Client, Ct));
    }

    [Fact]
    public async Task Block_IsSeenByOtherReplicas_AndSoIsItsEnd()
    {
        var (here, there) = (Replica(), Replica());
        Assert.Null(await there.UntilAsync(Client, Ct));
        await here.BlockAsync(Client, "path_scan");
        await SeenAsync(there, blocked: true);
        Assert.Null(await there.UntilAsync("203.0.113.8", Ct));

        var block = Assert.Single(await there.ListAsync(Ct));
        Assert.Equal((Client, "path_scan", 1), (block.Client, block.Reason, block.Times));
        Assert.Null((await there.LiftAsync(TestStore.Operation, block.Id, Ct)).Refusal);
        Assert.Null(await there.UntilAsync(Client, Ct));
        await SeenAsync(here, blocked: false);
        Assert.Empty(await here.ListAsync(Ct));
        Assert.Equal(RefusalKind.NotFound, (await here.LiftAsync(TestStore.Operation, block.Id, Ct)).Refusal!.Kind);

        var audit = await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.OrderBy(a => a.Id).Select(a => new { a.Action, a.SubjectId, Person = db.AuditPersonal.Single(p => p.EntryId == a.Id) }).ToListAsync(ct), Ct);
        Assert.Equal(
            [("block", $"{block.Id}", "system:rate-limits", Client), ("lift", $"{block.Id}", TestStore.Operation.Actor, null)],
            audit.Select(a => (a.Action, a.SubjectId!, a.Person.Actor, a.Person.Address)));
    }

    [Fact]
    public async Task Block_ByManyReplicasAtOnce_IsOneBlock()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Replica().BlockAsync(Client, "misses")));
        var block = Assert.Single(await Replica().ListAsync(Ct));
        Assert.Equal((1, _time.GetUtcNow().AddMinutes(30)), (block.Times, block.Until));
    }

    [Fact]
    public async Task Block_StoreAway_HoldsHereAllTheSame()
    {
        var blocks = Replica();
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, ct) => tx.Db.Database.ExecuteSqlRawAsync("ALTER TABLE client_blocks RENAME TO away", ct), Ct);
        await blocks.BlockAsync(Client, "misses");
        Assert.Equal(_time.GetUtcNow().AddMinutes(30), await blocks.UntilAsync(Client, Ct));
        Assert.Null(await blocks.UntilAsync("203.0.113.8", Ct));
        await Subject.Store.WriteAsync(TestStore.Operation, (tx, ct) => tx.Db.Database.ExecuteSqlRawAsync("ALTER TABLE away RENAME TO client_blocks", ct), Ct);
    }

    [Fact]
    public async Task DropOld_KeepsWhatMayStillDouble()
    {
        var blocks = Replica();
        await blocks.BlockAsync(Client, "misses");
        var retention = new Retention(Subject.Store, Subject.Configuration);
        _time.Advance(TimeSpan.FromMinutes(30) + ClientBlocks.Longest);
        await retention.DropOldAsync(TestStore.Operation, Ct);
        Assert.Equal(1, await CountAsync());
        _time.Advance(TimeSpan.FromSeconds(1));
        await retention.DropOldAsync(TestStore.Operation, Ct);
        Assert.Equal(0, await CountAsync());
    }

    private Task<int> CountAsync() => Subject.Store.ReadAsync((db, ct) => db.ClientBlocks.CountAsync(ct), Ct);

    private async Task SeenAsync(ClientBlocks blocks, bool blocked)
    {
        // The first who comes after a second makes it look again, and need not be told what it finds.
        _time.Advance(TimeSpan.FromSeconds(2));
        while (await blocks.UntilAsync(Client, Ct) is not null != blocked)
        {
            await Task.Yield();
        }
    }

    private ClientBlocks Replica()
        => new(Subject.Store, new CurrentConfiguration(ManagerConfiguration.Default), new Operation(Subject.Store, Subject.Get<IMeterFactory>(), NullLogger<Operation>.Instance, _time), NullLogger<ClientBlocks>.Instance);
}

public sealed class SqliteClientBlockTests : ClientBlockTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresClientBlockTests : ClientBlockTests
{
    protected override string Provider => "postgresql";
}
