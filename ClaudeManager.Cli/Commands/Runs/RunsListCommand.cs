using System.CommandLine;
using ClaudeManager.Cli.Commands.Tasks;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsListCommand : Command
{
    private readonly Option<RunState[]> _states = new("--state", "-s") { Description = "Only these states (repeatable).", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
    private readonly Option<long?> _item = new("--task-id", "-t") { Description = "Only the runs of this work item." };
    private readonly Option<int> _skip = new("--skip") { Description = "Leave out the first N." };
    private readonly Option<int> _take = new("--take", "-n") { Description = "At most N.", DefaultValueFactory = _ => 50 };

    public RunsListCommand(CommandRunner runner)
        : base("list", "List runs, newest first.")
    {
        Options.Add(_states);
        Options.Add(_item);
        Options.Add(_skip);
        Options.Add(_take);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var page = await connection.Api.ListRunsAsync(invocation.Get(_states)!, invocation.Get(_item), invocation.Get(_skip), invocation.Get(_take), ct).ConfigureAwait(false);
        var output = invocation.Output;
        output.Result(page, () =>
        {
            output.Table(
                ["Id", "State", "Item", "Title", "Repository", "Agent", "Created", "Cost", "Branch"],
                page.Items.Select(run => new[]
                {
                    $"{run.Id}", run.StateText(), $"{run.WorkItemId}", run.WorkItemTitle, run.Repository, run.Agent,
                    output.Time(run.CreatedAt), run.CostUsd is { } cost ? $"${cost:0.00}" : "", run.Branch,
                }));
            output.Say($"{page.Items.Count} of {page.Total}.");
        });
        return ExitCode.Ok;
    }
}
