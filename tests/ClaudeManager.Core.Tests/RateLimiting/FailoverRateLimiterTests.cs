using System.Diagnostics.Metrics;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Telemetry;
using ClaudeManager.Tests.Shared.Processes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Core.Tests.RateLimiting;

public sealed class FailoverRateLimiterTests : IAsyncDisposable
{
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);

    private readonly FakeTimeProvider _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly FakeLogger<FailoverRateLimiter> _logger = new();
    private readonly UpstreamLimiter _shared;
    private readonly FailoverRateLimiter _limiter;
    private int _instances = 1;

    public FailoverRateLimiterTests()
    {
        _shared = new UpstreamLimiter(new InProcessRateLimiter(_time, telemetry: null));
        _limiter = new FailoverRateLimiter(_shared, () => new LiveInstances(_instances, 1), _time, new LimiterTelemetry(_services.GetRequiredService<IMeterFactory>()), _logger);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _limiter.DisposeAsync();
        await _services.DisposeAsync();
    }

    [Fact]
    public async Task Acquire_UpstreamFails_IsDecidedHereAndUpstreamLeftAfterThreeInARow()
    {
        _shared.Fault = new InvalidOperationException("gone");
        for (var i = 1; i <= FailoverRateLimiter.FaultsToLeave; i++)
        {
            Assert.Equal(LimiterSource.Shared, _limiter.State.Source);
            Assert.True((await AskAsync("a", 10)).Allowed);
            Assert.Equal(i, _shared.Calls);
        }

        Assert.Equal(("LocalShare", nameof(InvalidOperationException)), (_limiter.State.Source.ToString(), _limiter.State.Reason));
        for (var i = 0; i < 100; i++)
        {
            await AskAsync("a", 10);
        }

        Assert.Equal(FailoverRateLimiter.FaultsToLeave, _shared.Calls);
        Assert.Equal(8001, Assert.Single(_logger.Collector.GetSnapshot()).Id.Id);
    }

    [Fact]
    public async Task Acquire_OneFaultAmongAnswers_LeavesUpstreamInPlace()
    {
        for (var i = 0; i < 10; i++)
        {
            _shared.Fault = i % 3 < 2 ? new InvalidOperationException("slow") : null;
            await AskAsync("a", 100);
        }

        Assert.Equal((10, LimiterSource.Shared), (_shared.Calls, _limiter.State.Source));
    }

    [Fact]
    public async Task Acquire_UpstreamNeverAnswers_IsDecidedHereAtTheEndOfTheBudget()
    {
        _shared.Silent = true;
        var asked = AskAsync("a", 10);
        _time.Advance(FailoverRateLimiter.Budget - TimeSpan.FromMilliseconds(1));
        Assert.False(asked.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True((await asked).Allowed);

        await LoseAsync();
        var atOnce = AskAsync("a", 10);
        Assert.True(atOnce.IsCompleted);
        Assert.Equal(nameof(TimeoutException), _limiter.State.Reason);
    }

    [Fact]
    public async Task Trial_WhileItFails_OneAtATimeAndNoRequestGoesAlong()
    {
        await LoseAsync();
        var lost = _shared.Calls;
        for (var trial = 1; trial <= 5; trial++)
        {
            await AdvanceToTrialAsync(lost + trial);
            await AskAsync("a", 10);
            Assert.Equal(lost + trial, _shared.Calls);
            // Nobody asks again before this trial's time is over and the interval after it.
            _time.Advance(FailoverRateLimiter.Budget);
        }

        Assert.Equal(LimiterSource.LocalShare, _limiter.State.Source);
    }

    [Fact]
    public async Task Trial_Answered_ReturnsUpstreamByItself()
    {
        await LoseAsync();
        _shared.Silent = false;
        var calls = _shared.Calls;

        await AdvanceUntilAsync(() => _limiter.State.Source == LimiterSource.Shared);

        Assert.Null(_limiter.State.Reason);
        Assert.Equal(calls + 1, _shared.Calls);
        await AskAsync("b", 10);
        Assert.Equal(calls + 2, _shared.Calls);

        // A fault later counts from the beginning.
        _shared.Fault = new InvalidOperationException("once");
        await AskAsync("b", 10);
        Assert.Equal(LimiterSource.Shared, _limiter.State.Source);
    }

    [Theory]
    [InlineData(1, 12)]
    [InlineData(4, 3)]
    [InlineData(5, 2)]
    [InlineData(100, 1)]
    [InlineData(0, 12)]
    public async Task Acquire_UpstreamGone_AdmitsTheLimitDividedByTheInstances(int instances, int share)
    {
        _instances = instances;
        await LoseAsync();

        Assert.Equal(share, await AdmittedAsync("a", 12));
    }

    [Fact]
    public async Task Acquire_InstancesChange_NobodyGetsANewBurst()
    {
        _instances = 4;
        await LoseAsync();
        Assert.Equal(3, await AdmittedAsync("a", 12));

        _instances = 3;
        Assert.Equal(0, await AdmittedAsync("a", 12));
        _instances = 4;
        Assert.Equal(0, await AdmittedAsync("a", 12));
    }

    [Fact]
    public async Task Acquire_CostAboveTheShare_StillGoesOnceAndIsPaidInFull()
    {
        _instances = 4;
        await LoseAsync();
        RateScope[] scope = [new("a", new RateLimit(12, s_hour, 12), 6)];

        Assert.True((await _limiter.AcquireAsync(scope, Ct)).Allowed);
        Assert.False((await _limiter.AcquireAsync(scope, Ct)).Allowed);
        // Six permits at a quarter of twelve an hour.
        _time.Advance(s_hour * 2 - TimeSpan.FromSeconds(5));
        Assert.False((await _limiter.AcquireAsync(scope, Ct)).Allowed);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True((await _limiter.AcquireAsync(scope, Ct)).Allowed);
    }

    [Fact]
    public async Task Acquire_BurstUsedUpBefore_IsNotGivenASecondTime()
    {
        Assert.Equal(12, await AdmittedAsync("a", 12));
        await LoseAsync();

        Assert.Equal(0, await AdmittedAsync("a", 12));
        Assert.Equal(12, await AdmittedAsync("b", 12));
    }

    /// <summary>One instance may take the whole limit while it is shared; that must not keep it from its share for as long as there are instances.</summary>
    [Fact]
    public async Task Acquire_MoreThanTheShareUsedBefore_IsNoDebt()
    {
        _instances = 4;
        Assert.Equal(12, await AdmittedAsync("a", 12));
        await LoseAsync();

        // An interval of the share is four of the whole's: 20 minutes.
        _time.Advance(TimeSpan.FromMinutes(20));
        Assert.Equal(1, await AdmittedAsync("a", 12));
    }

    [Fact]
    public async Task Acquire_RefusedUpstream_ChargesTheShareNothing()
    {
        Assert.Equal(12, await AdmittedAsync("narrow", 12));
        RateScope[] both = [new("narrow", new RateLimit(12, s_hour, 12)), new("wide", new RateLimit(12, s_hour, 12))];
        Assert.False((await _limiter.AcquireAsync(both, Ct)).Allowed);
        await LoseAsync();

        Assert.Equal(12, await AdmittedAsync("wide", 12));
    }

    [Fact]
    public async Task Enter_UpstreamGone_KeepsOnesOwnPlacesAndGivesAShare()
    {
        _instances = 2;
        var scope = new SlotScope("agents", 4, s_hour);
        Assert.True((await _limiter.EnterAsync(scope, "one", Ct)).Taken);
        Assert.True((await _limiter.EnterAsync(scope, "two", Ct)).Taken);
        Assert.True((await _limiter.EnterAsync(scope, "three", Ct)).Taken);
        await LoseAsync();

        Assert.True((await _limiter.EnterAsync(scope, "three", Ct)).Taken);
        await _limiter.LeaveAsync(scope, "two", Ct);
        Assert.False((await _limiter.EnterAsync(scope, "four", Ct)).Taken);
        await _limiter.LeaveAsync(scope, "one", Ct);
        Assert.True((await _limiter.EnterAsync(scope, "four", Ct)).Taken);
        Assert.False((await _limiter.EnterAsync(scope, "five", Ct)).Taken);
    }

    [Fact]
    public async Task Enter_NoInstanceKnown_IsThisOneAlone()
    {
        _instances = 0;
        await LoseAsync();
        var scope = new SlotScope("agents", 2, s_hour);

        Assert.True((await _limiter.EnterAsync(scope, "one", Ct)).Taken);
        Assert.True((await _limiter.EnterAsync(scope, "two", Ct)).Taken);
        Assert.False((await _limiter.EnterAsync(scope, "three", Ct)).Taken);
    }

    [Fact]
    public async Task Acquire_CallerGivesUp_IsNoFaultOfUpstream()
    {
        _shared.Silent = true;
        for (var i = 0; i < 10; i++)
        {
            using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            var asked = _limiter.AcquireAsync(new[] { new RateScope("a", new RateLimit(1, s_hour, 1)) }, giveUp.Token);
            await giveUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await asked);
        }

        Assert.Equal(LimiterSource.Shared, _limiter.State.Source);
    }

    [Fact]
    public async Task Acquire_Decided_IsCountedByWhereAndHow()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        using var decisions = new MetricCollector<long>(meters, ManagerTelemetry.Name, "claude_manager.rate_limits.decisions");
        using var moves = new MetricCollector<long>(meters, ManagerTelemetry.Name, "claude_manager.rate_limits.moves");
        await AdmittedAsync("a", 1);
        await LoseAsync();

        Assert.Equal(
            ["shared allowed", "shared refused", "local_share allowed", "local_share allowed", "local_share allowed"],
            decisions.GetMeasurementSnapshot().Select(m => $"{m.Tags["source"]} {m.Tags["outcome"]}"));
        Assert.Equal("local_share", Assert.Single(moves.GetMeasurementSnapshot()).Tags["to"]);
    }

    private async Task<RateDecision> AskAsync(string key, int burst) => await _limiter.AcquireAsync(new[] { new RateScope(key, new RateLimit(burst, s_hour, burst)) }, Ct);

    private async Task<int> AdmittedAsync(string key, int burst)
    {
        var admitted = 0;
        while ((await AskAsync(key, burst)).Allowed)
        {
            admitted++;
        }

        return admitted;
    }

    /// <summary>Upstream stops to answer, and so many questions find out.</summary>
    private async Task LoseAsync()
    {
        _shared.Silent = true;
        for (var i = 0; i < FailoverRateLimiter.FaultsToLeave && _limiter.State.Source == LimiterSource.Shared; i++)
        {
            var asked = AskAsync("lost", 1_000);
            _time.Advance(FailoverRateLimiter.Budget);
            await asked.WaitAsync(Eventually.Patience, TimeProvider.System, Ct);
        }

        Assert.Equal(LimiterSource.LocalShare, _limiter.State.Source);
    }

    private Task AdvanceToTrialAsync(int calls) => AdvanceUntilAsync(() => _shared.Calls == calls);

    /// <summary>The loop of trials runs beside the test: the clock goes on in small steps until it has seen them.</summary>
    private async Task AdvanceUntilAsync(Func<bool> seen)
    {
        using var limit = new CancellationTokenSource(Eventually.Patience, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(Ct, limit.Token);
        while (!seen())
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
            either.Token.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Where Redis would be: answers, fails or says nothing, and counts who came.</summary>
    private sealed class UpstreamLimiter(IRateLimiter inner) : IRateLimiter
    {
        private int _calls;

        public Exception? Fault { get; set; }

        public bool Silent { get; set; }

        public int Calls => Volatile.Read(ref _calls);

        public LimiterState State => inner.State;

        public ValueTask<RateDecision> AcquireAsync(ReadOnlyMemory<RateScope> scopes, CancellationToken ct) => AnswerAsync(() => inner.AcquireAsync(scopes, CancellationToken.None));

        public ValueTask<SlotDecision> EnterAsync(SlotScope scope, string holder, CancellationToken ct) => AnswerAsync(() => inner.EnterAsync(scope, holder, CancellationToken.None));

        public async ValueTask LeaveAsync(SlotScope scope, string holder, CancellationToken ct) => await inner.LeaveAsync(scope, holder, ct);

        private ValueTask<T> AnswerAsync<T>(Func<ValueTask<T>> answer)
        {
            Interlocked.Increment(ref _calls);
            return Silent ? new ValueTask<T>(new TaskCompletionSource<T>().Task)
                : Fault is { } fault ? ValueTask.FromException<T>(fault)
                : answer();
        }
    }
}
