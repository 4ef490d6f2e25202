using ClaudeManager.Core.Resilience.Pipelines;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>
/// The outer half of the <c>github</c> pipeline: total time-out and retry of reads. A write is sent once. Every attempt sends a message of its own, so that nothing an attempt did to one
/// (a redirect's address, a header) is in the next.
/// </summary>
internal sealed class RepeatHandler(UpstreamPipelines pipelines, TimeProvider time) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = GitHubCall.Of(request);
        var pipeline = pipelines.Of(Upstreams.GitHub, request.RequestUri!.Authority);
        var patience = call.Deadline - time.GetUtcNow();
        try
        {
            return await pipeline.RepeatAsync(
                static (s, token) => s.handler.SendOnceAsync(s.pipeline, s.request, token),
                (handler: this, pipeline, request),
                call.IsRead(request),
                // None at all would mean that only the total time-out counts.
                patience > TimeSpan.Zero ? patience : TimeSpan.FromTicks(1),
                cancellationToken).ConfigureAwait(false);
        }
        catch (CircuitOpenException open)
        {
            throw new GitHubException(GitHubProblem.Unavailable, $"GitHub was not asked: {open.Message}", open.Fix, open) { ClearsAt = open.ClearsAt };
        }
        catch (TimeoutException late)
        {
            throw new GitHubException(GitHubProblem.TimedOut, "GitHub did not answer in time, all attempts together.", "Raise resilience.github.totalTimeoutSeconds if GitHub is far away.", late)
            {
                MayHaveHappened = GitHubCall.MayChange(request),
            };
        }
    }

    /// <summary>An open breaker is asked before the limits, because a turn under those is spent even by a call that is not made.</summary>
    private ValueTask<HttpResponseMessage> SendOnceAsync(UpstreamPipeline<HttpResponseMessage> pipeline, HttpRequestMessage request, CancellationToken ct)
    {
        pipeline.ThrowIfOpen();
        return new ValueTask<HttpResponseMessage>(base.SendAsync(request.Copy(), ct));
    }
}

/// <summary>The inner half: circuit breaker and concurrency limit. <see cref="AnswerHandler"/> has the attempt's time-out, which is about the body, too.</summary>
internal sealed class AttemptHandler(UpstreamPipelines pipelines) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        => pipelines.Of(Upstreams.GitHub, request.RequestUri!.Authority)
            .AttemptAsync(static (s, token) => new ValueTask<HttpResponseMessage>(s.handler.SendInnerAsync(s.request, token)), (handler: this, request), cancellationToken).AsTask();

    private Task<HttpResponseMessage> SendInnerAsync(HttpRequestMessage request, CancellationToken ct) => base.SendAsync(request, ct);
}
