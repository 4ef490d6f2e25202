using ClaudeManager.Core.Persistence.Entities;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Agents.Processes;

/// <param name="Run">What it belonged to; null where only its row told.</param>
public sealed record ReapedProcess(int ProcessId, long ProcessStart, string BootId, RunIdentity? Run);

/// <summary>Ends what a crashed instance of this host left running: the sessions its rows name, and everything that carries its boot id, so that a crash between start and row hides nothing.</summary>
public sealed class OrphanReaper(TimeProvider time, ILogger<OrphanReaper> logger)
{
    /// <summary>Carried, with the boot id, by what is started for no run.</summary>
    internal const string BootVariable = "CLAUDE_MANAGER_BOOT";

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_killDeadline = TimeSpan.FromSeconds(30);

    /// <summary>The boot ids that processes of this machine carry, dead and alive. Which are dead is the caller's to know.</summary>
    public static IReadOnlySet<string> BootsSeen() =>
        ProcessTable.Snapshot().Select(entry => Carried(entry.Id)?.BootId).OfType<string>().ToHashSet(StringComparer.Ordinal);

    /// <summary>Kills everything of <paramref name="deadBoots"/> and returns when it is gone. A process counts by its row only if its start time is the row's, so that a reused pid is safe.</summary>
    /// <param name="rows">Rows without an end, of this host.</param>
    public async Task<IReadOnlyList<ReapedProcess>> ReapAsync(IReadOnlySet<string> deadBoots, IReadOnlyCollection<RunProcessEntity> rows, CancellationToken ct)
    {
        // A leader that has ended leaves its id to its session, so the id still tells; only another process under that id makes the row say nothing.
        var dead = rows.Where(row => deadBoots.Contains(row.BootId) && (ProcessTable.StartOf(row.ProcessId) ?? row.ProcessStart) == row.ProcessStart)
            .ToDictionary(row => (row.ProcessId, row.ProcessStart), row => row.BootId);
        var reaped = new Dictionary<(int, long), ReapedProcess>();
        var began = time.GetTimestamp();

        // Where there is no process table, the sessions of the rows are all that is known.
        if (ProcessTable.Snapshot().Count == 0)
        {
            foreach (var ((id, start), boot) in dead)
            {
                if (Signals.SendToGroup(id, Signals.Kill))
                {
                    reaped[(id, start)] = new ReapedProcess(id, start, boot, null);
                }
            }

            return [.. reaped.Values];
        }

        while (FindLeft() is { Count: > 0 } left)
        {
            foreach (var process in left)
            {
                Signals.Send(process.ProcessId, Signals.Kill);
                if (reaped.TryAdd((process.ProcessId, process.ProcessStart), process))
                {
                    Log.Reaped(logger, process.ProcessId, process.BootId, process.Run?.RunId);
                }
            }

            if (time.GetElapsedTime(began) > s_killDeadline)
            {
                Log.NotKilled(logger, left[0].ProcessId, left.Count);
                break;
            }

            await Task.Delay(s_pollInterval, time, ct).ConfigureAwait(false);
        }

        return [.. reaped.Values];

        List<ReapedProcess> FindLeft()
        {
            var table = ProcessTable.Snapshot();
            var boots = new Dictionary<int, string>();
            foreach (var entry in table)
            {
                var boot = Carried(entry.Id)?.BootId ?? ProcessTable.VariableOf(entry.Id, BootVariable);
                boot = boot is not null && deadBoots.Contains(boot)
                    ? boot
                    : boot is null ? dead.FirstOrDefault(row => row.Key.ProcessId == entry.Session && entry.Start >= row.Key.ProcessStart).Value : null;
                if (boot is not null)
                {
                    boots[entry.Id] = boot;
                }
            }

            return [.. ProcessTable.WithDescendants(table, entry => boots.ContainsKey(entry.Id))
                .Select(entry => (Entry: entry, Run: Carried(entry.Id)))
                .Where(found => found.Run is null || deadBoots.Contains(found.Run.BootId))
                .Select(found => new ReapedProcess(found.Entry.Id, found.Entry.Start, found.Run?.BootId ?? boots.GetValueOrDefault(found.Entry.Id, ""), found.Run))];
        }
    }

    private static RunIdentity? Carried(int processId) => RunIdentity.Parse(ProcessTable.VariableOf(processId, RunIdentity.Variable));
}
