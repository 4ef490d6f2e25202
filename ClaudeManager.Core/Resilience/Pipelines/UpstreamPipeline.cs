using ClaudeManager.Core.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Polly;
using Polly.Retry;
using Polly.Telemetry;
using Polly.Timeout;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>
/// The way to one upstream at one host. From outside in: total time-out, retry, circuit breaker, concurrency limit, attempt time-out. It is in two halves, so that a caller can put something of
/// his own between them, such as waiting for a turn under a limit.
/// </summary>
internal sealed class UpstreamPipeline<T>
{
    private static readonly ResiliencePropertyKey<Call> s_call = new("claude-manager.call");
    private static readonly TelemetryOptions s_telemetry = new() { LoggerFactory = NullLoggerFactory.Instance };

    /// <summary>Timers may fire a few milliseconds early.</summary>
    private static readonly TimeSpan s_timerError = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);

    private readonly Upstream<T> _upstream;
    private readonly Circuit<T> _circuit;
    private readonly UpstreamConfiguration _configuration;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ResiliencePipeline<T> _outer;
    private readonly ResiliencePipeline<T> _inner;

    public UpstreamPipeline(Upstream<T> upstream, Circuit<T> circuit, UpstreamConfiguration configuration, TimeProvider time, Random random, ILogger logger)
    {
        (_upstream, _circuit, _configuration, _time, _random) = (upstream, circuit, configuration, time, random);
        var outer = New(upstream.Name).AddTimeout(new TimeoutStrategyOptions { TimeoutGenerator = attempt => ValueTask.FromResult(CallOf(attempt.Context).Until) });
        if (configuration.Attempts > 1)
        {
            outer.AddRetry(new RetryStrategyOptions<T>
            {
                MaxRetryAttempts = configuration.Attempts - 1,
                ShouldHandle = attempt => ValueTask.FromResult(MayRepeat(CallOf(attempt.Context), attempt.Outcome)),
                DelayGenerator = attempt => ValueTask.FromResult<TimeSpan?>(CallOf(attempt.Context).Pause),
                OnRetry = attempt =>
                {
                    Log.Repeated(logger, circuit.Name, attempt.AttemptNumber + 1, attempt.RetryDelay.TotalSeconds, Circuit<T>.Describe(attempt.Outcome));
                    return default;
                },
            });
        }

        var inner = New(circuit.Name).AddPipeline(circuit.Pipeline);
        if (configuration.AttemptTimeout is { } timeout)
        {
            inner.AddTimeout(timeout);
        }

        (_outer, _inner) = (outer.Build(), inner.Build());

        ResiliencePipelineBuilder<T> New(string name) => new ResiliencePipelineBuilder<T> { Name = name, TimeProvider = time }.ConfigureTelemetry(s_telemetry);
    }

    /// <summary>The whole way.</summary>
    /// <param name="repeatable">Whether doing it twice is doing it once. A call that is not is made once, whatever becomes of it.</param>
    /// <exception cref="CircuitOpenException">It was not made at all.</exception>
    /// <exception cref="TimeoutException">There was no answer in time.</exception>
    public ValueTask<T> ExecuteAsync<TState>(Func<TState, CancellationToken, ValueTask<T>> attempt, TState state, bool repeatable, CancellationToken ct)
        => RepeatAsync(static (s, token) => s.Pipeline.AttemptAsync(s.Attempt, s.State, token), (Pipeline: this, Attempt: attempt, State: state), repeatable, TimeSpan.Zero, ct);

    /// <summary>The outer half: total time-out and retry. Each attempt has to go through <see cref="AttemptAsync"/>.</summary>
    /// <param name="patience">How long the caller waits for his turn, besides the total time-out. What the upstream asks for beyond that is not waited for.</param>
    public async ValueTask<T> RepeatAsync<TState>(Func<TState, CancellationToken, ValueTask<T>> attempt, TState state, bool repeatable, TimeSpan patience, CancellationToken ct)
    {
        var total = patience + _configuration.TotalTimeout;
        var context = ResilienceContextPool.Shared.Get(ct);
        context.Properties.Set(s_call, new Call(repeatable && !RetriedByCaller.Now, _time.GetTimestamp(), patience > TimeSpan.Zero ? patience : total, total));
        try
        {
            return await _outer.ExecuteAsync(static (c, s) => s.attempt(s.state, c.CancellationToken), context, (attempt, state)).ConfigureAwait(false);
        }
        catch (TimeoutRejectedException late)
        {
            throw Late(late);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>The inner half: circuit breaker, concurrency limit and attempt time-out.</summary>
    public async ValueTask<T> AttemptAsync<TState>(Func<TState, CancellationToken, ValueTask<T>> attempt, TState state, CancellationToken ct)
    {
        try
        {
            return await _inner.ExecuteAsync(static (s, token) => s.attempt(s.state, token), (attempt, state), ct).ConfigureAwait(false);
        }
        catch (TimeoutRejectedException late)
        {
            throw Late(late);
        }
    }

    /// <summary>For a caller who has to spend something before the breaker is asked.</summary>
    /// <exception cref="CircuitOpenException">It would refuse the call.</exception>
    public void ThrowIfOpen()
    {
        if (_circuit.Refusal() is { } refusal)
        {
            throw refusal;
        }
    }

    private static Call CallOf(ResilienceContext context) => context.Properties.GetValue(s_call, null!);

    private TimeoutException Late(TimeoutRejectedException late) => new(FormattableString.Invariant($"{_circuit.Name} did not answer within {late.Timeout.TotalSeconds:0.#} s."), late);

    /// <summary>Also decides when. A wait after which the answer could not come in time is not begun.</summary>
    private bool MayRepeat(Call call, Outcome<T> outcome)
    {
        var verdict = call.Repeatable ? Upstreams.Judge(_upstream, outcome) : Verdict.Nothing;
        if (verdict is Verdict.Answered or Verdict.Nothing)
        {
            return false;
        }

        var asked = _upstream.WaitOf(outcome, _time.GetUtcNow());
        call.Pause = asked + s_timerError ?? NextPause(call.Pause);
        return _time.GetElapsedTime(call.Began) + call.Pause < (asked is not null && verdict == Verdict.Busy ? call.TurnWithin : call.Until);
    }

    /// <summary>Exponential with decorrelated jitter: anywhere between the first pause and three times the last.</summary>
    private TimeSpan NextPause(TimeSpan last)
    {
        var first = _upstream.FirstPause;
        var most = Math.Min(Math.Max(last.Ticks, first.Ticks) * 3, s_longestPause.Ticks);
        return TimeSpan.FromTicks(first.Ticks + (long)(_random.NextDouble() * Math.Max(0, most - first.Ticks)));
    }

    private sealed class Call(bool repeatable, long began, TimeSpan turnWithin, TimeSpan until)
    {
        public bool Repeatable => repeatable;

        public long Began => began;

        public TimeSpan TurnWithin => turnWithin;

        public TimeSpan Until => until;

        public TimeSpan Pause { get; set; }
    }
}
