using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;

namespace ClaudeManager.Core.Resilience;

/// <summary>What a fault was about. Every value is fit for logs: no secret, no content of a repository.</summary>
/// <param name="Operation">The innermost one it came through, with its correlation id.</param>
public sealed record FailureContext(string? Repository = null, long? WorkItemId = null, long? RunId = null, int? Attempt = null, string? Operation = null, string? CorrelationId = null);

/// <summary>Root of all faults the product raises itself. Expected outcomes (already decided, not found) are return values, not exceptions.</summary>
/// <param name="code">Stable: people search for it, clients switch on it. It also decides whether the fault is tried again.</param>
/// <param name="message">What is wrong, without secrets.</param>
/// <param name="fix">What a person can do about it; null when nobody can.</param>
public abstract class ClaudeManagerException(ErrorCode code, string message, string? fix = null, Exception? cause = null) : Exception(message, cause)
{
    private FailureContext _context = new();

    public ErrorCode ErrorCode { get; } = code;

    public string Code => ErrorCode.Name;

    public FailureClass Failure => ErrorCode.Failure;

    public string? Fix { get; } = fix;

    /// <summary>When it may be tried again, where that is known, e.g. the end of a rate limit.</summary>
    public DateTimeOffset? ClearsAt { get; init; }

    /// <summary>What the thrower knows of it, and then the rest from the operations it comes through.</summary>
    public FailureContext Context
    {
        get => _context;
        init => _context = value;
    }

    /// <summary>Called by each operation it passes, from the inside out: what is known already stays.</summary>
    internal void PassedThrough(OperationContext operation)
        => _context = new FailureContext(
            _context.Repository ?? operation.Subject?.Repository, _context.WorkItemId ?? operation.Subject?.WorkItemId, _context.RunId ?? operation.Subject?.RunId, _context.Attempt ?? operation.Subject?.Attempt,
            _context.Operation ?? operation.Name, _context.CorrelationId ?? operation.CorrelationId);
}

/// <summary>Whoever asked lacks the permission the operation needs; nothing was done.</summary>
public sealed class AuthorizationException(string operation, Permissions needed)
    : ClaudeManagerException(ErrorCodes.Forbidden, $"{operation} needs the permission '{ManagerJson.Name(needed)}'.", "Ask somebody who has it.")
{
    public Permissions Needed { get; } = needed;
}

/// <summary>A file or directory of ours cannot be read, written or trusted.</summary>
public sealed class FileOperationException(ErrorCode code, string path, string message, string? fix = null, Exception? cause = null) : ClaudeManagerException(code, message, fix, cause)
{
    public string Path { get; } = path;
}

/// <summary>A key or credential is missing, wrong or not to be trusted: nothing is done with it.</summary>
public sealed class CredentialException(ErrorCode code, string message, string fix, Exception? cause = null) : ClaudeManagerException(code, message, fix, cause);

/// <summary>The workspace of a run cannot be made, saved or removed.</summary>
public sealed class WorkspaceException(ErrorCode code, string message, string? fix = null, Exception? cause = null) : ClaudeManagerException(code, message, fix, cause);

/// <summary>A result cannot be published where it belongs.</summary>
public sealed class PublishException(ErrorCode code, string message, string? fix = null, Exception? cause = null) : ClaudeManagerException(code, message, fix, cause);
