using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>One confirmation for several approvals: what each would bind, what all may cost, then what became of each.</summary>
public sealed partial class ApproveManyDialog : IDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private IReadOnlyList<BulkPreviewDto>? _previews;
    private IReadOnlyList<string> _tools = [];
    private BulkResultDto? _result;
    private Problem? _problem;
    private string? _agent;
    private decimal _budget;
    private bool _busy;

    [Inject]
    public required ManagerApiClient Api { get; init; }

    [CascadingParameter]
    public required IMudDialogInstance Dialog { get; set; }

    [Parameter, EditorRequired]
    public IReadOnlyList<long> Ids { get; set; } = [];

    private string Title => _result is null ? $"Approve {Words.Count(Ids.Count, "work item", "work items")}"
        : $"{Words.Count(_result.Done)} approved{(_result.Refused == 0 ? "" : $", {Words.Count(_result.Refused)} refused")}";

    private List<BulkPreviewDto> Ready => [.. (_previews ?? []).Where(item => item.Preview is not null)];

    private List<BulkPreviewDto> LeftOut => [.. (_previews ?? []).Where(item => item.Preview is null)];

    private decimal MaxBudget => Ready.Min(item => item.Preview!.MaxBudgetUsd);

    private bool BudgetIsValid => Ready.Count > 0 && _budget > 0 && _budget <= MaxBudget;

    private bool TakeTools => Ready.Any(item => ProgramOf(item.Preview!) is { TakesTools: true });

    private bool MayApprove => !_busy && BudgetIsValid && (_tools.Count > 0 || !TakeTools);

    private IEnumerable<(string Agent, AgentProgramDto? Program, SandboxLevel Sandbox)> Programs
        => Ready.Select(item => (item.Preview!.DefaultAgent, ProgramOf(item.Preview), item.Preview.Sandbox)).DistinctBy(one => (one.DefaultAgent, one.Item2?.Sha256, one.Sandbox));

    /// <returns>What became of each; null when nothing was decided.</returns>
    public static async Task<BulkResultDto?> AskAsync(IDialogService dialogs, IReadOnlyList<long> ids)
    {
        var dialog = await dialogs.ShowAsync<ApproveManyDialog>(null, new DialogParameters<ApproveManyDialog> { { d => d.Ids, ids } }, new DialogOptions { MaxWidth = MaxWidth.Medium, FullWidth = true });

        // However it was left: what was decided is decided.
        await dialog.Result;
        return (dialog.Dialog as ApproveManyDialog)?._result;
    }

    public void Dispose()
    {
        _gone.Cancel();
        _gone.Dispose();
    }

    protected override Task OnInitializedAsync() => LoadAsync(null);

    private static AgentProgramDto? ProgramOf(ApprovalPreviewDto preview) => preview.Agents.FirstOrDefault(agent => agent.Name == preview.DefaultAgent)?.Program;

    private static string Invariant(decimal amount) => amount.ToString(CultureInfo.InvariantCulture);

    private Task LoadAsync(string? agent) => TryAsync(async ct =>
    {
        _agent = agent;
        _previews = await Api.PreviewApprovalsAsync(Ids, agent, ct);
        if (Ready is [var first, ..] && _budget == 0)
        {
            (_budget, _tools) = (first.Preview!.DefaultBudgetUsd, first.Preview.Tools);
        }
    });

    private Task OnAgentAsync(ChangeEventArgs change) => LoadAsync(change.Value is string { Length: > 0 } agent ? agent : null);

    private void OnBudget(ChangeEventArgs change)
        => _budget = decimal.TryParse(change.Value as string, NumberStyles.Number, CultureInfo.InvariantCulture, out var budget) ? budget : -1;

    private Task ApproveAsync() => TryAsync(async ct =>
    {
        var decided = await Api.ApproveManyAsync(new BulkApproveRequest([.. Ready.Select(item => new BulkApproval(item.Id, RequestOf(item.Preview!)))]), ct);
        BulkOutcomeDto[] leftOut = [.. LeftOut.Select(item => new BulkOutcomeDto(item.Id, item.Title, null, item.Refusal))];
        _result = new BulkResultDto(decided.Done, decided.Refused + leftOut.Length, [.. decided.Items, .. leftOut]);
        Dialog.StateHasChanged();
    });

    /// <summary>Everything that was shown, so that nothing else is approved.</summary>
    private ApproveRequest RequestOf(ApprovalPreviewDto preview)
    {
        var program = ProgramOf(preview);
        return new ApproveRequest(preview.Version, preview.PromptSha256, preview.DefaultAgent, _budget, program is { TakesTools: true } ? _tools : preview.Tools, program?.Sha256);
    }

    private async Task TryAsync(Func<CancellationToken, Task> act)
    {
        (_busy, _problem) = (true, null);
        try
        {
            await act(_gone.Token);
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            // The dialog was closed.
        }
        catch (Exception exception)
        {
            _problem = Problem.From(exception);
        }
        finally
        {
            _busy = false;
        }
    }
}
