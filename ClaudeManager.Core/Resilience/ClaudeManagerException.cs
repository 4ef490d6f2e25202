using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Resilience;

/// <summary>What a fault was about. Every value is fit for logs: no secret, no content of a repository.</summary>
public sealed record FailureContext(string? Repository = null, long? WorkItemId = null, long? RunId = null, int? Attempt = null);

/// <summary>Root of all faults the product raises itself. Expected outcomes (already decided, not found) are return values, not exceptions.</summary>
/// <param name="code">Stable, e.g. <c>CM4001</c>: people search for it, clients switch on it.</param>
/// <param name="failure">Decides whether it is tried again.</param>
/// <param name="message">What is wrong, without secrets.</param>
/// <param name="fix">What a person can do about it; null when nobody can.</param>
public abstract class ClaudeManagerException(string code, FailureClass failure, string message, string? fix = null, Exception? cause = null) : Exception(message, cause)
{
    public string Code { get; } = code;

    public FailureClass Failure { get; } = failure;

    public string? Fix { get; } = fix;

    /// <summary>When it may be tried again, where that is known, e.g. the end of a rate limit.</summary>
    public DateTimeOffset? ClearsAt { get; init; }

    public FailureContext Context { get; init; } = new();
}

/// <summary>What a caller gave is not acceptable; trying again with the same input cannot help.</summary>
public sealed class ValidationException(string code, string field, string message, string fix) : ClaudeManagerException(code, FailureClass.Policy, message, fix)
{
    public string Field { get; } = field;
}

/// <summary>A file or directory of ours cannot be read, written or trusted.</summary>
public sealed class FileOperationException(string code, string path, string message, string? fix = null, Exception? cause = null)
    : ClaudeManagerException(code, FailureClass.Infrastructure, message, fix, cause)
{
    public string Path { get; } = path;
}

/// <summary>A key or credential is missing, wrong or not to be trusted: nothing is done with it.</summary>
public sealed class CredentialException(string code, string message, string fix, Exception? cause = null)
    : ClaudeManagerException(code, FailureClass.Configuration, message, fix, cause);

/// <summary>The workspace of a run cannot be made, saved or removed.</summary>
public sealed class WorkspaceException(string code, string message, string? fix = null, Exception? cause = null)
    : ClaudeManagerException(code, FailureClass.Infrastructure, message, fix, cause);

/// <summary>A result cannot be published where it belongs.</summary>
public sealed class PublishException(string code, FailureClass failure, string message, string? fix = null, Exception? cause = null)
    : ClaudeManagerException(code, failure, message, fix, cause);
