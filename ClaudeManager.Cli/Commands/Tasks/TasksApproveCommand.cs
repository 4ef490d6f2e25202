using System.CommandLine;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksApproveCommand : Command
{
    private readonly Argument<long> _id = new("id") { Description = "The work item's number." };
    private readonly Option<string?> _agent = new("--agent", "-a") { Description = "claude-code or command:NAME; default: as configured." };
    private readonly Option<decimal?> _budget = new("--budget") { Description = "US dollars this run may cost." };
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "Do not ask." };

    public TasksApproveCommand(CommandRunner runner)
        : base("approve", "Show exactly what an agent would be sent, and approve that.")
    {
        Arguments.Add(_id);
        Options.Add(_agent);
        Options.Add(_budget);
        Options.Add(_yes);
        runner.Handle(this, RunAsync);
    }

    /// <summary>Shows the preview, asks, and approves the very text that was shown.</summary>
    /// <returns>Null when the answer was no.</returns>
    public static async Task<WorkItemDetailDto?> ApproveAsync(ManagerApiClient api, Invocation invocation, long id, string? agent, decimal? budget, bool yes, CancellationToken ct)
    {
        var preview = await api.PreviewApprovalAsync(id, agent, ct).ConfigureAwait(false);
        if (!yes)
        {
            invocation.Output.ApprovalPreview(preview);
            if (!invocation.Output.Confirm("Approve this?"))
            {
                return null;
            }
        }

        return await api.ApproveAsync(id, new ApproveRequest(preview.Version, preview.PromptSha256, agent, budget), ct).ConfigureAwait(false);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var item = await ApproveAsync(connection.Api, invocation, invocation.Get(_id), invocation.Get(_agent), invocation.Get(_budget), invocation.Get(_yes), ct).ConfigureAwait(false);
        return item is null ? ExitCode.Denied : invocation.Output.Changed(item);
    }
}
