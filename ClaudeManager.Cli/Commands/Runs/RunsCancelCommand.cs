using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsCancelCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The run's number." };

    public RunsCancelCommand(CommandRunner runner)
        : base("cancel", "Stop a run; what it has done so far is kept.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        return invocation.Output.Changed(await connection.Api.CancelRunAsync(invocation.Get(_id), ct).ConfigureAwait(false));
    }
}
