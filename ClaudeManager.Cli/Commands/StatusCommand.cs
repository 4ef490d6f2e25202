using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands;

internal sealed class StatusCommand : Command
{
    private const int Recent = 10;

    public StatusCommand(CommandRunner runner)
        : base("status", "The processes that run, GitHub's budgets, the breakers of what they call, and what went wrong.")
        => runner.Handle(this, RunAsync);

    private static async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var fleet = await connection.Api.GetFleetAsync(Recent, ct).ConfigureAwait(false);
        var output = invocation.Output;
        output.Result(fleet, () =>
        {
            output.Table(
                ["Process", "Host", "Pid", "As of", "Limits", "Errors"],
                fleet.Instances.Select(i => new[] { i.Role, i.Host, $"{i.ProcessId}", output.Time(i.AsOf), i.Limiter.Source, $"{i.Errors.Total}" }));
            var budgets = fleet.Instances.SelectMany(i => i.GitHub.Select(b => new[]
            {
                b.Resource, i.Role, b.Credential, $"{b.Remaining}/{b.Limit}", output.Time(b.ResetsAt), $"{b.PointsLeft}/{b.PointsAtOnce}", $"{b.ContentLeft}", output.Time(b.BlockedUntil), $"{b.Requests}", $"{b.NotModified}",
            })).ToList();
            if (budgets.Count > 0)
            {
                output.Table(["GitHub", "Process", "Credential", "Left", "Resets", "Points", "Content", "Blocked until", "Requests", "Free (304)"], budgets);
            }

            var breakers = fleet.Instances.SelectMany(i => i.Breakers.Select(b => new[] { b.Name, i.Role, ManagerJson.Name(b.State), output.Time(b.Since), output.Time(b.NextTrial), b.Reason ?? "" })).ToList();
            if (breakers.Count > 0)
            {
                output.Table(["Breaker", "Process", "State", "Since", "Next trial", "Why"], breakers);
            }

            var groups = fleet.Instances.SelectMany(i => i.Errors.Groups.Select(g => (Group: g, i.Role))).OrderByDescending(g => g.Group.LastSeen).ToList();
            if (groups.Count > 0)
            {
                output.Table(
                    ["Operation", "Process", "Code", "Class", "1 min", "5 min", "1 h", "In all", "Last"],
                    groups.Select(g => new[] { g.Group.Operation, g.Role, g.Group.Code, ManagerJson.Name(g.Group.Failure), $"{g.Group.LastMinute}", $"{g.Group.LastFiveMinutes}", $"{g.Group.LastHour}", $"{g.Group.Total}", output.Time(g.Group.LastSeen) }));
            }
        });
        return ExitCode.Ok;
    }
}
