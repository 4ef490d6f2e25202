using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksApproveCommand : Command
{
    /// <summary>As many as one call of the API decides on.</summary>
    private const int MostAtOnce = 100;

    private readonly Argument<long[]> _ids = WorkItemIds.Argument(optional: true);
    private readonly Option<bool> _all = new("--all") { Description = "Every proposed item, best first, as far as --min-score and --repo let it; at most 100." };
    private readonly Option<double?> _minScore = new("--min-score") { Description = "With --all: only items with at least this score." };
    private readonly Option<string?> _repository = new("--repo", "-r") { Description = "With --all: only this repository: name, id or path." };
    private readonly Option<string?> _agent = new("--agent", "-a") { Description = "claude-code, claude-flow, mention or command:NAME; default: as configured." };
    private readonly Option<decimal?> _budget = new("--budget") { Description = "US dollars each run may cost." };
    private readonly Option<string[]> _tools = new("--tool") { Description = "Only this one of the allowed tools (repeatable).", DefaultValueFactory = _ => [] };
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "Do not ask." };

    public TasksApproveCommand(CommandRunner runner)
        : base("approve", "Show exactly what an agent would be sent, and approve that. Several items at once: what each would be approved with, one question, one answer per item.")
    {
        Arguments.Add(_ids);
        Options.Add(_all);
        Options.Add(_minScore);
        Options.Add(_repository);
        Options.Add(_agent);
        Options.Add(_budget);
        Options.Add(_tools);
        Options.Add(_yes);
        Validators.Add(result =>
        {
            var all = result.GetValue(_all);
            if (all == (result.GetValue(_ids) is { Length: > 0 }))
            {
                result.AddError("Name the work items, or say --all.");
            }
            else if (!all && (result.GetValue(_minScore) is not null || result.GetValue(_repository) is not null))
            {
                result.AddError("--min-score and --repo go with --all.");
            }
        });
        runner.Handle(this, RunAsync);
    }

    /// <summary>Shows the preview, asks, and approves the very text that was shown.</summary>
    /// <returns>Null when the answer was no.</returns>
    public static async Task<WorkItemDetailDto?> ApproveAsync(ManagerApiClient api, Invocation invocation, long id, Choice choice, bool yes, CancellationToken ct)
    {
        var preview = await api.PreviewApprovalAsync(id, choice.Agent, ct).ConfigureAwait(false);
        if (!yes)
        {
            invocation.Output.ApprovalPreview(preview, choice);
            if (!invocation.Output.Confirm("Approve this?"))
            {
                return null;
            }
        }

        return await api.ApproveAsync(id, choice.Of(preview), ct).ConfigureAwait(false);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        var choice = new Choice(invocation.Get(_agent), invocation.Get(_budget), invocation.Get(_tools) is { Length: > 0 } tools ? tools : null);
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        if (invocation.Get(_ids) is [var id])
        {
            var item = await ApproveAsync(connection.Api, invocation, id, choice, invocation.Get(_yes), ct).ConfigureAwait(false);
            return item is null ? ExitCode.Denied : invocation.Output.Changed(item);
        }

        return await ApproveManyAsync(connection.Api, invocation, choice, ct).ConfigureAwait(false);
    }

    private async Task<int> ApproveManyAsync(ManagerApiClient api, Invocation invocation, Choice choice, CancellationToken ct)
    {
        var ids = invocation.Get(_all) ? await FindAllAsync(api, invocation, ct).ConfigureAwait(false) : invocation.Get(_ids)!;
        if (ids.Count == 0)
        {
            invocation.Output.Result(new BulkResultDto(0, 0, []), () => invocation.Output.Say("Nothing is proposed that fits."));
            return ExitCode.Ok;
        }

        var previews = await api.PreviewApprovalsAsync(ids, choice.Agent, ct).ConfigureAwait(false);
        if (!invocation.Get(_yes))
        {
            invocation.Output.ApprovalPreviews(previews, choice);
        }

        var ready = previews.Where(p => p.Preview is not null).ToList();
        if (ready.Count == 0)
        {
            throw new CommandFailedException(ExitCode.Conflict, "None of them can be approved: " + string.Join(" ", previews.Select(p => $"{p.Id}: {p.Refusal!.Why}")));
        }

        if (!invocation.Get(_yes) && !invocation.Output.Confirm($"Approve {(ready.Count == 1 ? "this one" : $"these {ready.Count}")}?"))
        {
            return ExitCode.Denied;
        }

        var decided = await api.ApproveManyAsync(new BulkApproveRequest([.. ready.Select(p => new BulkApproval(p.Id, choice.Of(p.Preview!)))]), ct).ConfigureAwait(false);
        BulkOutcomeDto[] refused = [.. previews.Where(p => p.Preview is null).Select(p => new BulkOutcomeDto(p.Id, p.Title, null, p.Refusal))];
        return invocation.Output.Decided(new BulkResultDto(decided.Done, decided.Refused + refused.Length, [.. decided.Items, .. refused]));
    }

    private async Task<IReadOnlyList<long>> FindAllAsync(ManagerApiClient api, Invocation invocation, CancellationToken ct)
    {
        long? repository = invocation.Get(_repository) is { } name ? (await api.FindRepositoryAsync(name, invocation.WorkingDirectory, ct).ConfigureAwait(false)).Id : null;
        var page = await api.ListWorkItemsAsync([WorkItemState.Proposed], repository, null, null, 0, MostAtOnce, ct).ConfigureAwait(false);
        return [.. page.Items.Where(item => item.Score >= (invocation.Get(_minScore) ?? 0)).Select(item => item.Id)];
    }

    /// <summary>What the operator chose; where nothing, what the preview showed.</summary>
    internal sealed record Choice(string? Agent = null, decimal? BudgetUsd = null, IReadOnlyList<string>? Tools = null)
    {
        /// <summary>Says everything that was shown, so that a default that has changed meanwhile is not approved unseen.</summary>
        public ApproveRequest Of(ApprovalPreviewDto preview)
            => new(preview.Version, preview.PromptSha256, AgentOf(preview), BudgetOf(preview), ToolsOf(preview), ProgramOf(preview)?.Sha256);

        public string AgentOf(ApprovalPreviewDto preview) => Agent ?? preview.DefaultAgent;

        public decimal BudgetOf(ApprovalPreviewDto preview) => BudgetUsd ?? preview.DefaultBudgetUsd;

        public IReadOnlyList<string> ToolsOf(ApprovalPreviewDto preview) => Tools ?? preview.Tools;

        public AgentProgramDto? ProgramOf(ApprovalPreviewDto preview) => preview.Agents.FirstOrDefault(agent => agent.Name == AgentOf(preview))?.Program;
    }
}
