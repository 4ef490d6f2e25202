using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Fleet;

/// <summary>This process as the fleet knows it. A new boot id at every start.</summary>
/// <param name="ProcessSpace">Where <paramref name="ProcessId"/> means something: one boot of one kernel and its process namespace. Containers may share a host name, never this. Null where unknown.</param>
public sealed record InstanceIdentity(string BootId, string Role, string Host, string? ProcessSpace, int ProcessId, string Version, DateTimeOffset StartedAt)
{
    public static InstanceIdentity Create(string role, TimeProvider time)
    {
        var now = time.GetUtcNow();
        return new InstanceIdentity(Guid.CreateVersion7(now).ToString("N"), role, System.Environment.MachineName, FindProcessSpace(), System.Environment.ProcessId, ProductVersion.Current, now);
    }

    /// <summary>
    /// Whether another boot certainly runs no more: it said so, or its process is not there any more. One that is merely silent may be paused, and would go on where it was.
    /// A process id that somebody else has by now counts as running: then its leases have to run out.
    /// </summary>
    public bool IsGone(InstanceEntity other)
        => other.BootId != BootId && (other.StoppedAt is not null || (ProcessSpace is not null && other.ProcessSpace == ProcessSpace && (other.ProcessId == ProcessId || !IsRunning(other.ProcessId))));

    private static bool IsRunning(int processId)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(processId);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    // Both files: proc(5), namespaces(7). Elsewhere nothing is known of other processes, and leases run out.
    private static string? FindProcessSpace()
        => OperatingSystem.IsLinux() && new FileInfo("/proc/self/ns/pid").LinkTarget is { } space && File.Exists("/proc/sys/kernel/random/boot_id")
            ? $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()}/{space}"
            : null;
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
    private volatile int _liveInstances = 1;

    public InstanceIdentity Identity => identity;

    /// <summary>Live instances of this role, this one included, as of the last heartbeat. What was known stays so while the database is away.</summary>
    public int LivePeers => _livePeers;

    /// <summary>The same of all roles.</summary>
    public int LiveInstances => _liveInstances;

    public Task BeatAsync(CancellationToken ct)
        => store.WriteAsync(s_operation, async (tx, token) =>
        {
            var now = await tx.Db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var row = await tx.Db.Instances.AsTracking().FirstOrDefaultAsync(i => i.BootId == identity.BootId, token).ConfigureAwait(false);
            if (row is null)
            {
                row = new InstanceEntity { BootId = identity.BootId, Role = identity.Role, Host = identity.Host, ProcessSpace = identity.ProcessSpace, ProcessId = identity.ProcessId, Version = identity.Version, StartedAt = now };
                tx.Db.Instances.Add(row);
            }

            row.ConfigurationGeneration = configuration.Value.Generation;
            row.HeartbeatAt = now;
            var silent = now - DeadAfter;
            var others = await tx.Db.Instances.Where(i => i.BootId != identity.BootId && i.StoppedAt == null && i.HeartbeatAt >= silent).Select(i => i.Role).ToListAsync(token).ConfigureAwait(false);
            (_livePeers, _liveInstances) = (1 + others.Count(role => role == identity.Role), 1 + others.Count);
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

    /// <summary>Boots of this host that do nothing any more.</summary>
    /// <param name="aloneOnHost">True where an exclusive lock proves that every earlier boot of this host in this store is dead.</param>
    public Task<DeadBoots> DeadBootsAsync(bool aloneOnHost, CancellationToken ct)
        => store.ReadAsync(async (db, token) =>
        {
            var now = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            var others = await db.Instances.Where(i => i.Host == identity.Host && i.BootId != identity.BootId).ToListAsync(token).ConfigureAwait(false);
            var gone = others.Where(i => aloneOnHost || identity.IsGone(i)).Select(i => i.BootId).ToHashSet();
            return new DeadBoots(gone, others.Where(i => now - i.HeartbeatAt > DeadAfter).Select(i => i.BootId).Concat(gone).ToHashSet());
        }, ct);
}

/// <param name="Gone">Those that certainly run no more: what they held is free.</param>
/// <param name="All">With those that are merely silent: one may be paused, so its leases run out first.</param>
public sealed record DeadBoots(IReadOnlySet<string> Gone, IReadOnlySet<string> All);
