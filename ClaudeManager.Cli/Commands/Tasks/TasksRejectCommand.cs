using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksRejectCommand : Command
{
    private readonly Argument<long[]> _ids = WorkItemIds.Argument();
    private readonly Option<string> _reason = new("--reason") { Description = "Why; it is kept, and the finding is not proposed again.", Required = true };

    public TasksRejectCommand(CommandRunner runner)
        : base("reject", "Say no, with a reason.")
    {
        Arguments.Add(_ids);
        Options.Add(_reason);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var items = await connection.Api.FindItemsAsync(invocation.Get(_ids)!, ct).ConfigureAwait(false);
        return items is [var item]
            ? invocation.Output.Changed(await connection.Api.RejectAsync(item.Id, new RejectRequest(item.Version, invocation.Get(_reason)!), ct).ConfigureAwait(false))
            : invocation.Output.Decided(await connection.Api.RejectManyAsync(new BulkRejectRequest(items, invocation.Get(_reason)!), ct).ConfigureAwait(false));
    }
}
