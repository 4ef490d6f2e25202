using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsShowCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The run's number." };

    public RunsShowCommand(CommandRunner runner)
        : base("show", "Show one run: how it stands or ended, what was verified, what it changed.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var run = await connection.Api.GetRunAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        invocation.Output.Result(run, () => invocation.Output.Detail(run));
        return ExitCode.Ok;
    }
}
