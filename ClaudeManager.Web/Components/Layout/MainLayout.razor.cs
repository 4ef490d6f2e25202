using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using MudBlazor;

namespace ClaudeManager.Web.Components.Layout;

public sealed partial class MainLayout
{
    private MudThemeProvider? _themeProvider;
    private ErrorBoundary? _boundary;
    private bool _dark;
    private bool _ready;

    [Inject]
    public required ViewerClock Clock { get; init; }

    /// <summary>An error belongs to the page it happened on: the next page starts clean.</summary>
    protected override void OnParametersSet() => Recover();

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            _dark = await _themeProvider!.GetSystemDarkModeAsync();
            await Clock.StartAsync();
            _ready = true;
            StateHasChanged();
        }
    }

    private void OnDarkModeChanged(bool dark) => _dark = dark;

    private void Recover() => _boundary?.Recover();
}
