using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Layout;

/// <summary>Whether what the page shows is kept up to date right now.</summary>
public sealed partial class LiveIndicator : IDisposable
{
    private IDisposable? _subscription;

    [Inject]
    public required EventFeed Feed { get; init; }

    public void Dispose() => _subscription?.Dispose();

    protected override void OnInitialized()
        => _subscription = Feed.Subscribe(change => change.Type == EventFeed.StateChanged, TimeSpan.FromMilliseconds(200), () => InvokeAsync(StateHasChanged));
}
