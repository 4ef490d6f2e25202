using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ClaudeManager.Core.Agents.Processes;

/// <param name="Start">Clock ticks since boot; with <paramref name="Id"/> it names one process for ever.</param>
internal readonly record struct ProcessEntry(int Id, int Parent, int Session, char State, long Start)
{
    public bool IsZombie => State is 'Z' or 'X';
}

/// <summary>The processes of this machine, read from <c>/proc</c>. Where there is none (macOS) the table is empty and callers fall back to process groups.</summary>
internal static class ProcessTable
{
    public static IReadOnlyList<ProcessEntry> Snapshot()
    {
        if (!Directory.Exists("/proc/self"))
        {
            return [];
        }

        var entries = new List<ProcessEntry>();
        foreach (var path in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(path.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Find(id) is { } entry)
            {
                entries.Add(entry);
            }
        }

        return entries;
    }

    public static ProcessEntry? Find(int processId)
    {
        // The name in the second field may hold blanks and parentheses; what follows the last one is regular.
        var stat = ReadOrNull(processId, "stat");
        var text = stat is null ? "" : Encoding.Latin1.GetString(stat);
        var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length < 20
            ? null
            : new ProcessEntry(
                processId,
                int.Parse(fields[1], CultureInfo.InvariantCulture),
                int.Parse(fields[3], CultureInfo.InvariantCulture),
                fields[0][0],
                long.Parse(fields[19], CultureInfo.InvariantCulture));
    }

    /// <summary>When the process started; null when it is gone.</summary>
    public static long? StartOf(int processId)
    {
        if (Directory.Exists("/proc/self"))
        {
            return Find(processId)?.Start;
        }

        try
        {
            using var process = Process.GetProcessById(processId);
            return process.StartTime.ToUniversalTime().Ticks;
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The value of one variable in the environment a process was started with; null when it has none or is not ours to read.</summary>
    public static string? VariableOf(int processId, string name)
    {
        var environment = ReadOrNull(processId, "environ");
        if (environment is null)
        {
            return null;
        }

        var prefix = Encoding.UTF8.GetBytes(name + "=");
        foreach (var range in environment.AsSpan().Split((byte)0))
        {
            var variable = environment.AsSpan(range);
            if (variable.StartsWith(prefix))
            {
                return Encoding.UTF8.GetString(variable[prefix.Length..]);
            }
        }

        return null;
    }

    /// <summary>The living among <paramref name="table"/> that <paramref name="isRoot"/> picks, with everything they have started, this process excepted.</summary>
    public static List<ProcessEntry> WithDescendants(IReadOnlyList<ProcessEntry> table, Func<ProcessEntry, bool> isRoot)
    {
        var children = table.ToLookup(entry => entry.Parent);
        var found = new HashSet<ProcessEntry>();
        var pending = new Queue<ProcessEntry>(table.Where(isRoot));
        while (pending.TryDequeue(out var entry))
        {
            if (entry.Id == Environment.ProcessId || !found.Add(entry))
            {
                continue;
            }

            foreach (var child in children[entry.Id])
            {
                pending.Enqueue(child);
            }
        }

        return [.. found.Where(entry => !entry.IsZombie)];
    }

    private static byte[]? ReadOrNull(int processId, string file)
    {
        try
        {
            return File.ReadAllBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/{file}"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // It ended while we looked, or belongs to somebody else.
            return null;
        }
    }
}
