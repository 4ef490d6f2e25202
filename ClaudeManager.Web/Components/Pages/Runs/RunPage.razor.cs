using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Components.Shared;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>One run as it happens, and what came of it.</summary>
public sealed partial class RunPage
{
    private const int EventsAtOnce = 500;

    private static readonly TimeSpan s_outputInterval = TimeSpan.FromMilliseconds(300);

    // Two subscriptions load at their own pace; the transcript must not get an event twice.
    private readonly SemaphoreSlim _loadingEvents = new(1);
    private readonly List<RunEventDto> _events = [];
    private IDisposable? _output;
    private long _loadedId;
    private RunDetailDto? _detail;

    [Inject]
    public required NavigationManager Navigation { get; init; }

    [Inject]
    public required IDialogService Dialogs { get; init; }

    [Parameter]
    public long Id { get; set; }

    private bool CanResume => _detail is { Run.State: RunState.Parked } or { Run: { State: RunState.Ended, EndReason: not (RunEndReason.Completed or RunEndReason.NoChanges) }, WipReference: not null };

    private bool CanLiftBlock => _detail is { Run: { State: RunState.Ended, EndReason: RunEndReason.PolicyBlocked, ResultCommit: not null }, Gate.Passed: false };

    protected override void OnInitialized()
    {
        base.OnInitialized();
        _output = Feed.Subscribe(change => change.Type == "run.output" && change.SubjectId == Id, s_outputInterval, () => InvokeAsync(async () =>
        {
            await LoadEventsAsync(Gone);
            StateHasChanged();
        }));
    }

    protected override async Task OnParametersSetAsync()
    {
        if (_loadedId != Id)
        {
            (_loadedId, _detail) = (Id, null);
            _events.Clear();
            await RefreshAsync();
        }
    }

    protected override async Task LoadAsync(CancellationToken ct)
    {
        _detail = await Api.GetRunAsync(Id, ct);
        await LoadEventsAsync(ct);
    }

    protected override bool Concerns(ChangeEventDto change) => change.Type != "run.output" && change.SubjectType == "run" && change.SubjectId == Id;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _output?.Dispose();
            _loadingEvents.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task LoadEventsAsync(CancellationToken ct)
    {
        await _loadingEvents.WaitAsync(ct);
        try
        {
            while (true)
            {
                var id = Id;
                var more = await Api.GetRunEventsAsync(id, _events.Count == 0 ? 0 : _events[^1].Seq, EventsAtOnce, ct);
                if (id != Id)
                {
                    return;
                }

                _events.AddRange(more);
                if (more.Count < EventsAtOnce)
                {
                    return;
                }
            }
        }
        finally
        {
            _loadingEvents.Release();
        }
    }

    private async Task CancelAsync()
    {
        var sure = await Dialogs.ShowMessageBoxAsync(
            new MessageBoxOptions
            {
                Title = $"Cancel run {Id}?",
                Message = "The agent is stopped and its processes are ended. What it has done so far is kept as saved work; nothing is published.",
                YesText = "Cancel the run",
                CancelText = "Let it run",
            },
            new DialogOptions());
        if (sure == true)
        {
            await ActAsync(async ct => _detail = await Api.CancelRunAsync(Id, ct));
        }
    }

    private async Task LiftBlockAsync()
    {
        const string question = "The diff gate stopped this result. Publishing it is your decision; it is recorded under your name with this reason, and holds for exactly this diff.";
        if (await ReasonDialog.AskAsync(Dialogs, $"Publish run {Id} although it is blocked?", question, "Publish", "lift") is { } reason)
        {
            await FollowAsync(ct => Api.LiftBlockAsync(Id, new LiftBlockRequest(reason), ct));
        }
    }

    private Task<bool> AgainAsync(bool resume) => FollowAsync(ct => resume ? Api.ResumeRunAsync(Id, ct) : Api.RetryRunAsync(Id, ct));

    /// <summary>Does what starts another run, and goes to see it.</summary>
    private Task<bool> FollowAsync(Func<CancellationToken, Task<AcceptedDto>> act) => ActAsync(async ct =>
    {
        var accepted = await act(ct);
        if (accepted.RunId is { } run && run != Id)
        {
            Navigation.NavigateTo($"/runs/{run}");
        }
        else
        {
            await LoadAsync(ct);
        }
    });
}
