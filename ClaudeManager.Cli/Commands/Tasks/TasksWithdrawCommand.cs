using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksWithdrawCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };

    public TasksWithdrawCommand(CommandRunner runner)
        : base("withdraw", "Take an approval back; a run under way may finish, but publishes nothing.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        return invocation.Output.Changed(await connection.Api.WithdrawApprovalAsync(invocation.Get(_id), ct).ConfigureAwait(false));
    }
}
