using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.Repositories;

/// <summary>One repository: its dry run while it waits to be accepted, its work and its scan after that.</summary>
public sealed partial class RepositoryPage
{
    private const int MostItems = 12;

    private static readonly WorkItemState[] s_open =
        [WorkItemState.Proposed, WorkItemState.Approved, WorkItemState.Queued, WorkItemState.Running, WorkItemState.Review, WorkItemState.Parked, WorkItemState.Conflict, WorkItemState.Quarantined];

    private long _loadedId;
    private long? _lookingAt;
    private RepositoryDto? _repository;
    private ScanPreviewDto? _preview;
    private IReadOnlyList<WorkItemDto> _items = [];

    [Inject]
    public required NavigationManager Navigation { get; init; }

    [Inject]
    public required IDialogService Dialogs { get; init; }

    [Inject]
    public required ISnackbar Snackbar { get; init; }

    [Parameter]
    public long Id { get; set; }

    protected override async Task OnParametersSetAsync()
    {
        if (_loadedId != Id)
        {
            (_loadedId, _repository, _preview, _items) = (Id, null, null, []);
            await RefreshAsync();
        }
    }

    protected override async Task LoadAsync(CancellationToken ct)
    {
        _repository = await Api.GetRepositoryAsync(Id, ct);
        _items = (await Api.ListWorkItemsAsync(s_open, Id, null, null, 0, MostItems, ct)).Items;
        // A live refresh in the middle of the dry run shows how far it is; it does not start another.
        if (!_repository.Accepted && _preview is null && _lookingAt != Id)
        {
            StateHasChanged();
            var id = Id;
            _lookingAt = id;
            try
            {
                var preview = await Api.PreviewRepositoryAsync(id, explain: false, ct);
                _preview = id == Id ? preview : _preview;
            }
            finally
            {
                _lookingAt = _lookingAt == id ? null : _lookingAt;
            }
        }
    }

    protected override bool Concerns(ChangeEventDto change)
        => (change.SubjectType == "repository" && change.SubjectId == Id) || change.Type.StartsWith("work_item.", StringComparison.Ordinal);

    private Task<bool> AcceptAsync() => ActAsync(async ct =>
    {
        Report(await Api.AcceptRepositoryAsync(Id, ct));
        await LoadAsync(ct);
    });

    private Task<bool> ScanAsync(bool full) => ActAsync(async ct =>
    {
        Report(await Api.ScanRepositoryAsync(Id, full, propose: null, ct));
        await LoadAsync(ct);
    });

    private async Task RemoveAsync()
    {
        var sure = await Dialogs.ShowMessageBoxAsync(
            new MessageBoxOptions
            {
                Title = $"Remove {_repository!.Name}?",
                Message = "Its findings, work items and runs are removed from Claude Manager. The repository itself, its branches and its files stay as they are. What is written in the audit log stays.",
                YesText = "Remove",
                CancelText = "Keep it",
            },
            new DialogOptions());
        if (sure == true && await ActAsync(ct => Api.RemoveRepositoryAsync(Id, ct)))
        {
            Snackbar.Add($"{_repository.Name} removed.", Severity.Normal);
            Navigation.NavigateTo("/repositories");
        }
    }

    private void Report(ScanResultDto result) => Snackbar.Add(ScanSummary.Of(result), result.Error is null ? Severity.Success : Severity.Error);
}
