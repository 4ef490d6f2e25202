using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ClaudeManager.Core.Persistence;

internal sealed class RepositoryConfiguration : IEntityTypeConfiguration<RepositoryEntity>
{
    public void Configure(EntityTypeBuilder<RepositoryEntity> builder)
    {
        builder.Property(r => r.Name).HasMaxLength(256);
        builder.Property(r => r.Location).HasMaxLength(4096);
        builder.Property(r => r.Version).IsConcurrencyToken();
        builder.HasIndex(r => new { r.Kind, r.Location }).IsUnique();
    }
}

internal sealed class FindingConfiguration : IEntityTypeConfiguration<FindingEntity>
{
    public void Configure(EntityTypeBuilder<FindingEntity> builder)
    {
        builder.Property(f => f.Scanner).HasMaxLength(64);
        builder.Property(f => f.Fingerprint).HasMaxLength(64);
        builder.Property(f => f.TextHash).HasMaxLength(64);
        builder.Property(f => f.NeighbourhoodHash).HasMaxLength(64);
        builder.Property(f => f.Marker).HasMaxLength(64);
        builder.HasIndex(f => new { f.RepositoryId, f.Fingerprint });
        builder.HasIndex(f => new { f.RepositoryId, f.Gone });
        builder.HasOne<RepositoryEntity>().WithMany().HasForeignKey(f => f.RepositoryId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class ScanConfiguration : IEntityTypeConfiguration<ScanEntity>
{
    public void Configure(EntityTypeBuilder<ScanEntity> builder) => builder.HasIndex(s => new { s.RepositoryId, s.StartedAt });
}

internal sealed class WorkItemConfiguration : IEntityTypeConfiguration<WorkItemEntity>
{
    public void Configure(EntityTypeBuilder<WorkItemEntity> builder)
    {
        builder.Property(w => w.Title).HasMaxLength(256);
        builder.Property(w => w.Fingerprint).HasMaxLength(64);
        builder.Property(w => w.CorrelationId).HasMaxLength(32);
        builder.Property(w => w.Version).IsConcurrencyToken();
        builder.HasIndex(w => new { w.RepositoryId, w.Fingerprint });
        builder.HasIndex(w => new { w.State, w.Score });
        builder.HasOne(w => w.Repository).WithMany().HasForeignKey(w => w.RepositoryId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(w => w.Finding).WithMany().HasForeignKey(w => w.FindingId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class ApprovalConfiguration : IEntityTypeConfiguration<ApprovalEntity>
{
    public void Configure(EntityTypeBuilder<ApprovalEntity> builder)
    {
        builder.Property(a => a.State).HasMaxLength(16);
        builder.HasIndex(a => a.WorkItemId);
        builder.HasOne<WorkItemEntity>().WithMany().HasForeignKey(a => a.WorkItemId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class RunConfiguration : IEntityTypeConfiguration<RunEntity>
{
    public void Configure(EntityTypeBuilder<RunEntity> builder)
    {
        // The fence: EF puts the original owner and attempt into the WHERE of every update, so a holder that lost its lease changes nothing.
        builder.Property(r => r.LeaseOwner).HasMaxLength(64).IsConcurrencyToken();
        builder.Property(r => r.Attempt).IsConcurrencyToken();
        builder.Property(r => r.Agent).HasMaxLength(128);
        builder.HasIndex(r => new { r.State, r.Score });
        builder.HasIndex(r => r.WorkItemId);
        builder.HasOne(r => r.WorkItem).WithMany().HasForeignKey(r => r.WorkItemId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<ApprovalEntity>().WithMany().HasForeignKey(r => r.ApprovalId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class RunEventConfiguration : IEntityTypeConfiguration<RunEventEntity>
{
    public void Configure(EntityTypeBuilder<RunEventEntity> builder)
    {
        builder.HasKey(e => new { e.RunId, e.Seq });
        builder.Property(e => e.Kind).HasMaxLength(32);
    }
}

internal sealed class RunArtifactConfiguration : IEntityTypeConfiguration<RunArtifactEntity>
{
    public void Configure(EntityTypeBuilder<RunArtifactEntity> builder)
    {
        builder.HasKey(a => new { a.RunId, a.Kind });
        builder.Property(a => a.Kind).HasMaxLength(32);
    }
}

internal sealed class RunProcessConfiguration : IEntityTypeConfiguration<RunProcessEntity>
{
    public void Configure(EntityTypeBuilder<RunProcessEntity> builder) => builder.HasIndex(p => new { p.Host, p.EndedAt });
}

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntryEntity>
{
    public void Configure(EntityTypeBuilder<AuditEntryEntity> builder)
    {
        builder.Property(a => a.Type).HasMaxLength(64);
        builder.Property(a => a.Severity).HasMaxLength(16);
        builder.Property(a => a.Result).HasMaxLength(16);
        builder.Property(a => a.Action).HasMaxLength(128);
        builder.HasIndex(a => a.At);
        builder.HasIndex(a => new { a.SubjectType, a.SubjectId });
    }
}

internal sealed class AuditPersonalConfiguration : IEntityTypeConfiguration<AuditPersonalEntity>
{
    public void Configure(EntityTypeBuilder<AuditPersonalEntity> builder) => builder.HasKey(a => a.EntryId);
}

internal sealed class InstanceConfiguration : IEntityTypeConfiguration<InstanceEntity>
{
    public void Configure(EntityTypeBuilder<InstanceEntity> builder)
    {
        builder.HasKey(i => i.BootId);
        builder.Property(i => i.BootId).HasMaxLength(64);
    }
}

internal sealed class EventConfiguration : IEntityTypeConfiguration<EventEntity>
{
    public void Configure(EntityTypeBuilder<EventEntity> builder)
    {
        builder.Property(e => e.Type).HasMaxLength(64);
        builder.HasIndex(e => new { e.Tx, e.Id });
    }
}

internal sealed class SettingConfiguration : IEntityTypeConfiguration<SettingEntity>
{
    public void Configure(EntityTypeBuilder<SettingEntity> builder)
    {
        builder.HasKey(s => s.Key);
        builder.Property(s => s.Key).HasMaxLength(128);
    }
}
