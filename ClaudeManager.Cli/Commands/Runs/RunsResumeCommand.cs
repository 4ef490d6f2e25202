using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsResumeCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The run's number." };

    public RunsResumeCommand(CommandRunner runner)
        : base("resume", "Go on from a run's last snapshot and session.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        return invocation.Output.Accepted(await connection.Api.ResumeRunAsync(invocation.Get(_id), ct).ConfigureAwait(false));
    }
}
