using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Worker.Loops;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Worker.Tests.Loops;

public sealed class ScanLoopTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TwoAtOnce_DueByTheSchedule_EachRepositoryIsScannedOnce()
    {
        const int Repositories = 20;
        // The schedule's time is five o'clock.
        var time = PassingTime.StartingAt(4, 59);
        await using var ground = await RunGround.StartAsync("", clock: time);
        await AddAsync(ground, [.. Enumerable.Range(0, Repositories).Select(i => $"/nowhere/{i}")]);
        using var one = Loop(ground, time);
        using var other = Loop(ground, time);
        await Task.WhenAll(one.StartAsync(Ct), other.StartAsync(Ct));

        await time.PassAsync(TimeSpan.FromSeconds(5), async () => await ScansAsync(ground, s => true) >= Repositories, "every repository is scanned");
        var later = time.GetUtcNow() + TimeSpan.FromMinutes(5);
        await time.PassAsync(TimeSpan.FromSeconds(5), () => Task.FromResult(time.GetUtcNow() >= later), "five more minutes pass");
        await Task.WhenAll(one.StopAsync(Ct), other.StopAsync(Ct));

        var scans = await ground.ReadAsync((db, ct) => db.Scans.ToListAsync(ct));
        Assert.Equal(Repositories, scans.Count);
        Assert.Equal(Repositories, scans.Select(s => s.RepositoryId).Distinct().Count());
        Assert.All(scans, s => Assert.True(s.StartedAt.TimeOfDay >= TimeSpan.FromHours(5)));
    }

    [Fact]
    public async Task Round_OneRepositoryThrows_TheOthersAreScannedAndTheLoopGoesOn()
    {
        var time = PassingTime.StartingAt(12, 0);
        await using var ground = await RunGround.StartAsync("", clock: time);
        ground.Get<CurrentConfiguration>().Swap(ManagerConfiguration.Default with { Analyzer = new AnalyzerConfiguration { MaxConcurrentScans = 1 } });
        var bad = (await AddAsync(ground, "/nowhere"))[0];
        await RefuseScansOfAsync(ground, bad);
        var registry = ground.Get<RepositoryRegistry>();
        await registry.RequestScanAsync(TestStore.Operation, bad, Ct);
        var good = RunGround.Good(await registry.AddAsync(TestStore.Operation, new AddRepositoryRequest(ground.Project.Path), Ct)).Id;
        using var loop = Loop(ground, time);

        await loop.StartAsync(Ct);
        await time.PassAsync(TimeSpan.FromSeconds(1), async () => await ScansAsync(ground, s => s.RepositoryId == good) == 1, "the good repository is scanned");
        await registry.RequestScanAsync(TestStore.Operation, good, Ct);
        await time.PassAsync(TimeSpan.FromSeconds(1), async () => await ScansAsync(ground, s => s.RepositoryId == good) == 2, "it is scanned again");
        await loop.StopAsync(Ct);

        Assert.Equal(0, await ScansAsync(ground, s => s.RepositoryId == bad));
        Assert.NotNull(await ground.ReadAsync((db, ct) => db.Repositories.Where(r => r.Id == bad).Select(r => r.ScanClaimedAt).SingleAsync(ct)));
    }

    /// <summary>With a signal of its own, as another process has.</summary>
    private static ScanLoop Loop(RunGround ground, FakeTimeProvider time)
        => new(ground.Get<RepositoryRegistry>(), ground.Get<ScanSchedule>(), ground.Get<ScanService>(), ground.Get<CurrentConfiguration>(), ground.Get<Operation>(), new EventSignal(), time, NullLogger<ScanLoop>.Instance);

    private static Task<int> ScansAsync(RunGround ground, System.Linq.Expressions.Expression<Func<ScanEntity, bool>> which)
        => ground.ReadAsync((db, ct) => db.Scans.Where(which).CountAsync(ct));

    /// <summary>Repositories that are not there: their scan is over at once, and is a scan all the same.</summary>
    private static Task<List<long>> AddAsync(RunGround ground, params string[] locations)
        => ground.Get<Store>().WriteAsync(TestStore.Operation, async (tx, ct) =>
        {
            var rows = locations.Select(l => new RepositoryEntity { Name = l, Location = l, CreatedAt = tx.Now, UpdatedAt = tx.Now }).ToList();
            tx.Db.Repositories.AddRange(rows);
            await tx.Db.SaveChangesAsync(ct);
            return rows.ConvertAll(r => r.Id);
        }, Ct);

    /// <summary>Not even that its scan has failed can be written.</summary>
    private static Task<int> RefuseScansOfAsync(RunGround ground, long id)
        => ground.Get<Store>().WriteAsync(TestStore.Operation, (tx, ct) =>
            tx.Db.Database.ExecuteSqlRawAsync(FormattableString.Invariant($"CREATE TRIGGER refuse BEFORE INSERT ON scans WHEN NEW.repository_id = {id} BEGIN SELECT RAISE(ABORT, 'refused'); END"), ct), Ct);
}
