using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>The breaker of one upstream at one host, and what it remembers. Polly decides; this records, and lets people intervene.</summary>
internal abstract class Circuit(string upstream, string host, TimeProvider time, ILogger logger)
{
    private const int TransitionsKept = 20;

    private readonly Lock _lock = new();
    private readonly Queue<CircuitTransition> _transitions = new();
    private CircuitTransition _current = new(time.GetUtcNow(), CircuitPosition.Closed, null);
    private DateTimeOffset? _nextTrial;
    private long _failures;
    private long _successes;

    public string Name { get; } = $"{upstream}/{host}";

    protected CircuitBreakerManualControl Control { get; } = new();

    protected CircuitBreakerStateProvider State { get; } = new();

    protected TimeProvider Time => time;

    public CircuitBreakerState Read()
    {
        lock (_lock)
        {
            return new CircuitBreakerState(Name, upstream, host, _current.To, _current.At, _nextTrial, Interlocked.Read(ref _failures), Interlocked.Read(ref _successes),
                [.. _transitions.Reverse()], _current.To == CircuitPosition.Closed ? null : _current.Reason);
        }
    }

    public void Isolate(string reason)
    {
        Move(CircuitPosition.Isolated, reason, null);
        // It is isolated when the call returns; the task is about telling our own handlers, which ignore what an operator does.
        _ = Control.IsolateAsync();
    }

    public void Reset()
    {
        Move(CircuitPosition.Closed, "reset by an operator", null);
        _ = Control.CloseAsync();
    }

    /// <summary>What a call now would be refused with; null when it would go through.</summary>
    public CircuitOpenException? Refusal()
    {
        if (State.CircuitState == CircuitState.Closed)
        {
            return null;
        }

        lock (_lock)
        {
            return _current.To switch
            {
                CircuitPosition.Isolated => new CircuitOpenException(Name, null, _current.Reason),
                CircuitPosition.Open when _nextTrial > time.GetUtcNow() => Refused(),
                CircuitPosition.HalfOpen => Refused(),
                CircuitPosition.Open or CircuitPosition.Closed => null,
            };
        }
    }

    /// <summary>For a call that Polly's breaker has refused, whatever has happened to it since.</summary>
    protected CircuitOpenException Refused()
    {
        lock (_lock)
        {
            return _current.To == CircuitPosition.Isolated
                ? new CircuitOpenException(Name, null, _current.Reason)
                : new CircuitOpenException(Name, _nextTrial ?? time.GetUtcNow(), _current.Reason) { ClearsAt = _nextTrial ?? time.GetUtcNow() };
        }
    }

    protected void Count(Verdict verdict)
    {
        switch (verdict)
        {
            case Verdict.Failed:
                Interlocked.Increment(ref _failures);
                break;
            case Verdict.Answered:
                Interlocked.Increment(ref _successes);
                break;
        }
    }

    protected void Move(CircuitPosition to, string? reason, TimeSpan? nextTrial)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            // While a trial is under way another one may follow only when it has failed, and that takes as long again.
            _nextTrial = to == CircuitPosition.HalfOpen ? _nextTrial : now + nextTrial;
            _current = new CircuitTransition(now, to, reason ?? (to == CircuitPosition.HalfOpen ? _current.Reason : null));
            _transitions.Enqueue(_current);
            if (_transitions.Count > TransitionsKept)
            {
                _transitions.Dequeue();
            }

            Interlocked.Exchange(ref _failures, 0);
            Interlocked.Exchange(ref _successes, 0);
        }

        if (to is CircuitPosition.Open or CircuitPosition.Isolated)
        {
            Log.Opened(logger, Name, to, reason);
        }
        else
        {
            Log.Moved(logger, Name, to);
        }
    }
}

internal sealed class Circuit<T> : Circuit
{
    private readonly Upstream<T> _upstream;

    public Circuit(Upstream<T> upstream, string host, UpstreamConfiguration configuration, TimeProvider time, ILogger logger)
        : base(upstream.Name, host, time, logger)
    {
        _upstream = upstream;
        Pipeline = new ResiliencePipelineBuilder<T> { TimeProvider = time }
            .AddStrategy(_ => new Gate(this), new GateOptions())
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<T>
            {
                FailureRatio = configuration.FailureRatio,
                MinimumThroughput = configuration.MinimumThroughput,
                SamplingDuration = configuration.Window,
                BreakDuration = configuration.Break,
                ManualControl = Control,
                StateProvider = State,
                ShouldHandle = attempt => ValueTask.FromResult(IsFailure(attempt.Outcome)),
                OnOpened = opened =>
                {
                    if (!opened.IsManual)
                    {
                        Move(CircuitPosition.Open, Describe(opened.Outcome), opened.BreakDuration);
                    }

                    return default;
                },
                OnHalfOpened = _ =>
                {
                    Move(CircuitPosition.HalfOpen, null, null);
                    return default;
                },
                OnClosed = closed =>
                {
                    if (!closed.IsManual)
                    {
                        Move(CircuitPosition.Closed, null, null);
                    }

                    return default;
                },
            })
            .AddConcurrencyLimiter(configuration.Concurrency, int.MaxValue)
            .Build();
    }

    /// <summary>Breaker and concurrency limit, shared by everybody who calls this host.</summary>
    public ResiliencePipeline<T> Pipeline { get; }

    /// <summary>Polly takes all that is no failure for a success. Of a trial that says nothing, such as one that was cancelled, that would close the breaker.</summary>
    private bool IsFailure(Outcome<T> outcome) => JudgeOf(outcome) switch
    {
        Verdict.Failed => true,
        Verdict.Nothing => State.CircuitState == CircuitState.HalfOpen,
        Verdict.Answered or Verdict.Busy => false,
    };

    private Verdict JudgeOf(Outcome<T> outcome) => Upstreams.Judge(_upstream, outcome);

    /// <summary>Fit for people and logs: no words of the upstream but those a fault of ours has already made safe.</summary>
    internal static string Describe(Outcome<T> outcome) => outcome switch
    {
        { Exception: ClaudeManagerException known } => known.Message,
        { Exception: { } exception } => exception.GetType().Name,
        { Result: HttpResponseMessage response } => FormattableString.Invariant($"HTTP {(int)response.StatusCode}"),
        _ => "a failed answer",
    };

    private sealed class Gate(Circuit<T> circuit) : ResilienceStrategy<T>
    {
        protected override async ValueTask<Outcome<T>> ExecuteCore<TState>(Func<ResilienceContext, TState, ValueTask<Outcome<T>>> callback, ResilienceContext context, TState state)
        {
            var outcome = await callback(context, state).ConfigureAwait(context.ContinueOnCapturedContext);
            if (outcome.Exception is BrokenCircuitException)
            {
                return Outcome.FromException<T>(circuit.Refused());
            }

            circuit.Count(circuit.JudgeOf(outcome));
            return outcome;
        }
    }

    private sealed class GateOptions : ResilienceStrategyOptions;
}
