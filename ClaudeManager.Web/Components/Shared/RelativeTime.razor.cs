using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>How long ago, with the exact time in the viewer's zone on hover.</summary>
public sealed partial class RelativeTime : IDisposable
{
    [Inject]
    public required ViewerClock Clock { get; init; }

    [Parameter, EditorRequired]
    public DateTimeOffset At { get; set; }

    /// <summary>A forecast: never said to be past.</summary>
    [Parameter]
    public bool Expected { get; set; }

    public void Dispose() => Clock.Ticked -= OnTicked;

    protected override void OnInitialized() => Clock.Ticked += OnTicked;

    private void OnTicked() => _ = InvokeAsync(StateHasChanged);
}
