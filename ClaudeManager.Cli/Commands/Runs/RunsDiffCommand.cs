using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsDiffCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The run's number." };

    public RunsDiffCommand(CommandRunner runner)
        : base("diff", "The result as a patch, e.g. for `git am`. With --format json: the files and their changes.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        if (!invocation.Output.IsJson)
        {
            invocation.Output.Raw(await connection.Api.GetRunPatchAsync(invocation.Get(_id), ct).ConfigureAwait(false));
            return ExitCode.Ok;
        }

        var run = await connection.Api.GetRunAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        invocation.Output.Result(run.Diff ?? throw new CommandFailedException(ExitCode.NotFound, $"Run {run.Run.Id} has no result."), () => { });
        return ExitCode.Ok;
    }
}
