using ClaudeManager.Core.Contracts;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Persistence;

/// <summary>What <c>claude-manager db</c> does, and what a start does before anything else.</summary>
public sealed class DatabaseAdministration(IDbContextFactory<ManagerDbContext> contexts, StoreTarget target)
{
    /// <summary>Brings the schema up to date and puts the audit guards back (a SQLite table rebuild drops triggers). Safe to run at once from several processes: EF takes its own lock.</summary>
    public async Task MigrateAsync(CancellationToken ct)
    {
        if (target is StoreTarget.Sqlite sqlite)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(sqlite.File))!);
        }

        await using var db = await contexts.CreateDbContextAsync(ct).ConfigureAwait(false);
        // Most starts have nothing to migrate, and then need neither EF's lock nor its comparison of models, which takes longer than all else at a start.
        if (db.Database.GetMigrations().Except(await db.Database.GetAppliedMigrationsAsync(ct).ConfigureAwait(false)).Any())
        {
            await db.Database.MigrateAsync(ct).ConfigureAwait(false);
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct).ConfigureAwait(false);
        await db.LockClaimsAsync(TimeProvider.System, ct).ConfigureAwait(false);
        foreach (var statement in db.AuditGuardSql)
        {
            await db.Database.ExecuteSqlRawAsync(statement, ct).ConfigureAwait(false);
        }

        await transaction.CommitAsync(ct).ConfigureAwait(false);
    }

    public async Task<DatabaseStatusDto> GetStatusAsync(CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct).ConfigureAwait(false);
        var exists = target is not StoreTarget.Sqlite sqlite || File.Exists(sqlite.File);
        IReadOnlyList<string> applied = exists ? [.. await db.Database.GetAppliedMigrationsAsync(ct).ConfigureAwait(false)] : [];
        return new DatabaseStatusDto(
            db.ProviderName,
            target.Description,
            applied,
            [.. db.Database.GetMigrations().Except(applied)],
            exists && await db.IsMigrationLockedAsync(ct).ConfigureAwait(false));
    }

    /// <summary>Removes a migration lock that a killed process left behind. Only to be used when no migration runs.</summary>
    /// <returns>False when there was none.</returns>
    public async Task<bool> UnlockAsync(CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct).ConfigureAwait(false);
        return await db.ReleaseMigrationLockAsync(ct).ConfigureAwait(false);
    }
}
