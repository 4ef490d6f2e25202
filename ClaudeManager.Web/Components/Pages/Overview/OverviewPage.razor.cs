using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Overview;

/// <summary>What needs a person now, what runs, what has happened. Without a repository: the two ways to begin.</summary>
public sealed partial class OverviewPage
{
    private OverviewDto? _overview;

    [Inject]
    public required NavigationManager Navigation { get; init; }

    private int NeedsYou => _overview is null ? 0 : Count(WorkItemState.Proposed) + Count(WorkItemState.Review) + Troubled;

    private int Troubled => Count(WorkItemState.Parked) + Count(WorkItemState.Conflict) + Count(WorkItemState.Quarantined);

    private string Summary
    {
        get
        {
            var repositories = Words.Count(_overview!.Repositories, "repository", "repositories");
            return NeedsYou == 0
                ? $"{repositories}. Nothing needs you now."
                : $"{repositories}. {Words.Count(NeedsYou, "work item needs", "work items need")} you.";
        }
    }

    protected override Task OnInitializedAsync() => RefreshAsync();

    protected override async Task LoadAsync(CancellationToken ct) => _overview = await Api.GetOverviewAsync(ct);

    protected override bool Concerns(ChangeEventDto change) => change.Type is not ("run.output" or "feed.state");

    private static string? LinkOf(ActivityDto entry) => (entry.SubjectType, entry.SubjectId) switch
    {
        ("work_item", { } id) => $"/work-items/{id}",
        ("run", { } id) => $"/runs/{id}",
        ("repository", { } id) => $"/repositories/{id}",
        _ => null,
    };

    private static string Invariant(decimal amount) => amount.ToString(CultureInfo.InvariantCulture);

    private int Count(WorkItemState state) => _overview!.WorkItemsByState.GetValueOrDefault(ManagerJson.Name(state));

    private Task<bool> AddSampleAsync() => ActAsync(async ct =>
    {
        await Api.AddSampleAsync(ct);
        await LoadAsync(ct);
    });

    private void OnAdded(RepositoryDto repository) => Navigation.NavigateTo($"/repositories/{repository.Id}");
}
