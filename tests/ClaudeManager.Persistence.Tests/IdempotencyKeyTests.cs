using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Persistence.Tests;

public abstract class IdempotencyKeyTests : StoreConformance
{
    private static readonly OperationContext s_alice = OperationContext.Create("work_items.new", "alice");

    [Fact]
    public async Task Claim_ManyReplicasAtOnce_OneIsFirst()
    {
        var replicas = Enumerable.Range(0, 8).Select(_ => Keys(Subject)).ToList();
        foreach (var (_, registry) in replicas)
        {
            await registry.BeatAsync(Ct);
        }

        var claims = await Task.WhenAll(replicas.Select(async replica => (Replica: replica, Claim: await replica.Keys.ClaimAsync(s_alice, "key", "hash", Ct))));
        var first = Assert.Single(claims, c => c.Claim.IsFirst).Replica;
        Assert.All(claims.Where(c => !c.Claim.IsFirst), c => Assert.Equal("idempotency_in_progress", c.Claim.Refusal!.Code));
        await first.Keys.KeepAsync(s_alice, "key", new KeptAnswer(201, "text/plain", [1, 2, 3]), Ct);
        foreach (var (keys, _) in replicas)
        {
            var claim = await keys.ClaimAsync(s_alice, "key", "hash", Ct);
            Assert.Equal((201, "text/plain"), (claim.Answer!.Status, claim.Answer.ContentType));
            Assert.Equal([1, 2, 3], claim.Answer.Body);
        }

        Assert.True((await replicas[0].Keys.ClaimAsync(s_alice with { Actor = "bob" }, "key", "another", Ct)).IsFirst);
    }

    [Fact]
    public async Task Claim_OwnerLives_WaitsForItAndTakesOverWhenItIsGone()
    {
        var (keys, registry) = Keys(Subject);
        await registry.BeatAsync(Ct);
        Assert.True((await keys.ClaimAsync(s_alice, "key", "hash", Ct)).IsFirst);

        var other = Keys(Subject).Keys;
        Assert.Equal("idempotency_in_progress", (await other.ClaimAsync(s_alice, "key", "hash", Ct)).Refusal!.Code);
        Assert.Equal("idempotency_in_progress", (await keys.ClaimAsync(s_alice, "key", "hash", Ct)).Refusal!.Code);

        await registry.StopAsync(Ct);
        Assert.True((await other.ClaimAsync(s_alice, "key", "hash", Ct)).IsFirst);
        // The one that was thought dead does nothing any more, and keeps its answer to itself.
        await Assert.ThrowsAsync<IdempotencyKeyLostException>(() => Subject.Store.WriteAsync(s_alice with { Idempotency = keys.Hold("key") }, SetAsync, Ct));
        Assert.Equal(0, await Subject.Store.ReadAsync((db, ct) => db.Settings.CountAsync(ct), Ct));
        await keys.KeepAsync(s_alice, "key", new KeptAnswer(200, null, [9]), Ct);
        Assert.Null((await Subject.Store.ReadAsync((db, ct) => db.IdempotencyKeys.SingleAsync(ct), Ct)).Status);
    }

    [Fact]
    public async Task Write_UnderAKey_MarksItInTheSameTransaction()
    {
        var keys = Keys(Subject).Keys;
        await keys.ClaimAsync(s_alice, "kept", "hash", Ct);
        await keys.ClaimAsync(s_alice, "failed", "hash", Ct);
        await Subject.Store.WriteAsync(s_alice with { Idempotency = keys.Hold("kept") }, SetAsync, Ct);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Subject.Store.WriteAsync(s_alice with { Idempotency = keys.Hold("failed") }, async (tx, ct) =>
        {
            await SetAsync(tx, ct);
            await tx.Db.SaveChangesAsync(ct);
            throw new InvalidOperationException();
        }, Ct));
        var marked = await Subject.Store.ReadAsync((db, ct) => db.IdempotencyKeys.Where(k => k.CarriedOutAt != null).Select(k => k.Key).ToListAsync(ct), Ct);
        Assert.Equal(["kept"], marked);

        await keys.FailAsync(s_alice, "kept", Ct);
        await keys.FailAsync(s_alice, "failed", Ct);
        Assert.Equal("idempotency_answer_lost", (await keys.ClaimAsync(s_alice, "kept", "hash", Ct)).Refusal!.Code);
        Assert.True((await keys.ClaimAsync(s_alice, "failed", "hash", Ct)).IsFirst);
    }

    [Fact]
    public async Task Keep_AnswerTooLong_IsNotKeptAndNotDoneAgain()
    {
        var keys = Keys(Subject).Keys;
        await keys.ClaimAsync(s_alice, "key", "hash", Ct);
        await keys.KeepAsync(s_alice, "key", new KeptAnswer(200, null, new byte[IdempotencyKeys.LongestAnswer + 1]), Ct);
        Assert.Equal("idempotency_answer_lost", (await keys.ClaimAsync(s_alice, "key", "hash", Ct)).Refusal!.Code);
    }

    [Fact]
    public async Task Claim_AfterADay_IsFirstAgain()
    {
        var keys = Keys(Subject).Keys;
        await keys.ClaimAsync(s_alice, "key", "hash", Ct);
        await keys.KeepAsync(s_alice, "key", new KeptAnswer(200, null, []), Ct);
        var yesterday = Subject.Store.Time.GetUtcNow() - IdempotencyKeys.KeptFor;
        await Subject.Store.WriteAsync(s_alice, (tx, ct) => tx.Db.IdempotencyKeys.ExecuteUpdateAsync(u => u.SetProperty(k => k.CreatedAt, yesterday), ct), Ct);
        Assert.True((await keys.ClaimAsync(s_alice, "key", "another", Ct)).IsFirst);

        await Subject.Store.WriteAsync(s_alice, (tx, ct) => tx.Db.IdempotencyKeys.ExecuteUpdateAsync(u => u.SetProperty(k => k.CreatedAt, yesterday.AddSeconds(-1)), ct), Ct);
        await new Retention(Subject.Store, Subject.Configuration).DropOldAsync(s_alice, Ct);
        Assert.Equal(0, await Subject.Store.ReadAsync((db, ct) => db.IdempotencyKeys.CountAsync(ct), Ct));
    }

    private static Task SetAsync(StoreTransaction tx, CancellationToken ct)
    {
        tx.Db.Settings.Add(new SettingEntity { Key = Guid.CreateVersion7().ToString("N"), Value = "" });
        return Task.CompletedTask;
    }

    private static (IdempotencyKeys Keys, InstanceRegistry Registry) Keys(TestStore store)
    {
        var identity = InstanceIdentity.Create("api", TimeProvider.System);
        return (new IdempotencyKeys(store.Store, identity), new InstanceRegistry(store.Store, identity, store.Configuration));
    }
}

public sealed class SqliteIdempotencyKeyTests : IdempotencyKeyTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresIdempotencyKeyTests : IdempotencyKeyTests
{
    protected override string Provider => "postgresql";
}
