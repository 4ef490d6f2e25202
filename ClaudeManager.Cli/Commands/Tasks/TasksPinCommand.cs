using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksPinCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };
    private readonly Option<bool> _off = new("--off") { Description = "Unpin it." };

    public TasksPinCommand(CommandRunner runner)
        : base("pin", "Keep it at the top of the list.")
    {
        Arguments.Add(_id);
        Options.Add(_off);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var item = await connection.Api.GetWorkItemAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        return invocation.Output.Changed(await connection.Api.PinAsync(item.Item.Id, new PinRequest(item.Item.Version, !invocation.Get(_off)), ct).ConfigureAwait(false));
    }
}
