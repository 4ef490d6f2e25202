using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Telemetry;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Operations;

/// <summary>
/// The one entry point: loops and commands call it directly, the Api through its endpoint filter. It checks that the caller may, gives the work its trace, correlation id, timing and error count, and sees to it
/// that a failure is classified and logged once, by the innermost operation; then the failure goes on to the caller.
/// </summary>
public sealed class Operation
{
    private static readonly ConditionalWeakTable<Exception, object> s_logged = [];

    private static readonly AsyncLocal<OperationContext?> s_current = new();

    private readonly Store _store;
    private readonly ILogger<Operation> _logger;
    private readonly TimeProvider _time;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _errors;

    public Operation(Store store, IMeterFactory meters, ILogger<Operation> logger, TimeProvider time)
    {
        var meter = ManagerTelemetry.CreateMeter(meters);
        _store = store;
        _logger = logger;
        _time = time;
        _duration = meter.CreateHistogram<double>("claude_manager.operations.duration", "s", "How long operations take, by operation and outcome.");
        _errors = meter.CreateCounter<long>("claude_manager.operations.errors", "{error}", "Failed operations, by operation, code and failure class.");
    }

    /// <summary>The innermost operation that runs here; null outside of all.</summary>
    public static OperationContext? Current => s_current.Value;

    /// <summary>True when some operation has written the fault to the log, so that an edge (exception handler, loop) does not do it again.</summary>
    public static bool WasLogged(Exception exception) => s_logged.TryGetValue(exception, out _);

    /// <param name="subject">The piece of work it is about, if that is known: the operation is a trace of its own then, linked to the one the work began with, and carries its correlation id.</param>
    /// <exception cref="AuthorizationException">The caller may not.</exception>
    public async Task<T> RunAsync<T>(OperationDescriptor operation, Caller caller, Func<OperationContext, CancellationToken, Task<T>> body, CancellationToken ct, OperationSubject? subject = null)
    {
        if (subject is not null)
        {
            Activity.Current = null;
        }

        var name = operation.Name;
        // Without a listener the source gives no activity; the correlation id must be the trace id all the same.
        using var activity = ManagerTelemetry.Source.StartActivity(name) ?? new Activity(name).Start();
        var context = OperationContext.Create(name, caller.Actor) with { Address = caller.Address, Client = caller.Client };
        if (subject is not null)
        {
            context = context with { CorrelationId = subject.CorrelationId, Subject = subject };
            activity.SetTag("claude_manager.correlation_id", subject.CorrelationId);
            ManagerTelemetry.Follow(activity, subject.CorrelationId);
        }

        using var scope = _logger.BeginScope(new KeyValuePair<string, object?>[] { new("operation", name), new("correlation_id", context.CorrelationId) });
        var started = _time.GetTimestamp();
        var outcome = "success";
        var outer = s_current.Value;
        s_current.Value = context;
        try
        {
            if (!caller.May(operation))
            {
                await DenyAsync(context, operation, ct).ConfigureAwait(false);
            }

            return await body(context, ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            outcome = "cancelled";
            throw;
        }
        catch (Exception e)
        {
            outcome = "failed";
            Failed(context, activity, e);
            throw;
        }
        finally
        {
            s_current.Value = outer;
            _duration.Record(_time.GetElapsedTime(started).TotalSeconds, new("operation", name), new("outcome", outcome));
        }
    }

    public Task RunAsync(OperationDescriptor operation, Caller caller, Func<OperationContext, CancellationToken, Task> body, CancellationToken ct, OperationSubject? subject = null)
        => RunAsync(operation, caller, async (context, token) =>
        {
            await body(context, token).ConfigureAwait(false);
            return true;
        }, ct, subject);

    /// <summary>Who tried what they may not is on record before they hear of it.</summary>
    private async Task DenyAsync(OperationContext context, OperationDescriptor operation, CancellationToken ct)
    {
        await _store.WriteAsync(context, (tx, _) =>
        {
            tx.Audit(new AuditRecord("authorization", "operation.denied", "operation", operation.Name, AuditSeverity.Medium, AuditResult.Blocked, new Dictionary<string, object?> { ["needs"] = ManagerJson.Name(operation.Needs) }));
            return Task.CompletedTask;
        }, ct).ConfigureAwait(false);
        throw new AuthorizationException(operation.Name, operation.Needs);
    }

    private void Failed(OperationContext context, Activity activity, Exception exception)
    {
        (exception as ClaudeManagerException)?.PassedThrough(context);
        var failure = Failures.Classify(exception);
        var code = Failures.CodeOf(exception);
        var failureName = ManagerJson.Name(failure);
        // No message: it may quote what came from outside, and traces do not pass the redactor.
        activity.SetStatus(ActivityStatusCode.Error, code);
        activity.SetTag("error.type", failureName);
        _errors.Add(1, new("operation", context.Name), new("code", code), new("failure", failureName));

        if (!s_logged.TryAdd(exception, exception.GetType()))
        {
            return;
        }

        if (exception is CircuitOpenException)
        {
            // The fault was in the calls that opened it, and they are in the log.
            Log.OperationNotTried(_logger, context.Name, code, context.CorrelationId, exception);
        }
        else if (failure is FailureClass.Policy or FailureClass.Budget or FailureClass.Verification)
        {
            Log.OperationRefused(_logger, context.Name, code, failureName, context.CorrelationId, exception);
        }
        else
        {
            Log.OperationFailed(_logger, context.Name, code, failureName, context.CorrelationId, exception);
        }
    }
}
