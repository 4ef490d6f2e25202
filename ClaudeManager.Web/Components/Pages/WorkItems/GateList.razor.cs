using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>Why it is not running: every gate in order, the one it waits for standing out.</summary>
public sealed partial class GateList
{
    [Parameter, EditorRequired]
    public required IReadOnlyList<GateDto> Gates { get; set; }

    private GateDto? FirstClosed => Gates.FirstOrDefault(gate => !gate.Open);
}
