using System.Data.Common;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Persistence;

/// <summary>The database is away. Nothing has been asked of it, so nothing has changed.</summary>
public sealed class DatabaseUnavailableException(Exception cause)
    : ClaudeManagerException(ErrorCodes.DatabaseUnavailable, "The database does not answer.", "Try again in a moment.", cause)
{
    /// <summary>Whether a fault says that the database is away, be it found when asking or in the middle of something.</summary>
    public static bool IsAway(Exception fault) => fault switch
    {
        DatabaseUnavailableException or TransactionLostException => true,
        CircuitOpenException open => open.Breaker.StartsWith(Upstreams.Database.Name + "/", StringComparison.Ordinal),
        DbUpdateException { InnerException: { } inner } => IsAway(inner),
        // Entity Framework wraps what could be tried again.
        InvalidOperationException { InnerException: { } inner and (DbException or DbUpdateException) } => IsAway(inner),
        DbException { IsTransient: true } => true,
        _ => false,
    };
}
