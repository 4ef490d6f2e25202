using System.Globalization;
using System.Text.Json;

namespace ClaudeManager.Chaos;

/// <summary>Rounds one after the other. A round that has passed on this very build is not run again, so a long run that was interrupted goes on.</summary>
public static class ChaosRun
{
    public static async Task<IReadOnlyList<ChaosResult>> RunAsync(ChaosSettings settings, IEnumerable<int> rounds, bool again, TextWriter output, CancellationToken ct)
    {
        var results = new List<ChaosResult>();
        foreach (var round in rounds)
        {
            var file = Path.Combine(settings.Directory, string.Create(CultureInfo.InvariantCulture, $"round-{round:00}.json"));
            var before = !again && File.Exists(file) ? JsonSerializer.Deserialize<ChaosResult>(await File.ReadAllTextAsync(file, ct)) : null;
            var result = before is { IsGood: true } ? before : await ChaosRound.RunAsync(settings, round, ct);
            results.Add(result);
            await output.WriteLineAsync(Row(result).AsMemory(), ct);
            foreach (var finding in result.Findings.All.Take(20))
            {
                await output.WriteLineAsync(("  " + finding).AsMemory(), ct);
            }
        }

        await output.WriteLineAsync(Table(settings, results).AsMemory(), ct);
        return results;
    }

    private static string Row(ChaosResult r)
        => string.Create(CultureInfo.InvariantCulture, $"round {r.Round}: {r.Faults} faults (up to {r.MostAtOnce} at once) in {r.FaultSeconds:0} s, at rest after {r.SettleSeconds:0} s; {r.Items} items, {r.Attempts} attempts: {(r.IsGood ? "good" : "NOT GOOD")}");

    /// <summary>All rounds in one table.</summary>
    public static string Table(ChaosSettings settings, IReadOnlyList<ChaosResult> results)
    {
        var recoveries = results.SelectMany(r => r.Recoveries).Order().ToList();
        var kinds = results.SelectMany(r => r.Kinds).GroupBy(k => k.Key).OrderByDescending(g => g.Sum(k => k.Value)).Select(g => string.Create(CultureInfo.InvariantCulture, $"{g.Key} {g.Sum(k => k.Value)}"));
        var rows = new (string What, string Is)[]
        {
            ("seed, rounds", Text($"{settings.Seed}, {results.Count}")),
            ("faults that struck", Text($"{results.Sum(r => r.Faults)}")),
            ("of these", string.Join(", ", kinds)),
            ("at one time, at most", Text($"{results.Max(r => r.MostAtOnce)}")),
            ("items / acknowledged by the API", Text($"{results.Sum(r => r.Items)} / {results.Sum(r => r.Acknowledged)}")),
            ("issues / comments / branches / pull requests", Text($"{results.Sum(r => r.Issues)} / {results.Sum(r => r.Comments)} / {results.Sum(r => r.Branches)} / {results.Sum(r => r.PullRequests)}")),
            ("runs / attempts", Text($"{results.Sum(r => r.Runs)} / {results.Sum(r => r.Attempts)}")),
            ("lost", Text($"{results.Sum(r => r.Findings.Lost.Count)}")),
            ("duplicated", Text($"{results.Sum(r => r.Findings.Duplicates.Count)}")),
            ("orphan processes", Text($"{results.Sum(r => r.Findings.Orphans.Count)}")),
            ("leaked leases", Text($"{results.Sum(r => r.Findings.Leases.Count)}")),
            ("leaked workspaces", Text($"{results.Sum(r => r.Findings.Workspaces.Count)}")),
            ("histories that do not go together", Text($"{results.Sum(r => r.Findings.Histories.Count)}")),
            ("runs whose holder was killed, started again after p50 / p95 / most", recoveries.Count == 0 ? "none" : Text($"{recoveries.Count}: {At(0.5):0.0} / {At(0.95):0.0} / {recoveries[^1]:0.0} s, other faults going on")),
            ("minutes of faults / until at rest", Text($"{results.Sum(r => r.FaultSeconds) / 60:0.0} / {results.Sum(r => r.SettleSeconds) / 60:0.0}")),
        };
        return "| what | is |\n|---|---|\n" + string.Join('\n', rows.Select(r => $"| {r.What} | {r.Is} |"));

        double At(double part) => recoveries[(int)Math.Min(recoveries.Count - 1, part * recoveries.Count)];
        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
