using System.CommandLine;

namespace ClaudeManager.Cli.Commands.Security;

internal sealed class BlocksListCommand : Command
{
    public BlocksListCommand(CommandRunner runner)
        : base("list", "List the clients that are shut out now, and why.")
        => runner.Handle(this, RunAsync);

    private static async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var blocks = await connection.Api.ListClientBlocksAsync(ct).ConfigureAwait(false);
        var output = invocation.Output;
        output.Result(blocks, () => output.Table(
            ["Id", "Client", "Why", "Times", "Since", "Until"],
            blocks.Select(block => new[] { $"{block.Id}", block.Client, block.Reason, $"{block.Times}", output.Time(block.BlockedAt), output.Time(block.Until) })));
        return ExitCode.Ok;
    }
}
