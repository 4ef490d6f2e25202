using System.Text;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace ClaudeManager.Core.Persistence;

/// <summary>The one model. Provider differences are the named members below, never a test for the provider in a feature.</summary>
public abstract class ManagerDbContext(DbContextOptions options) : DbContext(options)
{
    public DbSet<RepositoryEntity> Repositories => Set<RepositoryEntity>();
    public DbSet<FindingEntity> Findings => Set<FindingEntity>();
    public DbSet<ScanEntity> Scans => Set<ScanEntity>();
    public DbSet<RunningScanEntity> RunningScans => Set<RunningScanEntity>();
    public DbSet<WorkItemEntity> WorkItems => Set<WorkItemEntity>();
    public DbSet<ApprovalEntity> Approvals => Set<ApprovalEntity>();
    public DbSet<RunEntity> Runs => Set<RunEntity>();
    public DbSet<RunEventEntity> RunEvents => Set<RunEventEntity>();
    public DbSet<RunArtifactEntity> RunArtifacts => Set<RunArtifactEntity>();
    public DbSet<RunProcessEntity> RunProcesses => Set<RunProcessEntity>();
    public DbSet<AuditEntryEntity> AuditEntries => Set<AuditEntryEntity>();
    public DbSet<AuditPersonalEntity> AuditPersonal => Set<AuditPersonalEntity>();
    public DbSet<InstanceEntity> Instances => Set<InstanceEntity>();
    public DbSet<EventEntity> Events => Set<EventEntity>();
    public DbSet<SettingEntity> Settings => Set<SettingEntity>();
    public DbSet<IdempotencyKeyEntity> IdempotencyKeys => Set<IdempotencyKeyEntity>();
    public DbSet<InstanceSnapshotEntity> InstanceSnapshots => Set<InstanceSnapshotEntity>();
    public DbSet<InstanceCommandEntity> InstanceCommands => Set<InstanceCommandEntity>();
    public DbSet<ClientBlockEntity> ClientBlocks => Set<ClientBlockEntity>();
    public DbSet<OutboxEntity> Outbox => Set<OutboxEntity>();
    public DbSet<ProposalIssueEntity> ProposalIssues => Set<ProposalIssueEntity>();
    public DbSet<PullRequestEntity> PullRequests => Set<PullRequestEntity>();
    public DbSet<GitHubResponseEntity> GitHubResponses => Set<GitHubResponseEntity>();
    public DbSet<GitHubLimitEntity> GitHubLimits => Set<GitHubLimitEntity>();
    public DbSet<GitHubWriteEntity> GitHubWrites => Set<GitHubWriteEntity>();

    /// <summary>Short name of the provider for people: <c>sqlite</c> or <c>postgresql</c>.</summary>
    public abstract string ProviderName { get; }

    /// <summary>The database's own clock: leases are measured by it, not by a worker's.</summary>
    public abstract Task<DateTimeOffset> GetDatabaseTimeAsync(TimeProvider local, CancellationToken ct);

    /// <summary>The same, for a caller with a thread of its own.</summary>
    public abstract DateTimeOffset GetDatabaseTime(TimeProvider local);

    /// <summary>Within a transaction of <see cref="Store"/>: see <see cref="TransactionGuard"/>.</summary>
    internal bool IsInTransaction { get; set; }

    /// <summary>A transaction whose queries all see what was committed when its first one began, and that waits for no writer.</summary>
    public abstract Task<IDbContextTransaction> BeginSnapshotAsync(CancellationToken ct);

    /// <summary>Holds the claim lock until the transaction ends; claims see every gate only when they are serial.</summary>
    public abstract Task LockClaimsAsync(CancellationToken ct);

    /// <summary>Holds a lock of one GitHub credential until the transaction ends; who takes moments to write in takes them one after the other.</summary>
    public abstract Task LockGitHubCredentialAsync(string credential, CancellationToken ct);

    /// <summary>Events after <paramref name="afterTx"/>, <paramref name="afterId"/> that no late commit can precede any more, in feed order.</summary>
    public abstract IQueryable<EventEntity> SettledEventsAfter(ulong afterTx, long afterId);

    /// <summary>SQL (re)creating the triggers by which the audit tables refuse UPDATE and DELETE. Run after every migration: SQLite table rebuilds drop triggers.</summary>
    public abstract IReadOnlyList<string> AuditGuardSql { get; }

    /// <summary>Whether a migration lock is held that outlives its process (SQLite keeps a row; PostgreSQL's goes with the connection).</summary>
    public virtual Task<bool> IsMigrationLockedAsync(CancellationToken ct) => Task.FromResult(false);

    /// <summary>Removes such a lock; false when there is none.</summary>
    public virtual Task<bool> ReleaseMigrationLockAsync(CancellationToken ct) => Task.FromResult(false);

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(ManagerDbContext).Assembly);
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            entity.SetTableName(SnakeCase(entity.GetTableName()!));
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(SnakeCase(property.Name));
                var type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
                if (type.IsEnum)
                {
                    property.SetValueConverter((ValueConverter)Activator.CreateInstance(typeof(SnakeCaseEnumConverter<>).MakeGenericType(type))!);
                    property.SetMaxLength(32);
                }
            }

            foreach (var key in entity.GetKeys())
            {
                key.SetName(SnakeCase(key.GetName()!));
            }

            foreach (var foreignKey in entity.GetForeignKeys())
            {
                foreignKey.SetConstraintName(SnakeCase(foreignKey.GetConstraintName()!));
            }

            foreach (var index in entity.GetIndexes())
            {
                index.SetDatabaseName(SnakeCase(index.GetDatabaseName()!));
            }
        }
    }

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder(name.Length + 8);
        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            if (char.IsUpper(c) && i > 0 && name[i - 1] != '_' && !char.IsUpper(name[i - 1]))
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
