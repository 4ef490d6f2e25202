using System.Text.RegularExpressions;
using Npgsql;

namespace ClaudeManager.Chaos;

/// <summary>Holds what GitHub has, what the store says and what is left on the machine against what people asked for. GitHub is the ledger: it was never restarted and knows what it was told.</summary>
internal sealed partial class HistoryChecker(ManagerFleet fleet, Workload workload)
{
    /// <summary>Work that is still to be done; empty when the service has come to rest.</summary>
    public async Task<IReadOnlyList<string>> UnfinishedAsync(NpgsqlConnection connection, CancellationToken ct)
        =>
        [
            .. await RowsAsync(connection, "SELECT 'item ' || id || ' is ' || state || ': ' || title FROM work_items WHERE state <> 'review'", ct),
            .. await RowsAsync(connection, "SELECT 'run ' || id || ' is ' || state || ', attempt ' || attempt FROM runs WHERE state <> 'ended'", ct),
            .. await RowsAsync(connection, "SELECT 'outbox ' || kind || ' ' || key || ' is ' || state || ', attempt ' || attempt || coalesce(': ' || error, '') FROM outbox WHERE state IN ('pending', 'blocked')", ct),
            .. workload.Items.Where(item => workload.IssueOf(item) is null).Select(item => $"no issue for {item.Repository}/{item.File}"),
        ];

    /// <summary>Everything that is not as it must be.</summary>
    public async Task<ChaosFindings> CheckAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var lost = new List<string>();
        var duplicates = new List<string>(fleet.GitHub.DuplicatesOf(Marker()));
        foreach (var item in workload.Items)
        {
            var issues = workload.IssuesOf(item).ToList();
            Count(issues.Count, $"issue for {item.Repository}/{item.File}");
            if (issues is [var issue])
            {
                Count(issue.Comments.Count, $"comment on issue {issue.Number}");
                var pulls = fleet.GitHub.Repository(item.Repository).Pulls.Where(p => p.Issue.Body?.StartsWith($"Closes {ManagerFleet.Manager}#{issue.Number}\n", StringComparison.Ordinal) == true).ToList();
                Count(pulls.Count, $"pull request for issue {issue.Number}");
            }
        }

        foreach (var group in workload.Items.GroupBy(i => i.Repository))
        {
            var branches = fleet.GitHub.Repository(group.Key).Branches.Keys.Count(name => name.StartsWith("claude-manager/", StringComparison.Ordinal));
            if (branches > group.Count())
            {
                duplicates.Add($"{branches} branches in {group.Key} for {group.Count()} items");
            }
            else if (branches < group.Count())
            {
                lost.Add($"{branches} branches in {group.Key} for {group.Count()} items");
            }
        }

        lost.AddRange(await UnfinishedAsync(connection, ct));
        duplicates.AddRange(await RowsAsync(connection, "SELECT 'item ' || work_item_id || ' has ' || count(*) || ' runs' FROM runs GROUP BY work_item_id HAVING count(*) > 1", ct));
        var leases = await RowsAsync(connection, "SELECT 'run ' || id || ' is leased by ' || lease_owner FROM runs WHERE lease_owner IS NOT NULL UNION ALL SELECT 'outbox ' || id || ' is leased by ' || lease_owner FROM outbox WHERE lease_owner IS NOT NULL", ct);
        var fenced = new List<string>(
        [
            // A worker whose lease another has taken over must write nothing more.
            .. await RowsAsync(connection, "SELECT 'run ' || run_id || ': event ' || seq || ' of attempt ' || attempt || ' after one of attempt ' || before FROM (SELECT run_id, seq, attempt, max(attempt) OVER (PARTITION BY run_id ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM run_events) AS e WHERE attempt < before", ct),
            .. await RowsAsync(connection, "SELECT 'run ' || id || ' ended by ' || coalesce(end_reason, '?') || ': ' || coalesce(end_detail, '') FROM runs WHERE state = 'ended' AND end_reason <> 'completed'", ct),
            .. await RowsAsync(connection, "SELECT 'run ' || r.id || ' was claimed ' || r.attempt || ' times, the audit log has ' || count(a.id) FROM runs r LEFT JOIN audit_entries a ON a.subject_type = 'run' AND a.subject_id = r.id::text AND a.action = 'run.preparing' GROUP BY r.id, r.attempt HAVING count(a.id) <> r.attempt", ct),
            .. await RowsAsync(connection, "SELECT 'run ' || r.id || ' was completed ' || count(a.id) || ' times in the audit log' FROM runs r LEFT JOIN audit_entries a ON a.subject_type = 'run' AND a.subject_id = r.id::text AND a.action = 'run.completed' GROUP BY r.id HAVING count(a.id) <> 1", ct),
        ]);
        var left = fleet.Nodes.Where(node => Directory.Exists(node.RunsRoot)).SelectMany(node => Directory.GetFileSystemEntries(node.RunsRoot).Select(path => $"{node.Name} has {Path.GetFileName(path)}")).ToList();
        return new ChaosFindings(lost, duplicates, fleet.Processes(), leases, left, fenced);

        void Count(int count, string what)
        {
            if (count == 0)
            {
                lost.Add("no " + what);
            }
            else if (count > 1)
            {
                duplicates.Add($"{count} × {what}");
            }
        }
    }

    private static async Task<IReadOnlyList<string>> RowsAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
#pragma warning disable CA2100 // Constants of this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<string>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }

    [GeneratedRegex("<!-- claude-manager ([a-z-]+:[A-Za-z0-9._/-]+) -->")]
    private static partial Regex Marker();
}

/// <param name="Lost">Asked for, and not there.</param>
/// <param name="Duplicates">There more than once.</param>
/// <param name="Orphans">Processes that outlive the service.</param>
/// <param name="Leases">Held by nobody that lives.</param>
/// <param name="Workspaces">Left on disk.</param>
/// <param name="Histories">Stories that do not go together: a fenced worker that wrote, a run that ended twice.</param>
public sealed record ChaosFindings(IReadOnlyList<string> Lost, IReadOnlyList<string> Duplicates, IReadOnlyList<string> Orphans, IReadOnlyList<string> Leases, IReadOnlyList<string> Workspaces, IReadOnlyList<string> Histories)
{
    public IEnumerable<string> All =>
    [
        .. Lost.Select(f => "lost: " + f), .. Duplicates.Select(f => "twice: " + f), .. Orphans.Select(f => "orphan: " + f), .. Leases.Select(f => "lease: " + f), .. Workspaces.Select(f => "workspace: " + f), .. Histories.Select(f => "history: " + f),
    ];
}
