using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Shared;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web.Virtualization;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>Every work item, a window at a time; what is shown stands in the URL.</summary>
public sealed partial class WorkItemsPage
{
    private const float RowHeight = 58;
    private const int MostRepositories = 200;
    private const int MostAtOnce = 100;

    private static readonly StateView[] s_views =
    [
        new("all", "All", []),
        new("proposed", "Proposed", [WorkItemState.Proposed]),
        new("active", "Under way", [WorkItemState.Approved, WorkItemState.Queued, WorkItemState.Running]),
        new("review", "Review", [WorkItemState.Review]),
        new("stuck", "Stuck", [WorkItemState.Parked, WorkItemState.Conflict, WorkItemState.Quarantined]),
        new("done", "Done", [WorkItemState.Done]),
        new("put-aside", "Put aside", [WorkItemState.Rejected, WorkItemState.Snoozed, WorkItemState.Closed]),
    ];

    private static readonly (string Value, string Name)[] s_sorts = [("", "Highest score"), ("-updated", "Changed last"), ("updated", "Unchanged longest"), ("title", "Title"), ("id", "Oldest")];

    // As last shown: a decision says the version of each, so what changes unseen is refused.
    private readonly Dictionary<long, WorkItemDto> _selected = [];
    private Virtualize<WorkItemDto>? _rows;
    private IReadOnlyList<RepositoryDto> _repositories = [];
    private IReadOnlyDictionary<string, int> _counts = new Dictionary<string, int>();
    private int? _total;
    private string? _shown;

    [Inject]
    public required NavigationManager Navigation { get; init; }

    [Inject]
    public required IDialogService Dialogs { get; init; }

    [Inject]
    public required ISnackbar Snackbar { get; init; }

    [Inject]
    public required ViewerClock Clock { get; init; }

    [SupplyParameterFromQuery]
    public string? State { get; set; }

    [SupplyParameterFromQuery]
    public long? Repository { get; set; }

    [SupplyParameterFromQuery]
    public string? Search { get; set; }

    [SupplyParameterFromQuery]
    public string? Sort { get; set; }

    private IReadOnlyList<WorkItemState> States { get; set; } = [];

    private StateView? View => s_views.FirstOrDefault(view => view.States.SequenceEqual(States));

    private bool TooMany => _selected.Count > MostAtOnce;

    private bool AllSelected => _selected.Count > 0 && _selected.Count >= Math.Min(_total ?? 0, MostAtOnce);

    private bool IsFiltered => States.Count > 0 || Repository is not null || !string.IsNullOrEmpty(Search);

    protected override async Task OnParametersSetAsync()
    {
        States = [.. (State ?? "").Split(',').Select(Parse).OfType<WorkItemState>()];
        var filter = Url(States, Repository, Search, Sort);
        if (_shown != filter)
        {
            _shown = filter;
            _selected.Clear();
            await RefreshAsync();
        }
    }

    protected override async Task LoadAsync(CancellationToken ct)
    {
        _repositories = (await Api.ListRepositoriesAsync(0, MostRepositories, ct)).Items;
        _counts = (await Api.GetOverviewAsync(ct)).WorkItemsByState;
        if (_rows is not null)
        {
            await _rows.RefreshDataAsync();
        }
    }

    protected override bool Concerns(ChangeEventDto change) => change.Type.StartsWith("work_item.", StringComparison.Ordinal) || change.Type.StartsWith("repository.", StringComparison.Ordinal);

    private static WorkItemState? Parse(string name)
    {
        foreach (var state in Enum.GetValues<WorkItemState>())
        {
            if (ManagerJson.Name(state) == name)
            {
                return state;
            }
        }

        return null;
    }

    private static string Url(IReadOnlyList<WorkItemState> states, long? repository, string? search, string? sort)
    {
        List<string> query = [];
        Add("state", string.Join(',', states.Select(ManagerJson.Name)));
        Add("repository", repository?.ToString(CultureInfo.InvariantCulture));
        Add("search", search);
        Add("sort", sort);
        return query.Count == 0 ? "/work-items" : "/work-items?" + string.Join('&', query);

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                query.Add($"{name}={Uri.EscapeDataString(value)}");
            }
        }
    }

    private int? CountOf(StateView view)
        => view.States.Count == 0 || Repository is not null || !string.IsNullOrEmpty(Search) ? null : view.States.Sum(state => _counts.GetValueOrDefault(ManagerJson.Name(state)));

    private async ValueTask<ItemsProviderResult<WorkItemDto>> LoadRowsAsync(ItemsProviderRequest request)
    {
        try
        {
            // Nothing is asked for when the list was empty a moment ago; how many there are is still wanted.
            var page = await Api.ListWorkItemsAsync(States, Repository, Search, Sort, request.StartIndex, Math.Max(1, request.Count), request.CancellationToken);
            foreach (var item in page.Items.Where(item => _selected.ContainsKey(item.Id)))
            {
                _selected[item.Id] = item;
            }

            if (_total != page.Total)
            {
                _total = page.Total;
                StateHasChanged();
            }

            return new(page.Items.Take(request.Count), page.Total);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Fail(exception);
            return new([], 0);
        }
    }

    private void Select(WorkItemDto item, bool chosen)
    {
        if (chosen)
        {
            _selected[item.Id] = item;
        }
        else
        {
            _selected.Remove(item.Id);
        }
    }

    private async Task OnSelectAllAsync(ChangeEventArgs change)
    {
        _selected.Clear();
        if (change.Value is true)
        {
            await ActAsync(async ct =>
            {
                foreach (var item in (await Api.ListWorkItemsAsync(States, Repository, Search, Sort, 0, MostAtOnce, ct)).Items)
                {
                    _selected[item.Id] = item;
                }
            });
        }
    }

    private async Task ApproveSelectedAsync()
    {
        if (await ApproveManyDialog.AskAsync(Dialogs, [.. _selected.Keys]) is { } result)
        {
            await DecidedAsync(result);
        }
    }

    private Task SnoozeSelectedAsync(int days)
        => DecideAsync("snoozed", (items, ct) => Api.SnoozeManyAsync(new BulkSnoozeRequest(items, Clock.Now.AddDays(days)), ct));

    private async Task RejectSelectedAsync()
    {
        IReadOnlyList<BulkItem> seen = Seen;
        const string question = "Why? It is remembered with each of them: these findings are not proposed again while their text stays the same, and your no counts in the ranking of their kinds.";
        if (await ReasonDialog.AskAsync(Dialogs, $"Reject {Words.Count(seen.Count, "work item", "work items")}", question, "Reject", "reject") is { } reason)
        {
            await DecideAsync("rejected", (_, ct) => Api.RejectManyAsync(new BulkRejectRequest(seen, reason), ct));
        }
    }

    private IReadOnlyList<BulkItem> Seen => [.. _selected.Values.Select(item => new BulkItem(item.Id, item.Version))];

    private async Task DecideAsync(string done, Func<IReadOnlyList<BulkItem>, CancellationToken, Task<BulkResultDto>> decide)
    {
        BulkResultDto? result = null;
        if (!await ActAsync(async ct => result = await decide(Seen, ct)))
        {
            return;
        }

        await DecidedAsync(result!);
        if (result!.Refused == 0)
        {
            Snackbar.Add($"{Words.Count(result.Done, "work item", "work items")} {done}.", Severity.Success);
        }
        else
        {
            await OutcomesDialog.ShowAsync(Dialogs, $"{Words.Count(result.Done)} {done}, {Words.Count(result.Refused)} refused", result);
        }
    }

    /// <summary>What was refused stays selected: it is what is left to look at.</summary>
    private async Task DecidedAsync(BulkResultDto result)
    {
        foreach (var outcome in result.Items.Where(outcome => outcome.Refusal is null))
        {
            _selected.Remove(outcome.Id);
        }

        await RefreshAsync();
    }

    private void OnSearch(ChangeEventArgs change) => Navigation.NavigateTo(Url(States, Repository, change.Value as string, Sort));

    private void OnRepository(ChangeEventArgs change)
        => Navigation.NavigateTo(Url(States, long.TryParse(change.Value as string, CultureInfo.InvariantCulture, out var id) ? id : null, Search, Sort));

    private void OnSort(ChangeEventArgs change) => Navigation.NavigateTo(Url(States, Repository, Search, change.Value as string));

    private sealed record StateView(string Key, string Name, IReadOnlyList<WorkItemState> States);
}
