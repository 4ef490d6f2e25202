using System.Diagnostics;
using System.Diagnostics.Metrics;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Telemetry;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Core.Tests.Operations;

public sealed class OperationTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly FakeLogger<Operation> _log = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Operation _operation;
    private readonly MetricCollector<double> _durations;
    private readonly MetricCollector<long> _errors;

    public OperationTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _operation = new Operation(meters, _log, _time);
        _durations = new MetricCollector<double>(meters, ManagerTelemetry.Name, "claude_manager.operations.duration");
        _errors = new MetricCollector<long>(meters, ManagerTelemetry.Name, "claude_manager.operations.errors");
    }

    public static TheoryData<Exception, FailureClass> Faults => new()
    {
        { new ValidationException("CM3001", "title", "It is too long.", "Shorten it."), FailureClass.Policy },
        { new TimeoutException(), FailureClass.Transient },
        { new HttpRequestException(), FailureClass.Transient },
        { new DbUpdateException("x", new TimeoutException()), FailureClass.Transient },
        { new DbUpdateException("x", new InvalidOperationException()), FailureClass.Infrastructure },
        { new OperationCanceledException(), FailureClass.Cancelled },
        { new AggregateException(new TimeoutException()), FailureClass.Transient },
        { new InvalidOperationException(), FailureClass.Infrastructure },
    };

    public void Dispose()
    {
        _durations.Dispose();
        _errors.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task Run_Success_IsTimedAndCorrelatedWithItsTrace()
    {
        var ct = TestContext.Current.CancellationToken;
        var caller = new Caller("ann", "192.0.2.1", "curl");

        var context = await _operation.RunAsync("work_item.approve", caller, (c, _) =>
        {
            Assert.Equal(Activity.Current!.TraceId.ToHexString(), c.CorrelationId);
            _time.Advance(TimeSpan.FromSeconds(3));
            return Task.FromResult(c);
        }, ct);

        Assert.Equal(("work_item.approve", "ann", "192.0.2.1", "curl"), (context.Name, context.Actor, context.Address, context.Client));
        var measured = Assert.Single(_durations.GetMeasurementSnapshot());
        Assert.Equal((3.0, "work_item.approve", "success"), (measured.Value, measured.Tags["operation"], measured.Tags["outcome"]));
        Assert.Empty(_log.Collector.GetSnapshot());
    }

    [Fact]
    public async Task Run_Failure_IsClassifiedCountedLoggedOnceAndPassedOn()
    {
        var ct = TestContext.Current.CancellationToken;
        var fault = new WorkspaceException("CM5001", "The disk is full.");

        var thrown = await Assert.ThrowsAsync<WorkspaceException>(() => _operation.RunAsync("run.prepare", "system:worker",
            (_, token) => _operation.RunAsync("workspace.clone", "system:worker", (_, _) => Task.FromException(fault), token), ct));

        Assert.Same(fault, thrown);
        var entry = Assert.Single(_log.Collector.GetSnapshot());
        Assert.Equal((LogLevel.Error, "workspace.clone", "CM5001"), (entry.Level, entry.GetStructuredStateValue("Operation"), entry.GetStructuredStateValue("Code")));
        Assert.Equal(["workspace.clone", "run.prepare"], _errors.GetMeasurementSnapshot().Select(m => m.Tags["operation"]));
        Assert.All(_errors.GetMeasurementSnapshot(), m => Assert.Equal("infrastructure", m.Tags["failure"]));
        Assert.True(Operation.WasLogged(fault));
    }

    [Fact]
    public async Task Run_CancelledByItsCaller_IsNoError()
    {
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _operation.RunAsync("scan", "system:worker", async (_, token) =>
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
            ActivityStopped = activity => span = activity.OperationName == "traced.operation" ? activity : span,
        };
        ActivitySource.AddActivityListener(listener);

        await Assert.ThrowsAsync<InvalidOperationException>(() => _operation.RunAsync("traced.operation", "system:test",
            (_, _) => Task.FromException(new InvalidOperationException("secret text")), TestContext.Current.CancellationToken));

        Assert.NotNull(span);
        Assert.Equal((ActivityStatusCode.Error, Failures.UnexpectedCode), (span.Status, span.StatusDescription));
        Assert.DoesNotContain(span.TagObjects, tag => tag.Value?.ToString()?.Contains("secret", StringComparison.Ordinal) == true);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void Classify_Fault_GivesItsClass(Exception fault, FailureClass expected) => Assert.Equal(expected, Failures.Classify(fault));
}
