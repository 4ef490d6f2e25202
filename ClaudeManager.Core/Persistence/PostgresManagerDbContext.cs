using System.Data;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Storage;

namespace ClaudeManager.Core.Persistence;

public sealed class PostgresManagerDbContext(DbContextOptions<PostgresManagerDbContext> options) : ManagerDbContext(options)
{
    /// <summary>Any constant will do, as long as nothing else of ours uses it.</summary>
    private const long ClaimLock = 0x636d_636c_6169_6d01;

    /// <summary>Seed of the hash that turns a credential into a lock.</summary>
    private const long GitHubLocks = 0x636d_6769_7468_7562;

    /// <summary>
    /// Whoever holds a lock that all others wait for and says nothing is cut off by the server: a paused process, or one whose machine is gone without a word, which TCP alone notices after hours.
    /// Shorter than a lease, so that nobody loses one for it. For the transaction only: poolers in between take no such setting at the start of a session.
    /// </summary>
    private const string IdleWithLock = "8s";

    public override string ProviderName => "postgresql";

    public override async Task<DateTimeOffset> GetDatabaseTimeAsync(TimeProvider local, CancellationToken ct)
        => new(await Clock().SingleAsync(ct).ConfigureAwait(false), TimeSpan.Zero);

    public override DateTimeOffset GetDatabaseTime(TimeProvider local) => new(Clock().Single(), TimeSpan.Zero);

    public override Task<IDbContextTransaction> BeginSnapshotAsync(CancellationToken ct) => Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);

    // The clock is read for the one row of what is materialized before it: after the wait for the lock.
    public override async Task<DateTimeOffset> LockClaimsAsync(TimeProvider local, CancellationToken ct)
        => new(await Database.SqlQuery<DateTime>($"""
            WITH held AS MATERIALIZED (SELECT set_config('idle_in_transaction_session_timeout', {IdleWithLock}, true), pg_advisory_xact_lock({ClaimLock}))
            SELECT clock_timestamp() AT TIME ZONE 'UTC' AS "Value" FROM held
            """).SingleAsync(ct).ConfigureAwait(false), TimeSpan.Zero);

    public override Task LockGitHubCredentialAsync(string credential, CancellationToken ct)
        => Database.ExecuteSqlAsync($"SELECT set_config('idle_in_transaction_session_timeout', {IdleWithLock}, true), pg_advisory_xact_lock(hashtextextended({credential}, {GitHubLocks}))", ct);

    public override IQueryable<EventEntity> SettledEventsAfter(ulong afterTx, long afterId)
        => Events.FromSql($"""
            SELECT * FROM events
            WHERE tx < pg_snapshot_xmin(pg_current_snapshot()) AND (tx, id) > ({(decimal)afterTx}::text::xid8, {afterId})
            """).OrderBy(e => e.Tx).ThenBy(e => e.Id);

    public override IReadOnlyList<string> AuditGuardSql { get; } =
    [
        """
        CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$
        """,
        "DROP TRIGGER IF EXISTS audit_entries_guard ON audit_entries",
        "CREATE TRIGGER audit_entries_guard BEFORE UPDATE OR DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        "DROP TRIGGER IF EXISTS audit_entries_truncate_guard ON audit_entries",
        "CREATE TRIGGER audit_entries_truncate_guard BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        "DROP TRIGGER IF EXISTS audit_personal_guard ON audit_personal",
        "CREATE TRIGGER audit_personal_guard BEFORE UPDATE ON audit_personal FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    ];

    private IQueryable<DateTime> Clock() => Database.SqlQuery<DateTime>($"SELECT clock_timestamp() AT TIME ZONE 'UTC' AS \"Value\"");

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        base.OnModelCreating(modelBuilder);
        modelBuilder.Entity<EventEntity>().Property(e => e.Tx).HasColumnType("xid8").HasDefaultValueSql("pg_current_xact_id()").ValueGeneratedOnAdd();
    }

    /// <summary>Used by <c>dotnet ef</c> only.</summary>
    internal sealed class DesignTimeFactory : IDesignTimeDbContextFactory<PostgresManagerDbContext>
    {
        public PostgresManagerDbContext CreateDbContext(string[] args)
            => new(new DbContextOptionsBuilder<PostgresManagerDbContext>().UseNpgsql("Host=design").Options);
    }
}
