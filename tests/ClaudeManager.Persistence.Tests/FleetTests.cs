using System.Diagnostics.Metrics;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Persistence.Tests;

/// <summary>Several processes on one store, each with its own breakers and errors.</summary>
public abstract class FleetTests : StoreConformance
{
    [Fact]
    public async Task Read_OfEveryLiveProcess_SaysWhatItSaidLast()
    {
        var (here, there) = (new Replica(Subject), new Replica(Subject));
        there.Errors.Record("scan", "c", new HttpRequestException("down"));
        there.Call("registry.example");
        await here.BeatAsync(Ct);
        await there.BeatAsync(Ct);
        here.Errors.Record("run", "d", new InvalidOperationException("not written yet"));

        var fleet = await here.Snapshots.ReadAsync(10, Ct);
        Assert.Equal([here.Identity.BootId, there.Identity.BootId], fleet.Instances.Select(i => i.BootId));
        Assert.Equal(["run", "scan"], fleet.Instances.Select(i => Assert.Single(i.Errors.Groups).Operation));
        Assert.Equal(("down", "registry/registry.example", "in_process"), (Assert.Single(fleet.Instances[1].Errors.Recent).Message, Assert.Single(fleet.Instances[1].Breakers).Name, fleet.Instances[1].Limiter.Source));

        await there.Registry.StopAsync(Ct);
        Assert.Equal(here.Identity.BootId, Assert.Single((await here.Snapshots.ReadAsync(10, Ct)).Instances).BootId);
    }

    [Fact]
    public async Task Isolate_ReachesEveryProcess_AlsoOneThatStartsLater_UntilReset()
    {
        var (here, there) = (new Replica(Subject), new Replica(Subject));
        there.Call("registry.example");
        await here.BeatAsync(Ct);
        await there.BeatAsync(Ct);
        var request = new IsolateBreakerRequest("registry/registry.example", "It answers nonsense.");

        Assert.Equal(RefusalKind.NotFound, (await here.Commands.IsolateAsync(TestStore.Operation, request with { Name = "registry/else" }, Ct)).Refusal!.Kind);
        Assert.Equal(RefusalKind.Invalid, (await here.Commands.IsolateAsync(TestStore.Operation, request with { Reason = " " }, Ct)).Refusal!.Kind);
        Assert.Null((await here.Commands.IsolateAsync(TestStore.Operation, request, Ct)).Refusal);
        Assert.Equal(CircuitPosition.Closed, there.State());
        await there.BeatAsync(Ct);
        Assert.Equal(CircuitPosition.Isolated, there.State());
        here.Call("registry.example");
        var later = new Replica(Subject);
        await later.BeatAsync(Ct);
        later.Call("registry.example");
        Assert.Equal((CircuitPosition.Isolated, CircuitPosition.Isolated), (here.State(), later.State()));

        Assert.Null((await later.Commands.ResetAsync(TestStore.Operation, new ResetBreakerRequest(request.Name), Ct)).Refusal);
        await here.BeatAsync(Ct);
        await there.BeatAsync(Ct);
        Assert.Equal([CircuitPosition.Closed, CircuitPosition.Closed, CircuitPosition.Closed], new[] { here, there, later }.Select(r => r.State()));
        var audit = await Subject.Store.ReadAsync((db, ct) => db.AuditEntries.OrderBy(a => a.Id).Select(a => a.Action + " " + a.SubjectId).ToListAsync(ct), Ct);
        Assert.Equal(["breaker.isolate registry/registry.example", "breaker.reset registry/registry.example"], audit);
    }

    [Fact]
    public async Task Write_NothingChanged_WritesNothing()
    {
        var replica = new Replica(Subject);
        await replica.BeatAsync(Ct);
        var first = await TakenAtAsync();
        await replica.BeatAsync(Ct);
        Assert.Equal(first, await TakenAtAsync());
        replica.Errors.Record("run", null, new InvalidOperationException());
        await replica.BeatAsync(Ct);
        Assert.NotEqual(first, await TakenAtAsync());

        Task<DateTimeOffset> TakenAtAsync() => Subject.Store.ReadAsync((db, ct) => db.InstanceSnapshots.Select(s => s.TakenAt).SingleAsync(ct), Ct);
    }

    private sealed class Replica
    {
        private readonly CircuitBreakers _breakers;

        public Replica(TestStore store)
        {
            _breakers = new CircuitBreakers(store.Configuration, TimeProvider.System, NullLogger<CircuitBreakers>.Instance);
            Identity = InstanceIdentity.Create("api", TimeProvider.System);
            Errors = new ErrorTracker(new Redactor(), TimeProvider.System);
            Registry = new InstanceRegistry(store.Store, Identity, store.Configuration);
            var limiter = new InProcessRateLimiter(TimeProvider.System, new LimiterTelemetry(store.Get<IMeterFactory>()));
            Snapshots = new InstanceSnapshots(store.Store, Identity, limiter, _breakers, Errors, store.Signal, new GitHubLimits(store.Store, limiter, store.Configuration, TimeProvider.System, NullLogger<GitHubLimits>.Instance));
            Commands = new InstanceCommands(store.Store, _breakers, Snapshots);
        }

        public InstanceIdentity Identity { get; }

        public ErrorTracker Errors { get; }

        public InstanceRegistry Registry { get; }

        public InstanceSnapshots Snapshots { get; }

        public InstanceCommands Commands { get; }

        /// <summary>What the hosts do every five seconds.</summary>
        public async Task BeatAsync(CancellationToken ct)
        {
            await Registry.BeatAsync(ct);
            await Commands.CarryOutAsync(ct);
            await Snapshots.WriteAsync(TestStore.Operation, ct);
        }

        public void Call(string host) => _breakers.Of(Upstreams.Registry, host);

        public CircuitPosition State() => Assert.Single(_breakers.Snapshot()).State;
    }
}

public sealed class SqliteFleetTests : FleetTests
{
    protected override string Provider => "sqlite";
}

public sealed class PostgresFleetTests : FleetTests
{
    protected override string Provider => "postgresql";
}
