using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.RateLimiting;

/// <summary>
/// Asks Redis while it answers in time. While it does not, this instance keeps to its share of every limit (the limit divided by the instances that live), which is stricter, and no request
/// goes near Redis: one trial of our own at a time finds out when it is back. Polly's breaker would make a request that trial, and let it wait.
/// </summary>
internal sealed class FailoverRateLimiter : IRateLimiter, IAsyncDisposable
{
    /// <summary>More than Redis ever takes, less than anybody notices.</summary>
    public static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(20);

    public static readonly TimeSpan TrialInterval = TimeSpan.FromSeconds(1);

    /// <summary>One slow answer is a pause of somebody's garbage collector; so many in a row are an outage.</summary>
    public const int FaultsToLeave = 3;

    private static readonly RateScope[] s_trial = [new("trial", new RateLimit(1_000, TimeSpan.FromSeconds(1), 1_000))];

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly IRateLimiter _shared;
    private readonly InProcessRateLimiter _share;
    private readonly Func<LiveInstances> _liveInstances;
    private readonly TimeProvider _time;
    private readonly LimiterTelemetry _telemetry;
    private readonly ILogger _logger;
    private volatile LimiterState _state;
    private int _faults;
    private Task _trials = Task.CompletedTask;

    /// <param name="shared">Redis; disposed of with this.</param>
    /// <param name="liveInstances">How many instances share the limits, this one included, as far as is known now. It is asked at every decision.</param>
    public FailoverRateLimiter(IRateLimiter shared, Func<LiveInstances> liveInstances, TimeProvider time, LimiterTelemetry telemetry, ILogger<FailoverRateLimiter> logger)
    {
        (_shared, _liveInstances, _time, _telemetry, _logger) = (shared, liveInstances, time, telemetry, logger);
        _share = new InProcessRateLimiter(time, telemetry: null);
        _state = new LimiterState(LimiterSource.Shared, time.GetUtcNow());
    }

    public LimiterState State => _state;

    public async ValueTask<RateDecision> AcquireAsync(ReadOnlyMemory<RateScope> scopes, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Scopes.Check(scopes.Span);
        if (_state.Source == LimiterSource.Shared && await AskAsync(_shared.AcquireAsync(scopes, ct), ct).ConfigureAwait(false) is { } shared)
        {
            if (shared.Allowed)
            {
                // Else an outage would give everybody a second burst.
                _share.Charge(scopes.Span, _liveInstances());
            }

            _telemetry.Decided(LimiterSource.Shared, shared.Allowed);
            return shared;
        }

        var local = _share.Decide(scopes.Span, _liveInstances());
        _telemetry.Decided(LimiterSource.LocalShare, local.Allowed);
        return local;
    }

    public async ValueTask<SlotDecision> EnterAsync(SlotScope scope, string holder, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        Scopes.Check(scope);
        if (_state.Source == LimiterSource.Shared && await AskAsync(_shared.EnterAsync(scope, holder, ct), ct).ConfigureAwait(false) is { } shared)
        {
            if (shared.Taken)
            {
                _share.Hold(scope, holder);
            }

            return shared;
        }

        return _share.Enter(scope, holder, _liveInstances());
    }

    public async ValueTask LeaveAsync(SlotScope scope, string holder, CancellationToken ct)
    {
        _share.Leave(scope, holder);
        if (_state.Source == LimiterSource.Shared)
        {
            // Where Redis does not hear of it, the lease ends by itself.
            await AskAsync(Answered(_shared.LeaveAsync(scope, holder, ct)), ct).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _trials.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
        if (_shared is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <returns>Null when there was no answer in time.</returns>
    private async ValueTask<T?> AskAsync<T>(ValueTask<T> question, CancellationToken ct)
        where T : struct
    {
        try
        {
            var answer = question.IsCompletedSuccessfully ? question.Result : await WithinBudgetAsync(question, ct).ConfigureAwait(false);
            Volatile.Write(ref _faults, 0);
            return answer;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            if (Interlocked.Increment(ref _faults) >= FaultsToLeave)
            {
                Leave(e);
            }

            return null;
        }
    }

    private async Task<T> WithinBudgetAsync<T>(ValueTask<T> question, CancellationToken ct)
    {
        var task = question.AsTask();
        try
        {
            return await task.WaitAsync(Budget, _time, ct).ConfigureAwait(false);
        }
        catch when (!task.IsCompleted)
        {
            // Nobody waits for it any more; its fault, if it ends in one, is not news.
            _ = task.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    private void Leave(Exception fault)
    {
        lock (_lock)
        {
            if (_state.Source != LimiterSource.Shared || _stopping.IsCancellationRequested)
            {
                return;
            }

            _state = new LimiterState(LimiterSource.LocalShare, _time.GetUtcNow(), fault.GetType().Name);
            _telemetry.Moved(_state.Source);
            Log.RedisLost(_logger, _liveInstances().OfRole, fault);
            _trials = TryToReturnAsync(_stopping.Token);
        }
    }

    private async Task TryToReturnAsync(CancellationToken ct)
    {
        do
        {
            await Task.Delay(TrialInterval, _time, ct).ConfigureAwait(false);
        }
        while (!await AnswersAsync(ct).ConfigureAwait(false));

        lock (_lock)
        {
            _faults = 0;
            Log.RedisBack(_logger, (_time.GetUtcNow() - _state.Since).TotalSeconds);
            _state = new LimiterState(LimiterSource.Shared, _time.GetUtcNow());
            _telemetry.Moved(_state.Source);
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            // A real decision: a server that is full or read-only still answers a ping.
            await WithinBudgetAsync(_shared.AcquireAsync(s_trial, ct), ct).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            Log.RedisStillLost(_logger, e);
            return false;
        }
    }

    private static async ValueTask<bool> Answered(ValueTask question)
    {
        await question.ConfigureAwait(false);
        return true;
    }
}
