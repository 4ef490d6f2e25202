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

    protected override bool Concerns(ChangeEventDto change) => change.SubjectType is not null && change.Type != "run.output";

    private static (string Name, string Link)? SubjectOf(ActivityDto entry) => (entry.SubjectType, entry.SubjectId) switch
    {
        ("work_item", { } id) => ($"Work item {id}", $"/work-items/{id}"),
        ("run", { } id) => ($"Run {id}", $"/runs/{id}"),
        ("repository", { } id) => ($"Repository {id}", $"/repositories/{id}"),
        _ => null,
    };

    /// <summary>The event's own words; one that has none says at least what kind of event it was.</summary>
    private static string Sentence(ActivityDto entry)
        => " " + Visible.Text(string.IsNullOrWhiteSpace(entry.Text) ? entry.Type[(entry.Type.LastIndexOf('.') + 1)..].Replace('_', ' ') : entry.Text.Replace('_', ' '));

    private static string Invariant(decimal amount) => amount.ToString(CultureInfo.InvariantCulture);

    private int Count(WorkItemState state) => _overview!.WorkItemsByState.GetValueOrDefault(ManagerJson.Name(state));

    private Task<bool> AddSampleAsync() => ActAsync(async ct =>
    {
        await Api.AddSampleAsync(ct);
        await LoadAsync(ct);
    });

    private void OnAdded(RepositoryDto repository) => Navigation.NavigateTo($"/repositories/{repository.Id}");
}
