using System.Runtime.CompilerServices;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Resilience;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Errors;

/// <summary>
/// Hands every fault to the <see cref="ErrorTracker"/>, once: whoever catches one and does not throw it on writes it to the log, and so does the operation it came through. Listening there, nothing that is caught
/// can be forgotten, and nobody has to know the tracker.
/// </summary>
[ProviderAlias("ErrorTracker")]
internal sealed class ErrorTrackingLogger(ErrorTracker tracker) : ILoggerProvider
{
    private static readonly ConditionalWeakTable<Exception, object> s_seen = [];

    /// <summary>Ours alone: what the libraries below say of a fault on its way up is the same fault.</summary>
    public ILogger CreateLogger(string categoryName)
        => categoryName.StartsWith("ClaudeManager.", StringComparison.Ordinal) ? new Logger(tracker, categoryName) : NullLogger.Instance;

    public void Dispose()
    {
    }

    private sealed class Logger(ErrorTracker tracker, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Warning and < LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (exception is null || !IsEnabled(logLevel) || exception is OperationCanceledException || WasSeen(exception))
            {
                return;
            }

            s_seen.TryAdd(exception, exception.GetType());
            var operation = Operation.Current;
            if (operation is not null)
            {
                (exception as ClaudeManagerException)?.PassedThrough(operation);
            }

            tracker.Record(operation?.Name ?? category, operation?.CorrelationId, exception);
        }

        /// <summary>A fault that wraps another is the same one, seen from further out.</summary>
        private static bool WasSeen(Exception exception)
        {
            for (var fault = exception; fault is not null; fault = fault.InnerException)
            {
                if (s_seen.TryGetValue(fault, out _))
                {
                    return true;
                }
            }

            return false;
        }
    }
}
