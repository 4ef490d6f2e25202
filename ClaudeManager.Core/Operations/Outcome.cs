using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Operations;

/// <summary>Why something was not done, when that is an expected answer and no fault. Api maps the kind to a status, Cli to an exit code.</summary>
public enum RefusalKind
{
    NotFound,

    /// <summary>The state of things does not allow it (any more): look again.</summary>
    Conflict,

    /// <summary>The input is not acceptable; <see cref="Refusal.Field"/> names where.</summary>
    Invalid,

    /// <summary>Something it needs is not there now.</summary>
    Unavailable,

    /// <summary>A client asks more often than it may.</summary>
    TooMany,

    /// <summary>An idempotency key that belongs to another request.</summary>
    Reused,
}

/// <param name="ErrorCode">Stable, for programs, e.g. <c>stale_version</c>.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Fix">What to do about it.</param>
public sealed record Refusal(RefusalKind Kind, ErrorCode ErrorCode, string Message, string? Fix = null, string? Field = null)
{
    public string Code => ErrorCode.Name;

    /// <summary>When it may be tried again, where that is known.</summary>
    public DateTimeOffset? ClearsAt { get; init; }

    public static Refusal NotFound(string what, long id) => new(RefusalKind.NotFound, ErrorCodes.NotFound, FormattableString.Invariant($"There is no {what} {id}."), "Look at the list for what there is.");

    public static Refusal Conflict(ErrorCode code, string message, string? fix = null) => new(RefusalKind.Conflict, code, message, fix);

    public static Refusal Invalid(string field, string message, string fix) => new(RefusalKind.Invalid, ErrorCodes.Invalid, message, fix, field);
}

/// <summary>A value, or the reason there is none.</summary>
public readonly record struct Outcome<T>(T? Value, Refusal? Refusal)
{
    public static implicit operator Outcome<T>(T value) => new(value, null);

    public static implicit operator Outcome<T>(Refusal refusal) => new(default, refusal);
}
