using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Resilience.Pipelines;

namespace ClaudeManager.Core.GitHub.Http;

/// <summary>The whole answer within <c>github.apiTimeout</c>, body included, or a fault that says what is known of it.</summary>
internal sealed class AnswerHandler(CurrentConfiguration configuration, TimeProvider time) : DelegatingHandler
{
    /// <summary>A page of a hundred issues with bodies as long as GitHub allows is well below.</summary>
    private const int LargestAnswer = 32 * 1024 * 1024;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (GitHubCall.MayChange(request))
        {
            WriteDeadline.ThrowIfOver(time);
        }

        var timeout = configuration.Value.GitHub.ApiTimeout;
        using var timer = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        HttpResponseMessage? response = null;
        try
        {
            response = await base.SendAsync(request, either.Token).ConfigureAwait(false);
            await response.Content.LoadIntoBufferAsync(LargestAnswer, either.Token).ConfigureAwait(false);
            return response;
        }
        catch (Exception cause) when (cause is HttpRequestException or IOException or OperationCanceledException)
        {
            response?.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            var write = GitHubCall.MayChange(request);
            throw cause is OperationCanceledException
                ? new GitHubException(GitHubProblem.TimedOut, FormattableString.Invariant($"GitHub did not answer within {timeout.TotalSeconds:0} s."), "Raise github.apiTimeout if GitHub is far away.", cause) { MayHaveHappened = write }
                : new GitHubException(GitHubProblem.Unreachable, $"GitHub at {request.RequestUri!.Authority} could not be reached, or its answer broke off.", "Check the network and network.proxy.", cause) { MayHaveHappened = write };
        }
    }
}
