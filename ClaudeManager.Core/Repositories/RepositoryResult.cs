using System.Diagnostics.CodeAnalysis;

namespace ClaudeManager.Core.Repositories;

/// <summary>Why a repository cannot be used, said to a person.</summary>
/// <param name="Code">Stable name, e.g. <c>not_a_repository</c>.</param>
/// <param name="Fix">What to do about it.</param>
public sealed record RepositoryProblem(string Code, string Message, string Fix);

/// <summary>A value, or the expected reason there is none. Faults are exceptions as ever.</summary>
public sealed class RepositoryResult<T>
    where T : class
{
    private RepositoryResult(T? value, RepositoryProblem? problem) => (Value, Problem) = (value, problem);

    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Problem))]
    public bool Succeeded => Value is not null;

    public T? Value { get; }

    public RepositoryProblem? Problem { get; }

    public static implicit operator RepositoryResult<T>(T value) => new(value, null);

    public static implicit operator RepositoryResult<T>(RepositoryProblem problem) => new(null, problem);
}
