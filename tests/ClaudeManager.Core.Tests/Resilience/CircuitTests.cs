using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.Extensions.Time.Testing;
using static ClaudeManager.Core.Tests.Resilience.PipelineGround;

namespace ClaudeManager.Core.Tests.Resilience;

public sealed class CircuitTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 24, 3, 0, 0, TimeSpan.Zero));
    private readonly PipelineGround _ground;

    public CircuitTests() => _ground = new PipelineGround(_time, Defaults with { Attempts = 1 });

    [Fact]
    public async Task Failures_ThatComeLater_OpenIt_OfThisHostAlone()
    {
        await FailAsync(Defaults.MinimumThroughput - 1);
        Assert.Equal(CircuitPosition.Closed, _ground.State().State);
        await FailAsync(1);

        var state = _ground.State();
        Assert.Equal(("registry/one", CircuitPosition.Open, _time.GetUtcNow() + Defaults.Break, "HttpRequestException"), (state.Name, state.State, state.NextTrial, state.Reason));
        var made = false;
        var refused = await Assert.ThrowsAsync<CircuitOpenException>(() => _ground.CallAsync(_ =>
        {
            made = true;
            return Answer(HttpStatusCode.OK);
        }));
        Assert.Equal((false, FailureClass.Transient, state.NextTrial, "registry/one"), (made, refused.Failure, refused.ClearsAt, refused.Breaker));

        using var other = await _ground.CallAsync(_ => Answer(HttpStatusCode.OK), host: "two");
        Assert.Equal((HttpStatusCode.OK, CircuitPosition.Closed), (other.StatusCode, _ground.State("two").State));
    }

    [Fact]
    public async Task Failures_BelowTheRatio_OpenNothing()
    {
        for (var i = 0; i < 100; i++)
        {
            (await _ground.CallAsync(_ => Answer(i % 5 > 2 ? HttpStatusCode.BadGateway : HttpStatusCode.OK))).Dispose();
        }

        Assert.Equal((CircuitPosition.Closed, 40L, 60L), (_ground.State().State, _ground.State().Failures, _ground.State().Successes));
    }

    [Fact]
    public async Task Answers_ThatAreNoFailures_OpenNothing()
    {
        foreach (var status in new[] { HttpStatusCode.NotFound, HttpStatusCode.TooManyRequests, HttpStatusCode.Forbidden })
        {
            for (var i = 0; i < 50; i++)
            {
                (await _ground.CallAsync(_ => Answer(status))).Dispose();
            }
        }

        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        for (var i = 0; i < 50; i++)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _ground.CancellableAsync(async ct =>
            {
                await Task.Yield();
                ct.ThrowIfCancellationRequested();
                return null!;
            }, gone.Token));
        }

        Assert.Equal(CircuitPosition.Closed, _ground.State().State);
    }

    [Fact]
    public async Task HalfOpen_ManyCallersAtOnce_OneTrial_HoweverLongItTakes()
    {
        await FailAsync(Defaults.MinimumThroughput);
        _time.Advance(Defaults.Break);
        var answer = new TaskCompletionSource<HttpResponseMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var trials = 0;
        var callers = Enumerable.Range(0, 200).Select(_ => Task.Run(TrialAsync)).ToList();
        for (var left = callers.ToList<Task>(); left.Count > 1;)
        {
            left.Remove(await Task.WhenAny(left));
        }

        // The others may all have been refused before the one has come as far as its call.
        await started.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((1, CircuitPosition.HalfOpen), (trials, _ground.State().State));

        // Another break goes by, and the trial is not over: still nobody else.
        _time.Advance(Defaults.Break / 2);
        await Assert.ThrowsAsync<CircuitOpenException>(TrialAsync);
        Assert.Equal(1, trials);

        answer.SetResult(new HttpResponseMessage(HttpStatusCode.OK));
        var refused = 0;
        foreach (var caller in callers)
        {
            try
            {
                await caller;
            }
            catch (CircuitOpenException)
            {
                refused++;
            }
        }

        Assert.Equal((199, CircuitPosition.Closed), (refused, _ground.State().State));

        async Task TrialAsync() => (await _ground.CallAsync(_ =>
        {
            Interlocked.Increment(ref trials);
            started.TrySetResult();
            return answer.Task;
        })).Dispose();
    }

    [Fact]
    public async Task HalfOpen_TrialOutlastsTheBreak_StaysAlone()
    {
        var ground = new PipelineGround(_time, Defaults with { Attempts = 1, AttemptTimeout = TimeSpan.FromHours(1), TotalTimeout = TimeSpan.FromHours(1) });
        for (var i = 0; i < Defaults.MinimumThroughput; i++)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => ground.CallAsync(_ => Break()));
        }

        _time.Advance(Defaults.Break);
        var answer = new TaskCompletionSource<HttpResponseMessage>();
        var trial = ground.CallAsync(_ => answer.Task);
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(Defaults.Break);
            await Assert.ThrowsAsync<CircuitOpenException>(() => ground.CallAsync(_ => Answer(HttpStatusCode.OK)));
        }

        answer.SetResult(new HttpResponseMessage(HttpStatusCode.OK));
        (await trial).Dispose();
        (await ground.CallAsync(_ => Answer(HttpStatusCode.OK))).Dispose();
        Assert.Equal(CircuitPosition.Closed, ground.State().State);
    }

    [Fact]
    public async Task HalfOpen_TrialFails_OpensAgain()
    {
        await FailAsync(Defaults.MinimumThroughput);
        _time.Advance(Defaults.Break);
        await FailAsync(1);
        Assert.Equal((CircuitPosition.Open, _time.GetUtcNow() + Defaults.Break), (_ground.State().State, _ground.State().NextTrial!.Value));
        Assert.Equal([CircuitPosition.Open, CircuitPosition.HalfOpen, CircuitPosition.Open], _ground.State().LastTransitions.Select(t => t.To));
    }

    [Fact]
    public async Task HalfOpen_TrialIsCancelled_DoesNotClose()
    {
        await FailAsync(Defaults.MinimumThroughput);
        _time.Advance(Defaults.Break);
        using var gone = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _ground.CancellableAsync(async ct =>
        {
            await gone.CancelAsync();
            ct.ThrowIfCancellationRequested();
            return null!;
        }, gone.Token));
        Assert.NotEqual(CircuitPosition.Closed, _ground.State().State);
    }

    [Fact]
    public async Task Isolate_RefusesUntilReset()
    {
        (await _ground.CallAsync(_ => Answer(HttpStatusCode.OK))).Dispose();
        _ground.Breakers.Isolate("registry/one", "maintenance");
        _time.Advance(Defaults.Break * 10);
        var refused = await Assert.ThrowsAsync<CircuitOpenException>(() => _ground.CallAsync(_ => Answer(HttpStatusCode.OK)));
        Assert.Null(refused.ClearsAt);
        Assert.Contains("maintenance", refused.Message, StringComparison.Ordinal);
        Assert.Equal((CircuitPosition.Isolated, "maintenance"), (_ground.State().State, _ground.State().Reason));

        _ground.Breakers.Reset("registry/one");
        (await _ground.CallAsync(_ => Answer(HttpStatusCode.OK))).Dispose();
        Assert.Equal((CircuitPosition.Closed, null), (_ground.State().State, _ground.State().Reason));
    }

    [Fact]
    public async Task Isolate_BeforeTheFirstCall_RefusesIt()
    {
        _ground.Breakers.Isolate("registry/one", "maintenance");
        Assert.Empty(_ground.Breakers.Snapshot());
        await Assert.ThrowsAsync<CircuitOpenException>(() => _ground.CallAsync(_ => Answer(HttpStatusCode.OK)));
        (await _ground.CallAsync(_ => Answer(HttpStatusCode.OK), host: "two")).Dispose();
        _ground.Breakers.Reset("registry/one");
        (await _ground.CallAsync(_ => Answer(HttpStatusCode.OK))).Dispose();
    }

    [Fact]
    public async Task Reset_OfAnOpenOne_LetsCallsThroughAtOnce()
    {
        await FailAsync(Defaults.MinimumThroughput);
        _ground.Breakers.Reset("registry/one");
        (await _ground.CallAsync(_ => Answer(HttpStatusCode.OK))).Dispose();
        Assert.Equal((CircuitPosition.Closed, 1L, 0L), (_ground.State().State, _ground.State().Successes, _ground.State().Failures));
    }

    private async Task FailAsync(int times)
    {
        for (var i = 0; i < times; i++)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => _ground.CallAsync(_ => Break()));
        }
    }
}
