using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.GitHub;

/// <summary>What kind of answer GitHub gave instead of the one asked for. docs/github.md has the reaction to each.</summary>
public enum GitHubProblem
{
    /// <summary>401: the credential is wrong, expired or revoked.</summary>
    Unauthorized,

    /// <summary>403 without a limit: the credential may not, e.g. a scope, SSO or an IP list.</summary>
    Forbidden,

    /// <summary>404: not there, or private to this credential.</summary>
    NotFound,

    /// <summary>410: deleted for good, or issues are switched off. 451: blocked for legal reasons.</summary>
    Gone,

    /// <summary>A write met a redirect: the repository has another name now.</summary>
    Moved,

    /// <summary>400, 409, 422 and the rest of 4xx: GitHub does not take this request as it is.</summary>
    Refused,

    /// <summary>A primary or secondary limit, GitHub's or our own model of it; <see cref="ClaudeManagerException.ClearsAt"/> says until when.</summary>
    Limited,

    /// <summary>5xx.</summary>
    Unavailable,

    /// <summary>No answer, or half of one.</summary>
    Unreachable,

    /// <summary>No answer within <c>github.apiTimeout</c>.</summary>
    TimedOut,

    /// <summary>An answer that is none of GitHub's: not JSON, or JSON of another shape.</summary>
    Malformed,
}

/// <summary>GitHub did not do what was asked.</summary>
public sealed class GitHubException : ClaudeManagerException
{
    internal GitHubException(GitHubProblem problem, string message, string? fix = null, Exception? cause = null)
        : base(CodeOf(problem), message, fix, cause)
        => Problem = problem;

    public GitHubProblem Problem { get; }

    public HttpStatusCode? Status { get; init; }

    /// <summary>GitHub's id of the request, for its support.</summary>
    public string? RequestId { get; init; }

    /// <summary>The new address when it has <see cref="GitHubProblem.Moved"/>.</summary>
    public Uri? MovedTo { get; init; }

    /// <summary>True for a write without an answer: it may have been done. Look for its marker before it is tried again.</summary>
    public bool MayHaveHappened { get; init; }

    private static ErrorCode CodeOf(GitHubProblem problem) => problem switch
    {
        GitHubProblem.Unauthorized => ErrorCodes.GitHubUnauthorized,
        GitHubProblem.Forbidden => ErrorCodes.GitHubForbidden,
        GitHubProblem.NotFound => ErrorCodes.GitHubNotFound,
        GitHubProblem.Gone => ErrorCodes.GitHubGone,
        GitHubProblem.Moved => ErrorCodes.GitHubMoved,
        GitHubProblem.Refused => ErrorCodes.GitHubRefused,
        GitHubProblem.Limited => ErrorCodes.GitHubLimited,
        GitHubProblem.Unavailable => ErrorCodes.GitHubUnavailable,
        GitHubProblem.Unreachable => ErrorCodes.GitHubUnreachable,
        GitHubProblem.TimedOut => ErrorCodes.GitHubTimedOut,
        GitHubProblem.Malformed => ErrorCodes.GitHubMalformed,
    };
}
