using System.Data;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Storage;

namespace ClaudeManager.Core.Persistence;

public sealed class SqliteManagerDbContext(DbContextOptions<SqliteManagerDbContext> options) : ManagerDbContext(options)
{
    public override string ProviderName => "sqlite";

    /// <summary>One machine, one clock: SQLite's clock is this process's.</summary>
    public override Task<DateTimeOffset> GetDatabaseTimeAsync(TimeProvider local, CancellationToken ct) => Task.FromResult(local.GetUtcNow());

    public override DateTimeOffset GetDatabaseTime(TimeProvider local) => local.GetUtcNow();

    // Without a shared cache the name of this level means BEGIN DEFERRED, and a snapshot all the same (Microsoft.Data.Sqlite, "Transactions"); any other would wait for the writer.
    public override Task<IDbContextTransaction> BeginSnapshotAsync(CancellationToken ct) => Database.BeginTransactionAsync(IsolationLevel.ReadUncommitted, ct);

    /// <summary>The write gate already makes every write transaction serial.</summary>
    public override Task<DateTimeOffset> LockClaimsAsync(TimeProvider local, CancellationToken ct) => GetDatabaseTimeAsync(local, ct);

    public override Task LockGitHubCredentialAsync(string credential, CancellationToken ct) => Task.CompletedTask;

    public override IQueryable<EventEntity> SettledEventsAfter(ulong afterTx, long afterId)
        => Events.Where(e => e.Id > afterId).OrderBy(e => e.Id);

    public override IReadOnlyList<string> AuditGuardSql { get; } =
    [
        "DROP TRIGGER IF EXISTS audit_entries_no_update",
        "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, 'audit_entries is append-only'); END",
        "DROP TRIGGER IF EXISTS audit_entries_no_delete",
        "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries BEGIN SELECT RAISE(ABORT, 'audit_entries is append-only'); END",
        "DROP TRIGGER IF EXISTS audit_personal_no_update",
        "CREATE TRIGGER audit_personal_no_update BEFORE UPDATE ON audit_personal BEGIN SELECT RAISE(ABORT, 'audit_personal is never changed'); END",
    ];

    public override async Task<bool> IsMigrationLockedAsync(CancellationToken ct)
        => await Database.SqlQuery<int>($"SELECT COUNT(*) AS \"Value\" FROM sqlite_master WHERE name = '__EFMigrationsLock'").SingleAsync(ct).ConfigureAwait(false) > 0
            && await Database.SqlQuery<int>($"SELECT COUNT(*) AS \"Value\" FROM \"__EFMigrationsLock\"").SingleAsync(ct).ConfigureAwait(false) > 0;

    public override async Task<bool> ReleaseMigrationLockAsync(CancellationToken ct)
        => await IsMigrationLockedAsync(ct).ConfigureAwait(false) && await Database.ExecuteSqlAsync($"DELETE FROM \"__EFMigrationsLock\"", ct).ConfigureAwait(false) > 0;

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcTicksConverter>();
        configurationBuilder.Properties<ulong>().HaveConversion<long>();
    }

    /// <summary>Used by <c>dotnet ef</c> only.</summary>
    internal sealed class DesignTimeFactory : IDesignTimeDbContextFactory<SqliteManagerDbContext>
    {
        public SqliteManagerDbContext CreateDbContext(string[] args)
            => new(new DbContextOptionsBuilder<SqliteManagerDbContext>().UseSqlite("Data Source=design.db").Options);
    }
}
