using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksListCommand : Command
{
    private readonly Option<WorkItemState[]> _states = new("--state", "-s") { Description = "Only these states (repeatable).", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
    private readonly Option<string?> _repository = new("--repo", "-r") { Description = "Only this repository: name, id or path." };
    private readonly Option<string?> _search = new("--search") { Description = "Only items whose title, path or text contains this." };
    private readonly Option<string?> _sort = new("--sort") { Description = "score (default), updated, title or id; a leading - turns it round." };
    private readonly Option<int> _skip = new("--skip") { Description = "Leave out the first N." };
    private readonly Option<int> _take = new("--take", "-n") { Description = "At most N.", DefaultValueFactory = _ => 50 };

    public TasksListCommand(CommandRunner runner)
        : base("list", "List work items, best first.")
    {
        Options.Add(_states);
        Options.Add(_repository);
        Options.Add(_search);
        Options.Add(_sort);
        Options.Add(_skip);
        Options.Add(_take);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        long? repository = invocation.Get(_repository) is { } name
            ? (await connection.Api.FindRepositoryAsync(name, invocation.WorkingDirectory, ct).ConfigureAwait(false)).Id
            : null;
        var page = await connection.Api.ListWorkItemsAsync(
            invocation.Get(_states)!, repository, invocation.Get(_search), invocation.Get(_sort), invocation.Get(_skip), invocation.Get(_take), ct).ConfigureAwait(false);
        var output = invocation.Output;
        output.Result(page, () =>
        {
            output.Table(
                ["Id", "Score", "Level", "State", "Repository", "Title", "Where", "Run"],
                page.Items.Select(item => new[]
                {
                    $"{item.Id}", $"{item.Score:0.0}", item.Level, ManagerJson.Name(item.State), item.Repository,
                    item.Title, item.Path is null ? "" : $"{item.Path}:{item.Line}", $"{item.LatestRunId}",
                }));
            output.Say($"{page.Items.Count} of {page.Total}.");
        });
        return ExitCode.Ok;
    }
}
