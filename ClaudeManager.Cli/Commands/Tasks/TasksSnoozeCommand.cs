using System.CommandLine;
using System.Globalization;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksSnoozeCommand : Command
{
    private readonly Argument<long[]> _ids = WorkItemIds.Argument();
    private readonly Option<DateTimeOffset> _until = new("--until")
    {
        Description = "Until when: 2027-01-31, or 2027-01-31T09:00 (local time unless it names an offset).",
        Required = true,
        CustomParser = result =>
        {
            if (!DateTimeOffset.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var until))
            {
                result.AddError("--until takes a date such as 2027-01-31 or 2027-01-31T09:00.");
            }

            return until;
        },
    };

    public TasksSnoozeCommand(CommandRunner runner)
        : base("snooze", "Put it away until a day.")
    {
        Arguments.Add(_ids);
        Options.Add(_until);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var items = await connection.Api.FindItemsAsync(invocation.Get(_ids)!, ct).ConfigureAwait(false);
        return items is [var item]
            ? invocation.Output.Changed(await connection.Api.SnoozeAsync(item.Id, new SnoozeRequest(item.Version, invocation.Get(_until)), ct).ConfigureAwait(false))
            : invocation.Output.Decided(await connection.Api.SnoozeManyAsync(new BulkSnoozeRequest(items, invocation.Get(_until)), ct).ConfigureAwait(false));
    }
}
