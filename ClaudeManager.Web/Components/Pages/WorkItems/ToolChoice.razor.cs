using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>Which of the allowed tools an approval gives.</summary>
public sealed partial class ToolChoice
{
    [Parameter, EditorRequired]
    public required IReadOnlyList<string> Allowed { get; set; }

    [Parameter, EditorRequired]
    public required IReadOnlyList<string> Chosen { get; set; }

    [Parameter, EditorRequired]
    public EventCallback<IReadOnlyList<string>> ChosenChanged { get; set; }

    [Parameter]
    public bool Disabled { get; set; }

    /// <summary>In the order of the configuration, whatever the order of the clicks.</summary>
    private Task ToggleAsync(string tool, bool chosen)
        => ChosenChanged.InvokeAsync([.. Allowed.Where(other => other == tool ? chosen : Chosen.Contains(other))]);
}
