using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using ClaudeManager.Web.Components.Shared;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>One piece of work: what it is, what would be done, and the decision.</summary>
public sealed partial class WorkItemPage
{
    internal static readonly IReadOnlyList<(string Name, int Days)> Snoozes = [("Until tomorrow", 1), ("For a week", 7), ("For a month", 30)];

    private long _loadedId;
    private WorkItemDetailDto? _detail;
    private ApprovalPreviewDto? _preview;
    private string _agent = "";
    private bool _outdated;
    private bool _mayDiffer;

    [Inject]
    public required IDialogService Dialogs { get; init; }

    [Inject]
    public required ISnackbar Snackbar { get; init; }

    [Inject]
    public required ViewerClock Clock { get; init; }

    [Parameter]
    public long Id { get; set; }

    protected override async Task OnParametersSetAsync()
    {
        if (_loadedId != Id)
        {
            (_loadedId, _detail, _preview, _agent, _outdated, _mayDiffer) = (Id, null, null, "", false, false);
            await RefreshAsync();
        }
    }

    protected override async Task LoadAsync(CancellationToken ct)
    {
        _detail = await Api.GetWorkItemAsync(Id, ct);
        if (_detail.Item.State is not WorkItemState.Proposed)
        {
            (_preview, _outdated) = (null, false);
        }
        else if (_preview is null)
        {
            StateHasChanged();
            await ShowPreviewAsync(null, ct);
        }
        else if (_preview.Version != _detail.Item.Version || _mayDiffer)
        {
            _mayDiffer = false;
            var current = await Api.PreviewApprovalAsync(Id, _agent, ct);
            if (SameToTheReader(_preview, current))
            {
                (_preview, _outdated) = (current, false);
            }
            else
            {
                // An approval holds for what was read: the text is never changed under a reader's eyes.
                _outdated = true;
            }
        }
    }

    protected override bool Concerns(ChangeEventDto change)
        => (change.SubjectType == "work_item" && change.SubjectId == Id)
            || (change.Type.StartsWith("run.", StringComparison.Ordinal) && change.Type != "run.output" && _detail?.Item.State is not WorkItemState.Proposed);

    private static bool SameToTheReader(ApprovalPreviewDto before, ApprovalPreviewDto now)
        => before.PromptSha256 == now.PromptSha256
            && before.BaseCommit == now.BaseCommit
            && before.Sandbox == now.Sandbox
            && before.Tools.SequenceEqual(now.Tools)
            && before.Agents.Select(agent => agent.Program?.Sha256).SequenceEqual(now.Agents.Select(agent => agent.Program?.Sha256))
            && before.Warnings.SequenceEqual(now.Warnings)
            && before.VerifyCommands.Select(command => string.Join('\0', command)).SequenceEqual(now.VerifyCommands.Select(command => string.Join('\0', command)));

    private async Task ShowPreviewAsync(string? agent, CancellationToken ct)
    {
        _preview = await Api.PreviewApprovalAsync(Id, agent, ct);
        _agent = agent ?? _preview.DefaultAgent;
        _outdated = false;
    }

    private Task<bool> OnAgentAsync(string agent) => ActAsync(ct => ShowPreviewAsync(agent, ct));

    private Task<bool> RenewAsync() => ActAsync(ct => ShowPreviewAsync(_agent, ct));

    private Task<bool> ApproveAsync(ApproveRequest request) => ActAsync(async ct =>
    {
        // The server may refuse because the prompt is another one by now, which the item's version does not tell.
        _mayDiffer = true;
        _detail = await Api.ApproveAsync(Id, request, ct);
        _preview = null;
        Snackbar.Add("Approved. The run starts as soon as nothing stands in its way.", Severity.Success);
    });

    private Task<bool> WithdrawAsync() => ActAsync(async ct =>
    {
        await Api.WithdrawApprovalAsync(Id, ct);
        await LoadAsync(ct);
    });

    private Task<bool> PinAsync() => ActAsync(async ct =>
    {
        await Api.PinAsync(Id, new PinRequest(_detail!.Item.Version, !_detail.Item.Pinned), ct);
        await LoadAsync(ct);
    });

    private Task<bool> SnoozeAsync(int days) => ActAsync(async ct =>
    {
        await Api.SnoozeAsync(Id, new SnoozeRequest(_detail!.Item.Version, Clock.Now.AddDays(days)), ct);
        await LoadAsync(ct);
    });

    private Task<bool> ReopenAsync() => ActAsync(async ct =>
    {
        await Api.ReopenAsync(Id, ct);
        await LoadAsync(ct);
    });

    private async Task RejectAsync()
    {
        // The version is the one the viewer decided on, not the one there is when the dialog closes.
        var version = _detail!.Item.Version;
        const string question = "Why? It is remembered: this finding is not proposed again while its text stays the same, and your no counts in the ranking of its kind.";
        if (await ReasonDialog.AskAsync(Dialogs, "Reject this work item", question, "Reject", "reject") is { } reason)
        {
            await ActAsync(async ct =>
            {
                await Api.RejectAsync(Id, new RejectRequest(version, reason), ct);
                await LoadAsync(ct);
            });
        }
    }
}
