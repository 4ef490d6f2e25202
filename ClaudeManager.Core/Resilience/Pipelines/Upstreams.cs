using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.GitHub;
using Microsoft.AspNetCore.Http;
using Polly;
using Polly.Timeout;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>Everything outside that is called through a pipeline. Redis has a design of its own (<see cref="RateLimiting.FailoverRateLimiter"/>): nothing may wait for it.</summary>
internal static class Upstreams
{
    /// <summary>GitHub's API.</summary>
    public static readonly Upstream<HttpResponseMessage> GitHub = new("github", r => r.GitHub, OfGitHub, AskedWait.OfFault);

    /// <summary>git's own traffic with GitHub, which knows other limits than the API and fails at other times.</summary>
    public static readonly Upstream<GitResult> Git = new("git", r => r.Git, OfGitHub, AskedWait.OfFault);

    /// <summary>The API of the models, on behalf of agents.</summary>
    public static readonly Upstream<HttpResponseMessage> ModelApi = new("model-api", r => r.ModelApi, OfModelApi, static (_, _) => null);

    /// <summary>Package registries.</summary>
    public static readonly Upstream<HttpResponseMessage> Registry = new("registry", r => r.Registry, OfHttp, AskedWait.OfAnswer);

    /// <summary>Opening a connection to PostgreSQL.</summary>
    public static readonly Upstream<bool> Database = new("database", r => r.Database, OfFault, static (_, _) => null) { FirstPause = TimeSpan.FromMilliseconds(100) };

    public static Verdict Judge<T>(Upstream<T> upstream, Outcome<T> outcome) => outcome.Exception switch
    {
        TimeoutRejectedException or TimeoutException => Verdict.Failed,
        OperationCanceledException or CircuitOpenException => Verdict.Nothing,
        _ => upstream.Judge(outcome),
    };

    private static Verdict OfGitHub<T>(Outcome<T> outcome) => outcome switch
    {
        { Exception: GitHubException fault } => fault.Problem switch
        {
            GitHubProblem.Unavailable or GitHubProblem.Unreachable or GitHubProblem.TimedOut => Verdict.Failed,
            GitHubProblem.Limited => Verdict.Busy,
            GitHubProblem.Unauthorized or GitHubProblem.Forbidden or GitHubProblem.NotFound or GitHubProblem.Gone or GitHubProblem.Moved or GitHubProblem.Refused or GitHubProblem.Malformed => Verdict.Answered,
        },
        { Exception: not null } => Verdict.Nothing,
        { Result: HttpResponseMessage { StatusCode: >= HttpStatusCode.InternalServerError } } => Verdict.Failed,
        _ => Verdict.Answered,
    };

    private static Verdict OfHttp(Outcome<HttpResponseMessage> outcome) => outcome switch
    {
        { Exception: HttpRequestException or IOException } => Verdict.Failed,
        { Exception: not null } => Verdict.Nothing,
        { Result.StatusCode: HttpStatusCode.TooManyRequests } => Verdict.Busy,
        { Result.StatusCode: >= HttpStatusCode.InternalServerError } => Verdict.Failed,
        _ => Verdict.Answered,
    };

    private static Verdict OfModelApi(Outcome<HttpResponseMessage> outcome) => outcome.Exception is BadHttpRequestException or HttpRequestException { InnerException: BadHttpRequestException }
        ? Verdict.Nothing // The agent's own request was cut or too long.
        : OfHttp(outcome);

    private static Verdict OfFault<T>(Outcome<T> outcome) => outcome.Exception switch
    {
        null => Verdict.Answered,
        var fault => Failures.Classify(fault) == FailureClass.Transient ? Verdict.Failed : Verdict.Answered,
    };
}
