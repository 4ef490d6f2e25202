using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Security;

internal sealed class BlocksLiftCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "Id of the block, from: claude-manager security blocks list" };

    public BlocksLiftCommand(CommandRunner runner)
        : base("lift", "Let a client in again.")
    {
        Arguments.Add(_id);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var lifted = await connection.Api.LiftClientBlockAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        invocation.Output.Result(lifted, () => invocation.Output.Say($"{lifted.Client} is let in again."));
        return ExitCode.Ok;
    }
}
