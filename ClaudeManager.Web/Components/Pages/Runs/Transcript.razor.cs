using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>What the agent said and did. The newest are on the page; earlier ones come when asked for, so that a long run stays light.</summary>
public sealed partial class Transcript
{
    private const int AtOnce = 300;

    private int _most = AtOnce;
    private int _rendered;
    private bool _follow;

    [Inject]
    public required IJSRuntime Js { get; init; }

    /// <summary>In order; grows at the end.</summary>
    [Parameter, EditorRequired]
    public required IReadOnlyList<RunEventDto> Events { get; set; }

    [Parameter, EditorRequired]
    public bool Live { get; set; }

    private int Hidden => Math.Max(0, Events.Count - _most);

    private IEnumerable<RunEventDto> Shown => Events.Skip(Hidden);

    protected override async Task OnParametersSetAsync()
    {
        _follow = Live && _rendered > 0 && Events.Count > _rendered && await Js.InvokeAsync<bool>("claudeManager.nearBottom");
    }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        _rendered = Events.Count;
        if (_follow)
        {
            _follow = false;
            await Js.InvokeVoidAsync("claudeManager.toBottom");
        }
    }

    private void ShowEarlier() => _most += AtOnce;
}
