using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Fleet;

/// <summary>This process as the fleet knows it. A new boot id at every start.</summary>
public sealed record InstanceIdentity(string BootId, string Role, string Host, int ProcessId, string Version, DateTimeOffset StartedAt)
{
    public static InstanceIdentity Create(string role, TimeProvider time)
    {
        var now = time.GetUtcNow();
        return new InstanceIdentity(Guid.CreateVersion7(now).ToString("N"), role, System.Environment.MachineName, System.Environment.ProcessId, ProductVersion.Current, now);
    }
}

public static class ProductVersion
{
    public static readonly string Current = typeof(ProductVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}

/// <summary>Rows by which processes know of each other: a heartbeat every 5 s, dead after three were missed.</summary>
public sealed class InstanceRegistry(Store store, InstanceIdentity identity, CurrentConfiguration configuration)
{
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan DeadAfter = TimeSpan.FromSeconds(15);

    private static readonly Operations.OperationContext s_operation = Operations.OperationContext.Create("instance.heartbeat", "system:fleet");

    private volatile int _livePeers = 1;

    public InstanceIdentity Identity => identity;

    /// <summary>Live instances of this role, this one included, as of the last heartbeat. What was known stays so while the database is away.</summary>
    public int LivePeers => _livePeers;

    public Task BeatAsync(CancellationToken ct)
        => store.WriteAsync(s_operation, async (tx, token) =>
        {
            var now = await tx.Db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var row = await tx.Db.Instances.AsTracking().FirstOrDefaultAsync(i => i.BootId == identity.BootId, token).ConfigureAwait(false);
            if (row is null)
            {
                row = new InstanceEntity { BootId = identity.BootId, Role = identity.Role, Host = identity.Host, ProcessId = identity.ProcessId, Version = identity.Version, StartedAt = now };
                tx.Db.Instances.Add(row);
            }

            row.ConfigurationGeneration = configuration.Value.Generation;
            row.HeartbeatAt = now;
            var silent = now - DeadAfter;
            _livePeers = 1 + await tx.Db.Instances.CountAsync(i => i.Role == identity.Role && i.BootId != identity.BootId && i.StoppedAt == null && i.HeartbeatAt >= silent, token).ConfigureAwait(false);
        }, ct);

    public Task StopAsync(CancellationToken ct)
        => store.WriteAsync(s_operation, (tx, token) => tx.Db.Instances.Where(i => i.BootId == identity.BootId).ExecuteUpdateAsync(u => u.SetProperty(i => i.StoppedAt, tx.Now), token), ct);

    public Task<IReadOnlyList<InstanceDto>> ListAsync(CancellationToken ct)
        => store.ReadAsync<IReadOnlyList<InstanceDto>>(async (db, token) =>
        {
            var now = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var rows = await db.Instances.OrderByDescending(i => i.HeartbeatAt).Take(100).ToListAsync(token).ConfigureAwait(false);
            return [.. rows.Select(i => new InstanceDto(i.BootId, i.Role, i.Host, i.ProcessId, i.Version, i.ConfigurationGeneration, i.StartedAt, i.HeartbeatAt, i.StoppedAt is null && now - i.HeartbeatAt < DeadAfter))];
        }, ct);

    /// <summary>Boots of this host that are gone: stopped, silent, or (when this process owns the data directory alone) any other that ran on it.</summary>
    /// <param name="aloneOnHost">True where an exclusive lock proves that every earlier boot of this host in this store is dead.</param>
    public Task<IReadOnlySet<string>> DeadBootsAsync(bool aloneOnHost, CancellationToken ct)
        => store.ReadAsync<IReadOnlySet<string>>(async (db, token) =>
        {
            var now = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var silent = now - DeadAfter;
            return (await db.Instances.Where(i => i.Host == identity.Host && i.BootId != identity.BootId && (aloneOnHost || i.StoppedAt != null || i.HeartbeatAt < silent))
                .Select(i => i.BootId).ToListAsync(token).ConfigureAwait(false)).ToHashSet();
        }, ct);
}
