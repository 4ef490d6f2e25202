using System.Diagnostics.Metrics;
using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Persistence;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Tests.Errors;

public sealed class ErrorTrackingLoggerTests : IDisposable
{
    private readonly ErrorTracker _tracker = new(new Redactor(), TimeProvider.System);
    private readonly ServiceProvider _services;

    public ErrorTrackingLoggerTests()
        => _services = new ServiceCollection().AddMetrics()
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.None).AddProvider(new ErrorTrackingLogger(_tracker)).AddFilter<ErrorTrackingLogger>(null, LogLevel.Warning))
            .BuildServiceProvider();

    private ILoggerFactory Loggers => _services.GetRequiredService<ILoggerFactory>();

    [Fact]
    public async Task Fault_ThroughNestedOperations_IsOneErrorOfTheInnermost()
    {
        await using var store = (await TestStore.CreateAsync("sqlite", TestContext.Current.CancellationToken))!;
        var operation = new Operation(store.Store, _services.GetRequiredService<IMeterFactory>(), Loggers.CreateLogger<Operation>(), TimeProvider.System);
        OperationContext? inner = null;
        var ct = TestContext.Current.CancellationToken;
        await Assert.ThrowsAsync<InvalidOperationException>(() => operation.RunAsync(OperationCatalog.DispatchScans, Caller.System("test"), (_, outerToken) => operation.RunAsync(OperationCatalog.ScanDue, Caller.System("test"), (context, _) =>
        {
            inner = context;
            Assert.Same(context, Operation.Current);
            throw new InvalidOperationException("x");
        }, outerToken), ct));

        var error = Assert.Single(_tracker.Read(10).Recent);
        Assert.Equal(("scans.scan", inner!.CorrelationId), (error.Operation, error.CorrelationId));
        Assert.Null(Operation.Current);
    }

    [Fact]
    public void Fault_LoggedTwiceOrWrapped_IsOneError()
    {
        var fault = new InvalidOperationException("x");
        var logger = Loggers.CreateLogger("ClaudeManager.Core.Something");
        Write(logger, LogLevel.Error, fault);
        Write(logger, LogLevel.Warning, fault);
        Write(logger, LogLevel.Error, new IOException("y", fault));
        Assert.Equal(("ClaudeManager.Core.Something", "x"), (Assert.Single(_tracker.Read(10).Recent).Operation, _tracker.Read(1).Recent[0].Message));
    }

    [Fact]
    public void NotAFault_IsNotCounted()
    {
        var ours = Loggers.CreateLogger("ClaudeManager.Core.Something");
        Write(ours, LogLevel.Information, new InvalidOperationException());
        Write(ours, LogLevel.Error, new OperationCanceledException());
        Write(ours, LogLevel.Error, null);
        Write(Loggers.CreateLogger("Microsoft.EntityFrameworkCore"), LogLevel.Error, new InvalidOperationException());
        Assert.Equal(0, _tracker.Read(0).Total);
    }

    public void Dispose() => _services.Dispose();

    private static void Write(ILogger logger, LogLevel level, Exception? exception) => logger.Log(level, default, "", exception, (_, _) => "");
}
