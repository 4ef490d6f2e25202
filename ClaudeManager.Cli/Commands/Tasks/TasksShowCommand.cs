using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksShowCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };

    public TasksShowCommand(CommandRunner runner)
        : base("show", "Show one work item: where it was found, why it ranks where it does, its runs.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var item = await connection.Api.GetWorkItemAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        invocation.Output.Result(item, () => invocation.Output.Detail(item));
        return ExitCode.Ok;
    }
}
