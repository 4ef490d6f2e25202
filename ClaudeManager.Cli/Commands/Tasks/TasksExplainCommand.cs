using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksExplainCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };

    public TasksExplainCommand(CommandRunner runner)
        : base("explain", "Why is it not running? Every gate in order; the first closed one is what it waits for.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var gates = await connection.Api.ExplainAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        invocation.Output.Result(gates, () => invocation.Output.Gates(gates));
        return ExitCode.Ok;
    }
}
