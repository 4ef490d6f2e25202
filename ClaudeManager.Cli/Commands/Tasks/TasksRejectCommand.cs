using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksRejectCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };
    private readonly Option<string> _reason = new("--reason") { Description = "Why; it is kept, and the finding is not proposed again.", Required = true };

    public TasksRejectCommand(CommandRunner runner)
        : base("reject", "Say no, with a reason.")
    {
        Arguments.Add(_id);
        Options.Add(_reason);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var item = await connection.Api.GetWorkItemAsync(invocation.Get(_id), ct).ConfigureAwait(false);
        return invocation.Output.Changed(await connection.Api.RejectAsync(item.Item.Id, new RejectRequest(item.Item.Version, invocation.Get(_reason)!), ct).ConfigureAwait(false));
    }
}
