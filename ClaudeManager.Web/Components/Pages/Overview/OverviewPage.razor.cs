using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Overview;

/// <summary>What needs a person now, what runs, what has happened. Without a repository: the two ways to begin.</summary>
public sealed partial class OverviewPage
{
    private const int LongestSentence = 140;

    private OverviewDto? _overview;

    [Inject]
    public required NavigationManager Navigation { get; init; }

    private int NeedsYou => _overview is null ? 0 : _overview.DryRuns.Count + Count(WorkItemState.Proposed) + Count(WorkItemState.Review) + Troubled;

    private int Troubled => Count(WorkItemState.Parked) + Count(WorkItemState.Conflict) + Count(WorkItemState.Quarantined);

    private string Summary
    {
        get
        {
            var repositories = Words.Count(_overview!.Repositories, "repository", "repositories");
            return NeedsYou == 0
                ? $"{repositories}. Nothing needs you now."
                : $"{repositories}. {Words.Count(NeedsYou, "thing needs", "things need")} you.";
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

    /// <summary>The event's own words, as one short line; one that names no state says at least what kind of event it was.</summary>
    private static string Sentence(ActivityDto entry)
    {
        var (state, rest) = entry.Text.Split(" · ", 2) is [var first, var second] ? (first, second) : (entry.Text, "");
        var what = (entry.SubjectType, state) switch
        {
            (_, "") => entry.Type[(entry.Type.LastIndexOf('.') + 1)..].Replace('_', ' '),
            ("repository", "never") => "added",
            ("repository", "ok") => "scanned",
            ("repository", "preview") => "scanned, waits for you",
            ("repository", "failed") => "scan failed",
            ("repository", "unavailable") => "not to be had",
            _ => state.Replace('_', ' '),
        };
        var line = rest.ReplaceLineEndings(" ");
        return " " + Visible.Text(what + (line.Length == 0 ? "" : " · " + (line.Length > LongestSentence ? line[..LongestSentence] + "…" : line)));
    }

    private static string Invariant(decimal amount) => amount.ToString(CultureInfo.InvariantCulture);

    private int Count(WorkItemState state) => _overview!.WorkItemsByState.GetValueOrDefault(ManagerJson.Name(state));

    private Task<bool> AddSampleAsync() => ActAsync(async ct =>
    {
        await Api.AddSampleAsync(ct);
        await LoadAsync(ct);
    });

    private Task<bool> RetryOutboxAsync() => ActAsync(async ct =>
    {
        await Api.RetryOutboxAsync(ct);
        await LoadAsync(ct);
    });

    private void OnAdded(RepositoryDto repository) => Navigation.NavigateTo($"/repositories/{repository.Id}");
}
