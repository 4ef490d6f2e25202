using System.Collections.Concurrent;
using System.Globalization;
using Npgsql;

namespace ClaudeManager.Chaos;

/// <summary>What happened in a round, in order, and which runs were in whose hands when a process died.</summary>
internal sealed class History(ManagerFleet fleet, TextWriter log)
{
    private readonly long _start = TimeProvider.System.GetTimestamp();
    private readonly ConcurrentBag<(long Run, int Attempt, DateTimeOffset At)> _lost = [];

    public void Say(string what)
    {
        lock (log)
        {
            log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetElapsedTime(_start).TotalSeconds,8:0.000} {what}"));
            log.Flush();
        }
    }

    /// <summary>Writes down which runs a killed process held, so that it can be said later when each started again.</summary>
    public async Task DiedAsync(string name, int processId, CancellationToken ct)
    {
        var at = TimeProvider.System.GetUtcNow();
        try
        {
            await using var connection = await fleet.Postgres.OpenAsync(ct);
            await using var command = new NpgsqlCommand("SELECT r.id, r.attempt FROM runs r JOIN instances i ON i.boot_id = r.lease_owner WHERE i.process_id = @process", connection);
            command.Parameters.AddWithValue("process", processId);
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                _lost.Add((reader.GetInt64(0), reader.GetInt32(1), at));
                Say($"{name} ({processId}) died with run {reader.GetInt64(0)}, attempt {reader.GetInt32(1)}");
            }
        }
        catch (NpgsqlException)
        {
            // PostgreSQL recovers just now. These runs are missing from the figures, not from the checks.
        }
    }

    /// <summary>From the death of the holder to the first sign of the next attempt. Other faults go on meanwhile, so it is a figure and no bound.</summary>
    public async Task<IReadOnlyList<double>> RecoveriesAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var seconds = new List<double>();
        foreach (var (run, attempt, at) in _lost)
        {
            await using var command = new NpgsqlCommand("SELECT min(at) FROM run_events WHERE run_id = @run AND attempt = @attempt", connection);
            command.Parameters.AddWithValue("run", run);
            command.Parameters.AddWithValue("attempt", attempt + 1);
            if (await command.ExecuteScalarAsync(ct) is DateTime again)
            {
                seconds.Add((new DateTimeOffset(DateTime.SpecifyKind(again, DateTimeKind.Utc)) - at).TotalSeconds);
            }
        }

        seconds.Sort();
        return seconds;
    }
}
