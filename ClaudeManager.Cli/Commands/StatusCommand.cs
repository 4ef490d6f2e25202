using System.CommandLine;
using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands;

internal sealed class StatusCommand : Command
{
    private const int Recent = 10;

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private readonly Option<bool> _watch = new("--watch", "-w") { Description = "Show it again every second, until Ctrl+C. With --format json: one document a line." };

    public StatusCommand(CommandRunner runner)
        : base("status", "The processes that run, GitHub's budgets, the breakers of what they call, and what went wrong.")
    {
        Options.Add(_watch);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var output = invocation.Output;
        if (invocation.Get(_watch))
        {
            await (output.IsJson
                ? WatchAsync(connection.Api, invocation.Time, fleet => output.ResultLine(fleet, () => ""), ct)
                : output.LiveAsync(show => WatchAsync(connection.Api, invocation.Time, fleet => show(Tables(fleet, output)), ct))).ConfigureAwait(false);
        }

        var now = await connection.Api.GetFleetAsync(Recent, ct).ConfigureAwait(false);
        output.Result(now, () =>
        {
            foreach (var table in Tables(now, output))
            {
                output.Table(table.Columns, table.Rows);
            }
        });
        return ExitCode.Ok;
    }

    /// <summary>Ends only by cancellation, or when the server is gone.</summary>
    private static async Task WatchAsync(ManagerApiClient api, TimeProvider time, Action<FleetDto> show, CancellationToken ct)
    {
        while (true)
        {
            show(await api.GetFleetAsync(Recent, ct).ConfigureAwait(false));
            await Task.Delay(s_interval, time, ct).ConfigureAwait(false);
        }
    }

    private static List<OutputTable> Tables(FleetDto fleet, CommandOutput output)
    {
        List<OutputTable> tables =
        [
            new(["Process", "Host", "Pid", "As of", "Limits", "Errors", "Falls back to"],
                fleet.Instances.Select(i => new[] { i.Role, i.Host, $"{i.ProcessId}", output.Time(i.AsOf), i.Limiter.Source, $"{i.Errors.Total}", string.Join(", ", i.Fallbacks.Select(f => f.Name)) })),
        ];
        var budgets = fleet.Instances.SelectMany(i => i.GitHub.Select(b => new[]
        {
            b.Resource, i.Role, b.Credential, $"{b.Remaining}/{b.Limit}", output.Time(b.ResetsAt), $"{b.PointsLeft}/{b.PointsAtOnce}", $"{b.ContentLeft}", output.Time(b.BlockedUntil), $"{b.Requests}", $"{b.NotModified}",
        })).ToList();
        if (budgets.Count > 0)
        {
            tables.Add(new(["GitHub", "Process", "Credential", "Left", "Resets", "Points", "Content", "Blocked until", "Requests", "Free (304)"], budgets));
        }

        var breakers = fleet.Instances.SelectMany(i => i.Breakers.Select(b => new[] { b.Name, i.Role, ManagerJson.Name(b.State), output.Time(b.Since), output.Time(b.NextTrial), b.Reason ?? "" })).ToList();
        if (breakers.Count > 0)
        {
            tables.Add(new(["Breaker", "Process", "State", "Since", "Next trial", "Why"], breakers));
        }

        var groups = fleet.Instances.SelectMany(i => i.Errors.Groups.Select(g => (Group: g, i.Role))).OrderByDescending(g => g.Group.LastSeen).ToList();
        if (groups.Count > 0)
        {
            tables.Add(new(
                ["Operation", "Process", "Code", "Class", "1 min", "5 min", "1 h", "In all", "Last"],
                groups.Select(g => new[] { g.Group.Operation, g.Role, g.Group.Code, ManagerJson.Name(g.Group.Failure), $"{g.Group.LastMinute}", $"{g.Group.LastFiveMinutes}", $"{g.Group.LastHour}", $"{g.Group.Total}", output.Time(g.Group.LastSeen) })));
        }

        return tables;
    }
}
