using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Shared;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.SystemState;

/// <summary>What every live process says of itself. No event tells of it, so it is looked at again while somebody looks.</summary>
public sealed partial class SystemPage
{
    private const int Recent = 50;

    private FleetDto? _fleet;
    private IReadOnlyList<(GitHubBudgetDto Budget, string Role)> _budgets = [];
    private IReadOnlyList<(BreakerDto Breaker, string Role)> _breakers = [];
    private IReadOnlyList<(ErrorGroupDto Group, string Role)> _groups = [];
    private IReadOnlyList<(ErrorDto Error, string Role)> _recent = [];

    [Inject]
    public required IDialogService Dialogs { get; init; }

    [Inject]
    public required ViewerClock Clock { get; init; }

    protected override async Task OnInitializedAsync()
    {
        Clock.Ticked += OnTicked;
        await RefreshAsync();
    }

    protected override async Task LoadAsync(CancellationToken ct) => Show(await Api.GetFleetAsync(Recent, ct));

    protected override bool Concerns(ChangeEventDto change) => false;

    protected override void Dispose(bool disposing)
    {
        Clock.Ticked -= OnTicked;
        base.Dispose(disposing);
    }

    private void Show(FleetDto fleet)
    {
        _fleet = fleet;
        _budgets = [.. fleet.Instances.SelectMany(i => i.GitHub.Select(b => (b, i.Role)))];
        _breakers = [.. fleet.Instances.SelectMany(i => i.Breakers.Select(b => (b, i.Role)))];
        _groups = [.. fleet.Instances.SelectMany(i => i.Errors.Groups.Select(g => (g, i.Role))).OrderByDescending(g => g.g.LastSeen)];
        _recent = [.. fleet.Instances.SelectMany(i => i.Errors.Recent.Select(e => (e, i.Role))).OrderByDescending(e => e.e.At).Take(Recent)];
    }

    private void OnTicked() => _ = InvokeAsync(async () =>
    {
        await RefreshAsync();
        StateHasChanged();
    });

    private async Task IsolateAsync(BreakerDto breaker)
    {
        const string Question = "No process calls there until the breaker is reset. The reason is kept in the audit.";
        if (await ReasonDialog.AskAsync(Dialogs, $"Isolate {breaker.Name}?", Question, "Isolate", "isolate") is { } reason)
        {
            await ActAsync(async ct =>
            {
                await Api.IsolateBreakerAsync(new IsolateBreakerRequest(breaker.Name, reason), ct);
                await LoadAsync(ct);
            });
        }
    }

    private Task<bool> ResetAsync(BreakerDto breaker) => ActAsync(async ct =>
    {
        await Api.ResetBreakerAsync(new ResetBreakerRequest(breaker.Name), ct);
        await LoadAsync(ct);
    });

    private static string Kept(string source) => source switch
    {
        "shared" => "in Redis, for all processes",
        "local_share" => "here, as this process's share, because Redis is away",
        _ => "in this process",
    };

    private static string Saved(GitHubBudgetDto budget) => $"{Words.Count((int)Math.Min(budget.NotModified, int.MaxValue))} of {Words.Count((int)Math.Min(budget.Requests, int.MaxValue), "answer", "answers")} unchanged, which is free";

    private static string Name(CircuitPosition state) => state switch
    {
        CircuitPosition.Closed => "Closed",
        CircuitPosition.Open => "Open",
        CircuitPosition.HalfOpen => "Trying",
        _ => "Isolated",
    };

    private static string Tone(CircuitPosition state) => state switch
    {
        CircuitPosition.Closed => "good",
        CircuitPosition.Open => "bad",
        CircuitPosition.HalfOpen => "busy",
        _ => "warn",
    };
}
