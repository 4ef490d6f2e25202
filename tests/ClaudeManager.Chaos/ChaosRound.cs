using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace ClaudeManager.Chaos;

/// <param name="Every">Between the beginnings of two faults, on average.</param>
/// <param name="Settle">A service that needs longer than this to come to rest has lost something.</param>
public sealed record ChaosSettings(ulong Seed, int Repositories, int ItemsPerRepository, int Faults, TimeSpan Every, TimeSpan Settle, string Directory)
{
    public int Items => Repositories * ItemsPerRepository;
}

/// <summary>What came out of a round; kept as JSON, so that a long run goes on where it was.</summary>
/// <param name="Recoveries">Seconds from a holder's death to the next attempt, sorted.</param>
public sealed record ChaosResult(
    int Round, ulong Seed, int Items, int Faults, int MostAtOnce, IReadOnlyDictionary<string, int> Kinds, int Issues, int Comments, int Branches, int PullRequests, int Runs, int Attempts, int Acknowledged, IReadOnlyList<double> Recoveries,
    double FaultSeconds, double SettleSeconds, ChaosFindings Findings)
{
    public bool IsGood => !Findings.All.Any();
}

/// <summary>A fleet, its work and its faults, from nothing to the check. The same seed gives the same plan; what it meets depends on the machine.</summary>
public static class ChaosRound
{
    public static async Task<ChaosResult> RunAsync(ChaosSettings settings, int round, CancellationToken ct)
    {
        System.IO.Directory.CreateDirectory(settings.Directory);
        var seed = new SplitMix(settings.Seed + (ulong)round).Next();
        var stem = Path.Combine(settings.Directory, string.Create(CultureInfo.InvariantCulture, $"round-{round:00}"));
        await using var log = new StreamWriter(stem + ".log");
        var repositories = Enumerable.Range(1, settings.Repositories).Select(i => FormattableString.Invariant($"acme/app{i:00}")).ToList();
        await using var fleet = await ManagerFleet.StartAsync(workers: 2, repositories, ct);
        foreach (var repository in repositories)
        {
            await fleet.GitHub.Repository(repository).CommitAsync("First", [("README.md", "# Pieces\n")], ct);
        }

        var history = new History(fleet, log);
        using var workload = new Workload(fleet, history, seed, repositories, settings.ItemsPerRepository);
        var injector = new Injector(fleet, history);
        var checker = new HistoryChecker(fleet, workload);
        var start = TimeProvider.System.GetTimestamp();
        var work = workload.RunAsync(() => (double)injector.Struck / settings.Faults, ct);
        await injector.RunAsync(Fault.Plan(seed, settings.Every), settings.Faults, ct);
        var faults = TimeProvider.System.GetElapsedTime(start);
        history.Say("no more faults");
        try
        {
            await work.WaitAsync(settings.Settle, TimeProvider.System, ct);
            await SettleAsync(settings, fleet, checker, history, start, faults, ct);
        }
        catch (TimeoutException)
        {
            // The checks say what is missing.
            history.Say("it does not come to rest");
            await SayWhoWaitsAsync(fleet, history, ct);
        }

        var settled = TimeProvider.System.GetElapsedTime(start) - faults;
        // A Worker removes a workspace after it has let go of the run.
        await WorkspacesGoneAsync(fleet, ct);
        var codes = new List<string>();
        foreach (var node in fleet.Nodes)
        {
            if (await node.StopAsync(ct) is not 0 and var code)
            {
                codes.Add($"{node.Name} ended with exit code {code?.ToString(CultureInfo.InvariantCulture) ?? "none"}");
            }
        }

        await using var connection = await fleet.Postgres.OpenAsync(ct);
        var findings = await checker.CheckAsync(connection, ct);
        findings = findings with { Histories = [.. findings.Histories, .. codes] };
        var issues = fleet.GitHub.Repository(ManagerFleet.Manager).Issues;
        var result = new ChaosResult(
            round, seed, settings.Items, injector.Struck, injector.MostAtOnce, injector.Kinds.OrderBy(k => k.Key).ToDictionary(k => k.Key.ToString(), k => k.Value),
            issues.Count, issues.Sum(i => i.Comments.Count),
            repositories.Sum(r => fleet.GitHub.Repository(r).Branches.Keys.Count(name => name.StartsWith("claude-manager/", StringComparison.Ordinal))), repositories.Sum(r => fleet.GitHub.Repository(r).Pulls.Count),
            await NumberAsync(connection, "SELECT count(*) FROM runs", ct), await NumberAsync(connection, "SELECT coalesce(sum(attempt), 0) FROM runs", ct), workload.Acknowledged,
            await history.RecoveriesAsync(connection, ct), faults.TotalSeconds, settled.TotalSeconds, findings);
        foreach (var finding in findings.All)
        {
            history.Say(finding);
        }

        if (!result.IsGood)
        {
            foreach (var node in fleet.Nodes)
            {
                await File.WriteAllTextAsync($"{stem}.{node.Name}.log", node.Log, ct);
            }
        }

        await File.WriteAllTextAsync(stem + ".json", JsonSerializer.Serialize(result), ct);
        return result;
    }

    private static async Task SettleAsync(ChaosSettings settings, ManagerFleet fleet, HistoryChecker checker, History history, long start, TimeSpan since, CancellationToken ct)
    {
        var said = "";
        while (true)
        {
            await using var connection = await fleet.Postgres.OpenAsync(ct);
            var left = await checker.UnfinishedAsync(connection, ct);
            if (left.Count == 0)
            {
                return;
            }

            if (TimeProvider.System.GetElapsedTime(start) - since > settings.Settle)
            {
                throw new TimeoutException();
            }

            var now = string.Join("\n         ", left.Take(20));
            if (now != said)
            {
                history.Say($"{left.Count} to go: {now}");
                said = now;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, ct);
        }
    }

    /// <summary>Whoever holds a lock that others wait for is nearly always the reason.</summary>
    private static async Task SayWhoWaitsAsync(ManagerFleet fleet, History history, CancellationToken ct)
    {
        await using var connection = await fleet.Postgres.OpenAsync(ct);
        await using var command = new NpgsqlCommand(
            """
            SELECT a.pid || ' port ' || coalesce(a.client_port::text, '-') || ' ' || coalesce(a.state, '-') || ' since ' || (now() - a.state_change) || ', in its transaction ' || coalesce((now() - a.xact_start)::text, 'none')
              || ', blocked by ' || pg_blocking_pids(a.pid)::text || ', locks ' || coalesce((SELECT string_agg(l.locktype || ' ' || l.mode || CASE WHEN l.granted THEN '' ELSE ' WAITS' END, ', ') FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory'), 'none') || ': ' || left(a.query, 100)
            FROM pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            history.Say("session " + reader.GetString(0));
        }
    }

    private static async Task WorkspacesGoneAsync(ManagerFleet fleet, CancellationToken ct)
    {
        for (var look = 0; look < 60 && fleet.Nodes.Any(node => System.IO.Directory.Exists(node.RunsRoot) && System.IO.Directory.EnumerateFileSystemEntries(node.RunsRoot).Any()); look++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, ct);
        }
    }

    private static async Task<int> NumberAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
#pragma warning disable CA2100 // Constants of this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return Convert.ToInt32(await command.ExecuteScalarAsync(ct), CultureInfo.InvariantCulture);
    }
}
