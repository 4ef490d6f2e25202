using System.Diagnostics;
using System.Diagnostics.Metrics;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Telemetry;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Core.Tests.Operations;

public sealed class OperationTests : IAsyncLifetime
{
    private static readonly Caller s_worker = Caller.System("worker");
    private static readonly OperationDescriptor s_traced = new("traced.operation", Permissions.Work, OperationClass.Read);

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly FakeLogger<Operation> _log = new();
    private readonly FakeTimeProvider _time = new();
    private TestStore _store = null!;
    private Operation _operation = null!;
    private MetricCollector<double> _durations = null!;
    private MetricCollector<long> _errors = null!;

    /// <summary>As Entity Framework wraps it, where the connection breaks while changes are sent.</summary>
    private static readonly InvalidOperationException s_brokeWhileSaving = new("x", new DbUpdateException("x", new Npgsql.NpgsqlException("x", new IOException())));

    public static TheoryData<Exception, FailureClass> Faults => new()
    {
        { new AuthorizationException("work_items.approve", Permissions.Approve), FailureClass.Policy },
        { new GitException("fetch", 128, "fatal"), FailureClass.Infrastructure },
        { new TimeoutException(), FailureClass.Transient },
        { new HttpRequestException(), FailureClass.Transient },
        { new DbUpdateException("x", new TimeoutException()), FailureClass.Transient },
        { new DbUpdateException("x", new InvalidOperationException()), FailureClass.Infrastructure },
        { s_brokeWhileSaving, FailureClass.Transient },
        { new OperationCanceledException(), FailureClass.Cancelled },
        { new AggregateException(new TimeoutException()), FailureClass.Transient },
        { new InvalidOperationException(), FailureClass.Infrastructure },
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _store = (await TestStore.CreateAsync("sqlite", Ct))!;
        var meters = _services.GetRequiredService<IMeterFactory>();
        _operation = new Operation(_store.Store, meters, _log, _time);
        _durations = new MetricCollector<double>(meters, ManagerTelemetry.Name, "claude_manager.operations.duration");
        _errors = new MetricCollector<long>(meters, ManagerTelemetry.Name, "claude_manager.operations.errors");
    }

    public async ValueTask DisposeAsync()
    {
        _durations.Dispose();
        _errors.Dispose();
        await _services.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task Run_Success_IsTimedAndCorrelatedWithItsTrace()
    {
        var ct = TestContext.Current.CancellationToken;
        var caller = new Caller("ann", Permissions.Approve, "192.0.2.1", "curl");

        var context = await _operation.RunAsync(OperationCatalog.Approve, caller, (c, _) =>
        {
            Assert.Equal(Activity.Current!.TraceId.ToHexString(), c.CorrelationId);
            _time.Advance(TimeSpan.FromSeconds(3));
            return Task.FromResult(c);
        }, ct);

        Assert.Equal(("work_items.approve", "ann", "192.0.2.1", "curl"), (context.Name, context.Actor, context.Address, context.Client));
        var measured = Assert.Single(_durations.GetMeasurementSnapshot());
        Assert.Equal((3.0, "work_items.approve", "success"), (measured.Value, measured.Tags["operation"], measured.Tags["outcome"]));
        Assert.Empty(_log.Collector.GetSnapshot());
    }

    [Fact]
    public async Task Run_Failure_IsClassifiedCountedLoggedOnceAndPassedOn()
    {
        var ct = TestContext.Current.CancellationToken;
        var fault = new WorkspaceException(ErrorCodes.WorkNotCollected, "The disk is full.");

        var thrown = await Assert.ThrowsAsync<WorkspaceException>(() => _operation.RunAsync(OperationCatalog.ExecuteRun, s_worker,
            (_, token) => _operation.RunAsync(OperationCatalog.PrepareWorkspaces, s_worker, (_, _) => Task.FromException(fault), token), ct));

        Assert.Same(fault, thrown);
        var entry = Assert.Single(_log.Collector.GetSnapshot());
        Assert.Equal((LogLevel.Error, "workspaces.prepare", "CM6001"), (entry.Level, entry.GetStructuredStateValue("Operation"), entry.GetStructuredStateValue("Code")));
        Assert.Equal(["workspaces.prepare", "runs.execute"], _errors.GetMeasurementSnapshot().Select(m => m.Tags["operation"]));
        Assert.All(_errors.GetMeasurementSnapshot(), m => Assert.Equal("infrastructure", m.Tags["failure"]));
        Assert.True(Operation.WasLogged(fault));
    }

    [Fact]
    public async Task Run_CancelledByItsCaller_IsNoError()
    {
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _operation.RunAsync(OperationCatalog.ScanDue, s_worker, async (_, token) =>
        {
            await cancel.CancelAsync();
            token.ThrowIfCancellationRequested();
        }, cancel.Token));

        Assert.Equal("cancelled", Assert.Single(_durations.GetMeasurementSnapshot()).Tags["outcome"]);
        Assert.Empty(_errors.GetMeasurementSnapshot());
        Assert.Empty(_log.Collector.GetSnapshot());
    }

    [Fact]
    public async Task Run_Traced_MarksTheSpanWithoutQuotingTheMessage()
    {
        Activity? span = null;
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ManagerTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity => span = activity.OperationName == s_traced.Name ? activity : span,
        };
        ActivitySource.AddActivityListener(listener);

        await Assert.ThrowsAsync<InvalidOperationException>(() => _operation.RunAsync(s_traced, s_worker,
            (_, _) => Task.FromException(new InvalidOperationException("secret text")), TestContext.Current.CancellationToken));

        Assert.NotNull(span);
        Assert.Equal((ActivityStatusCode.Error, ErrorCodes.Unexpected.Name), (span.Status, span.StatusDescription));
        Assert.DoesNotContain(span.TagObjects, tag => tag.Value?.ToString()?.Contains("secret", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData(Permissions.None)]
    [InlineData(Permissions.Read | Permissions.Operate | Permissions.Administer | Permissions.Work)]
    public async Task Run_CallerWithoutThePermission_IsRefusedBeforeAnythingIsDoneAndOnRecord(Permissions has)
    {
        var caller = new Caller("mallory", has, "192.0.2.9");

        var refused = await Assert.ThrowsAsync<AuthorizationException>(() => _operation.RunAsync(OperationCatalog.Approve, caller, (_, _) => Task.FromException(new InvalidOperationException("It ran.")), Ct));

        Assert.Equal(("forbidden", Permissions.Approve, "work_items.approve"), (refused.Code, refused.Needed, refused.Context.Operation));
        var (entry, person) = await _store.Store.ReadAsync(async (db, ct) => (await db.AuditEntries.SingleAsync(ct), await db.AuditPersonal.SingleAsync(ct)), Ct);
        Assert.Equal(("operation.denied", "work_items.approve", "blocked", refused.Context.CorrelationId), (entry.Action, entry.SubjectId, entry.Result, entry.CorrelationId));
        Assert.Equal(("mallory", "192.0.2.9"), (person.Actor, person.Address));
    }

    [Fact]
    public void Caller_Systems_MayDoTheirWorkAndNothingPeopleDecide()
        => Assert.All(OperationCatalog.All, o => Assert.NotEqual(s_worker.May(o), Caller.LocalPerson().May(o)));

    [Fact]
    public async Task Run_Fault_SaysWhichOperationAndWorkItWasAndTheInnermostWins()
    {
        var fault = new WorkspaceException(ErrorCodes.WorkNotCollected, "No.") { Context = new FailureContext(Attempt: 9) };
        var subject = new OperationSubject(new string('c', 32), 7, "acme/app", 8, 2);

        await Assert.ThrowsAsync<WorkspaceException>(() => _operation.RunAsync(OperationCatalog.DispatchRuns, s_worker,
            (_, token) => _operation.RunAsync(OperationCatalog.ExecuteRun, s_worker, (_, _) => Task.FromException(fault), token, subject), Ct));

        Assert.Equal(new FailureContext("acme/app", 7, 8, 9, "runs.execute", subject.CorrelationId), fault.Context);
    }

    [Fact]
    public async Task Run_OnAPieceOfWork_IsATraceOfItsOwnLinkedToTheOneTheWorkBeganWith()
    {
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ManagerTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.OperationName == s_traced.Name)
                {
                    spans.Add(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        var subject = new OperationSubject("4bf92f3577b34da6a3ce929d0e0e4736", 7);

        var outer = await _operation.RunAsync(OperationCatalog.DispatchRuns, s_worker, async (context, token) =>
        {
            var inner = await _operation.RunAsync(s_traced, s_worker, (c, _) => Task.FromResult(c), token, subject);
            Assert.Equal((subject.CorrelationId, subject), (inner.CorrelationId, inner.Subject));
            Assert.Equal(context.CorrelationId, Activity.Current!.TraceId.ToHexString());
            return context;
        }, Ct);

        var span = Assert.Single(spans);
        Assert.Null(span.ParentId);
        Assert.DoesNotContain(span.TraceId.ToHexString(), new[] { subject.CorrelationId, outer.CorrelationId });
        Assert.Equal(subject.CorrelationId, Assert.Single(span.Links).Context.TraceId.ToHexString());
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void Classify_Fault_GivesItsClass(Exception fault, FailureClass expected) => Assert.Equal(expected, Failures.Classify(fault));

    [Fact]
    public void IsAway_ConnectionBrokeWhileSaving_IsSeenThroughWhatWrapsIt()
    {
        Assert.True(DatabaseUnavailableException.IsAway(s_brokeWhileSaving));
        Assert.False(DatabaseUnavailableException.IsAway(new InvalidOperationException("x", new DbUpdateException("x", new InvalidOperationException()))));
    }
}
