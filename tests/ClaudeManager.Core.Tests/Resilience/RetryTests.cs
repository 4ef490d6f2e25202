using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Tests.GitHub;
using ClaudeManager.Tests.Shared.Properties;
using CsCheck;
using static ClaudeManager.Core.Tests.Resilience.PipelineGround;

namespace ClaudeManager.Core.Tests.Resilience;

/// <summary>
/// Where the standard handler of Microsoft.Extensions.Http.Resilience 10.11 fails, ours must not: a POST repeated by default (dotnet/extensions#5248), or after a time-out (#6548), a Retry-After waited for that is
/// later than the total time-out (#7701), a retry before Retry-After (#7001), one message sent twice (#6167).
/// </summary>
public sealed class RetryTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public async Task Execute_AlwaysFails_IsMadeExactlyAsOftenAsConfigured(int attempts)
    {
        var ground = new PipelineGround(new SkippingTime(), Defaults with { Attempts = attempts, TotalTimeout = TimeSpan.FromHours(1), MinimumThroughput = 100 });
        var (broken, refused) = (0, 0);
        await Assert.ThrowsAsync<HttpRequestException>(() => ground.CallAsync(_ => Counted(ref broken, Break())));
        using var answer = await ground.CallAsync(_ => Counted(ref refused, Answer(HttpStatusCode.ServiceUnavailable)));
        Assert.Equal((attempts, attempts, HttpStatusCode.ServiceUnavailable), (broken, refused, answer.StatusCode));
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.TooManyRequests)]
    public async Task Execute_NotRepeatable_IsMadeOnce(HttpStatusCode status)
    {
        var ground = new PipelineGround(new SkippingTime());
        var made = 0;
        using var answer = await ground.CallAsync(_ => Counted(ref made, Answer(status)), repeatable: false);
        Assert.Equal((1, status), (made, answer.StatusCode));
    }

    [Fact]
    public async Task Execute_NotRepeatable_ThatTimesOut_IsMadeOnce()
    {
        var time = new SkippingTime();
        var ground = new PipelineGround(time);
        var made = 0;
        var call = ground.CallAsync(ct => Counted(ref made, NeverAsync(ct)), repeatable: false);
        time.Advance(Defaults.AttemptTimeout!.Value);
        await Assert.ThrowsAsync<TimeoutException>(() => call);
        Assert.Equal(1, made);
    }

    [Fact]
    public async Task Execute_RepeatedByItsCaller_IsMadeOnce()
    {
        var ground = new PipelineGround(new SkippingTime());
        var made = 0;
        using (RetriedByCaller.Begin())
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => ground.CallAsync(_ => Counted(ref made, Break())));
        }

        Assert.Equal(1, made);
        await Assert.ThrowsAsync<HttpRequestException>(() => ground.CallAsync(_ => Counted(ref made, Break())));
        Assert.Equal(4, made);
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound)]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.OK)]
    [InlineData(HttpStatusCode.NotModified)]
    public async Task Execute_Answered_IsMadeOnce(HttpStatusCode status)
    {
        var ground = new PipelineGround(new SkippingTime());
        var made = 0;
        using var answer = await ground.CallAsync(_ => Counted(ref made, Answer(status)));
        Assert.Equal(1, made);
    }

    [Fact]
    public async Task RetryAfter_LaterThanTheTotalTimeout_IsNotWaitedFor()
    {
        var time = new SkippingTime();
        var ground = new PipelineGround(time);
        var made = 0;
        using var answer = await ground.CallAsync(_ => Counted(ref made, Limited(new RetryConditionHeaderValue(Defaults.TotalTimeout))));
        Assert.Equal((1, HttpStatusCode.TooManyRequests), (made, answer.StatusCode));
        Assert.Empty(time.Waits);
    }

    [Fact]
    public async Task RetryAfter_WithinTheTotalTimeout_IsWaitedFor()
    {
        var time = new SkippingTime();
        var ground = new PipelineGround(time);
        var made = 0;
        using var answer = await ground.CallAsync(_ => Counted(ref made, made == 0 ? Limited(new RetryConditionHeaderValue(TimeSpan.FromSeconds(40))) : Answer(HttpStatusCode.OK)));
        Assert.Equal((2, HttpStatusCode.OK), (made, answer.StatusCode));
        Assert.InRange(Assert.Single(time.Waits), TimeSpan.FromSeconds(40), TimeSpan.FromSeconds(41));
    }

    [Fact]
    public async Task Pauses_GrowWithJitter_AndStayBelowTheirCeiling()
    {
        var time = new SkippingTime();
        var ground = new PipelineGround(time, Defaults with { Attempts = 40, TotalTimeout = TimeSpan.FromHours(1), MinimumThroughput = 100 });
        await Assert.ThrowsAsync<HttpRequestException>(() => ground.CallAsync(_ => Break()));
        var first = Upstreams.Registry.FirstPause;
        Assert.Equal(39, time.Waits.Count);
        Assert.All(time.Waits, w => Assert.InRange(w, first, TimeSpan.FromSeconds(30)));
        Assert.All(time.Waits.Zip(time.Waits.Skip(1)), pair => Assert.True(pair.Second <= pair.First * 3));
        Assert.True(time.Waits.Distinct().Count() > 30);
        Assert.True(time.Waits.Max() > TimeSpan.FromSeconds(5));
    }

    /// <summary>Whatever form the server asks in, and however wrong its clock and ours are set.</summary>
    [Fact]
    public Task AskedFor_AnyFormAndClock_IsNeverTooEarlyByTheServersClock()
        => Gen.Select(Gen.Int[0, 59_999], Gen.Int[-7_200_000, 7_200_000], Gen.Int[1, 50], Gen.Int[0, 2]).CheckAsync(async sample =>
        {
            var (since, skew, seconds, form) = sample;
            var time = new SkippingTime();
            time.Advance(TimeSpan.FromMilliseconds(since));
            var ground = new PipelineGround(time, Defaults with { TotalTimeout = TimeSpan.FromHours(5) });
            var notBefore = DateTimeOffset.MinValue;
            var early = false;
            var made = 0;
            using var last = await ground.CallAsync(_ =>
            {
                var theirs = time.GetUtcNow() + TimeSpan.FromMilliseconds(skew);
                early |= theirs < notBefore;
                return Counted(ref made, made == 0 ? Asking(theirs) : Answer(HttpStatusCode.OK));
            });
            Assert.Equal((2, false), (made, early));

            async Task<HttpResponseMessage> Asking(DateTimeOffset theirs)
            {
                var answer = await Answer(HttpStatusCode.TooManyRequests);
                // Dates have no fractions: cut, as servers do.
                answer.Headers.Date = DateTimeOffset.FromUnixTimeSeconds(theirs.ToUnixTimeSeconds());
                var until = DateTimeOffset.FromUnixTimeSeconds(theirs.ToUnixTimeSeconds() + seconds);
                notBefore = form == 0 ? theirs + TimeSpan.FromSeconds(seconds) : until;
                switch (form)
                {
                    case 0:
                        answer.Headers.RetryAfter = new RetryConditionHeaderValue(TimeSpan.FromSeconds(seconds));
                        break;
                    case 1:
                        answer.Headers.RetryAfter = new RetryConditionHeaderValue(until);
                        break;
                    default:
                        answer.Headers.Add("x-ratelimit-remaining", "0");
                        answer.Headers.Add("x-ratelimit-reset", until.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
                        break;
                }

                return answer;
            }
        }, count: 500);

    /// <summary>Real timers fire a little early now and then; the standard handler repeats too early more often than not.</summary>
    [Fact]
    public async Task RetryAfter_OnRealTimers_IsNeverEarly()
    {
        var ground = new PipelineGround(TimeProvider.System, Defaults with { MinimumThroughput = 1_000_000, Concurrency = 100_000 });
        var early = 0;
        await Task.WhenAll(Enumerable.Range(0, TestRun.IsLong ? 10_000 : 500).Select(async _ =>
        {
            var asked = 0L;
            using var answer = await ground.CallAsync(_ =>
            {
                if (asked == 0)
                {
                    asked = Stopwatch.GetTimestamp();
                    return Limited(new RetryConditionHeaderValue(TimeSpan.FromSeconds(1)));
                }

                Interlocked.Add(ref early, Stopwatch.GetElapsedTime(asked) < TimeSpan.FromSeconds(1) ? 1 : 0);
                return Answer(HttpStatusCode.OK);
            });
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }));
        Assert.Equal(0, early);
    }

    [Fact]
    public async Task Copy_OfARequest_SaysTheSameAndIsAnotherMessage()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "https://example.com/a?b=c") { Content = new StringContent("body"), Version = new Version(2, 0) };
        request.Headers.TryAddWithoutValidation("X-One", "1");
        request.Headers.TryAddWithoutValidation("Accept", ["a/b", "c/d"]);
        request.Options.Set(new HttpRequestOptionsKey<string>("key"), "value");
        using var copy = request.Copy();

        Assert.NotSame(request, copy);
        Assert.Equal((request.Method, request.RequestUri, request.Version), (copy.Method, copy.RequestUri, copy.Version));
        Assert.Equal("body", await copy.Content!.ReadAsStringAsync(Ct));
        Assert.Equal(request.Headers.ToString(), copy.Headers.ToString());
        Assert.True(copy.Options.TryGetValue(new HttpRequestOptionsKey<string>("key"), out var value) && value == "value");
        copy.RequestUri = new Uri("https://elsewhere.example");
        copy.Headers.Clear();
        Assert.Equal("https://example.com/a?b=c", request.RequestUri!.AbsoluteUri);
        Assert.True(request.Headers.Contains("X-One"));
    }

    private static Task<HttpResponseMessage> Counted(ref int made, Task<HttpResponseMessage> answer)
    {
        made++;
        return answer;
    }

    private static async Task<HttpResponseMessage> Limited(RetryConditionHeaderValue retryAfter)
    {
        var answer = await Answer(HttpStatusCode.TooManyRequests);
        answer.Headers.RetryAfter = retryAfter;
        return answer;
    }

    private static async Task<HttpResponseMessage> NeverAsync(CancellationToken ct)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        throw new InvalidOperationException();
    }
}
