using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Runs;

internal sealed class RunsLogsCommand : Command
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    private readonly Argument<long> _id = new("id") { Description = "The run's number." };
    private readonly Option<bool> _follow = new("--follow", "-f") { Description = "Go on until the run has ended." };

    public RunsLogsCommand(CommandRunner runner)
        : base("logs", "What the agent said and did. With --format json: one event a line.")
    {
        Arguments.Add(_id);
        Options.Add(_follow);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var id = invocation.Get(_id);
        var transcript = new RunTranscript(connection.Api, id);
        while (true)
        {
            // The state is read first: whatever is stored after it says "ended" is read below.
            var run = await connection.Api.GetRunAsync(id, ct).ConfigureAwait(false);
            await foreach (var item in transcript.ReadNewAsync(ct).ConfigureAwait(false))
            {
                invocation.Output.ResultLine(item, () => invocation.Output.EventText(item));
            }

            if (!invocation.Get(_follow) || run.Run.State == RunState.Ended)
            {
                return ExitCode.Ok;
            }

            await Task.Delay(s_pause, invocation.Time, ct).ConfigureAwait(false);
        }
    }
}
