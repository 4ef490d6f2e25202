using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsRetryCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The run's number." };

    public RunsRetryCommand(CommandRunner runner)
        : base("retry", "A fresh run of the same item under the same approval.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        return invocation.Output.Accepted(await connection.Api.RetryRunAsync(invocation.Get(_id), ct).ConfigureAwait(false));
    }
}
