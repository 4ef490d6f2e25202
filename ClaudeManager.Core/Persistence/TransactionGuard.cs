using System.Data.Common;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace ClaudeManager.Core.Persistence;

/// <summary>
/// Entity Framework opens a broken connection again by itself, also in the middle of a transaction, which it then forgets: what came before is gone, and what follows is committed for itself.
/// Not every break shows before that (it swallows the one of a savepoint it releases), so within a transaction no connection is opened.
/// </summary>
internal sealed class TransactionGuard : DbConnectionInterceptor
{
    public static readonly TransactionGuard Instance = new();

    public override InterceptionResult ConnectionOpening(DbConnection connection, ConnectionEventData eventData, InterceptionResult result)
        => eventData.Context is ManagerDbContext { IsInTransaction: true } ? throw new TransactionLostException() : result;

    public override ValueTask<InterceptionResult> ConnectionOpeningAsync(DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
        => ValueTask.FromResult(ConnectionOpening(connection, eventData, result));

    /// <summary>From the beginning of a transaction to its end.</summary>
    public static Scope Hold(ManagerDbContext db)
    {
        db.IsInTransaction = true;
        return new Scope(db);
    }

    public readonly struct Scope(ManagerDbContext db) : IDisposable
    {
        public void Dispose() => db.IsInTransaction = false;
    }
}

/// <summary>The connection broke within a transaction: nothing of it was written.</summary>
public sealed class TransactionLostException() : ClaudeManagerException("CM1503", FailureClass.Transient, "The connection to the database broke within a transaction: nothing of it was written.");
