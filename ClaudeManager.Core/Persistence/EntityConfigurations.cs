using ClaudeManager.Core.Fleet;
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
        builder.HasMany(w => w.Findings).WithOne().HasForeignKey(f => f.WorkItemId).OnDelete(DeleteBehavior.Restrict);
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
        // What every claim asks: what is first in a repository, when it had its last start, and what today has cost. Nothing else that has ended is read.
        builder.HasIndex(r => new { r.RepositoryId, r.Score, r.Id }).IsDescending(false, true, false).HasFilter("state IN ('queued', 'parked')");
        builder.HasIndex(r => new { r.RepositoryId, r.StartedAt });
        builder.HasIndex(r => new { r.StartedAt, r.RepositoryId, r.CostMicroUsd }).HasFilter("cost_micro_usd IS NOT NULL");
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
        builder.Property(i => i.ProcessSpace).HasMaxLength(128);
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

internal sealed class OutboxConfiguration : IEntityTypeConfiguration<OutboxEntity>
{
    public void Configure(EntityTypeBuilder<OutboxEntity> builder)
    {
        builder.Property(o => o.Kind).HasMaxLength(64);
        builder.Property(o => o.Key).HasMaxLength(200);
        builder.Property(o => o.State).HasMaxLength(16);
        builder.Property(o => o.LeaseOwner).HasMaxLength(64).IsConcurrencyToken();
        builder.Property(o => o.Attempt).IsConcurrencyToken();
        builder.HasIndex(o => o.Key).IsUnique();
        builder.HasIndex(o => new { o.State, o.NotBefore });
        builder.HasIndex(o => o.WorkItemId);
    }
}

internal sealed class ProposalIssueConfiguration : IEntityTypeConfiguration<ProposalIssueEntity>
{
    public void Configure(EntityTypeBuilder<ProposalIssueEntity> builder)
    {
        builder.HasKey(p => p.WorkItemId);
        builder.Property(p => p.WorkItemId).ValueGeneratedNever();
        builder.Property(p => p.Repository).HasMaxLength(256);
        builder.Property(p => p.TitleSha256).HasMaxLength(64);
        builder.Property(p => p.BodySha256).HasMaxLength(64);
        builder.HasIndex(p => new { p.Repository, p.Number }).IsUnique();
        builder.HasOne(p => p.WorkItem).WithOne().HasForeignKey<ProposalIssueEntity>(p => p.WorkItemId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class PullRequestConfiguration : IEntityTypeConfiguration<PullRequestEntity>
{
    public void Configure(EntityTypeBuilder<PullRequestEntity> builder)
    {
        builder.HasKey(p => p.RunId);
        builder.Property(p => p.RunId).ValueGeneratedNever();
        builder.Property(p => p.Repository).HasMaxLength(256);
        builder.Property(p => p.State).HasMaxLength(16);
        builder.Property(p => p.Checks).HasMaxLength(16);
        builder.HasIndex(p => new { p.Repository, p.Number }).IsUnique();
        builder.HasIndex(p => p.WorkItemId);
        builder.HasIndex(p => p.State);
        builder.HasOne(p => p.Run).WithOne().HasForeignKey<PullRequestEntity>(p => p.RunId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class GitHubResponseConfiguration : IEntityTypeConfiguration<GitHubResponseEntity>
{
    public void Configure(EntityTypeBuilder<GitHubResponseEntity> builder)
    {
        builder.ToTable("GithubResponses");
        builder.HasKey(r => r.Key);
        builder.Property(r => r.Key).HasMaxLength(64);
        builder.Property(r => r.Credential).HasMaxLength(64);
        builder.Property(r => r.Token).HasMaxLength(64);
        builder.HasIndex(r => r.UsedAt);
    }
}

internal sealed class GitHubLimitConfiguration : IEntityTypeConfiguration<GitHubLimitEntity>
{
    public void Configure(EntityTypeBuilder<GitHubLimitEntity> builder)
    {
        builder.ToTable("GithubLimits");
        builder.HasKey(l => new { l.Credential, l.Resource });
        builder.Property(l => l.Credential).HasMaxLength(64);
        builder.Property(l => l.Resource).HasMaxLength(64);
    }
}

internal sealed class GitHubWriteConfiguration : IEntityTypeConfiguration<GitHubWriteEntity>
{
    public void Configure(EntityTypeBuilder<GitHubWriteEntity> builder)
    {
        builder.ToTable("GithubWrites");
        builder.Property(w => w.Credential).HasMaxLength(64);
        builder.HasIndex(w => new { w.Credential, w.At });
    }
}

internal sealed class IdempotencyKeyConfiguration : IEntityTypeConfiguration<IdempotencyKeyEntity>
{
    public void Configure(EntityTypeBuilder<IdempotencyKeyEntity> builder)
    {
        builder.HasKey(k => new { k.Caller, k.Key });
        builder.Property(k => k.Caller).HasMaxLength(256);
        builder.Property(k => k.Key).HasMaxLength(255);
        builder.Property(k => k.RequestSha256).HasMaxLength(64);
        builder.Property(k => k.Owner).HasMaxLength(64);
        builder.HasIndex(k => k.CreatedAt);
    }
}

internal sealed class ClientBlockConfiguration : IEntityTypeConfiguration<ClientBlockEntity>
{
    public void Configure(EntityTypeBuilder<ClientBlockEntity> builder)
    {
        builder.Property(b => b.Client).HasMaxLength(64);
        builder.Property(b => b.Reason).HasMaxLength(32);
        builder.HasIndex(b => b.Client).IsUnique();
        builder.HasIndex(b => b.Until);
    }
}

internal sealed class InstanceSnapshotConfiguration : IEntityTypeConfiguration<InstanceSnapshotEntity>
{
    public void Configure(EntityTypeBuilder<InstanceSnapshotEntity> builder)
    {
        builder.HasKey(s => s.BootId);
        builder.Property(s => s.BootId).HasMaxLength(64);
    }
}

internal sealed class InstanceCommandConfiguration : IEntityTypeConfiguration<InstanceCommandEntity>
{
    public void Configure(EntityTypeBuilder<InstanceCommandEntity> builder)
    {
        builder.Property(c => c.Kind).HasMaxLength(32);
        builder.Property(c => c.Target).HasMaxLength(300);
        builder.Property(c => c.Reason).HasMaxLength(InstanceCommands.LongestReason);
        builder.HasIndex(c => c.CreatedAt);
    }
}
