using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksReopenCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };

    public TasksReopenCommand(CommandRunner runner)
        : base("reopen", "Back to proposed after a no, a snooze, a park or a quarantine.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        return invocation.Output.Changed(await connection.Api.ReopenAsync(invocation.Get(_id), ct).ConfigureAwait(false));
    }
}
