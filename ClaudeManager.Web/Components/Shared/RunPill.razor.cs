using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A run's state, or, once it has ended, the reason.</summary>
public sealed partial class RunPill
{
    [Parameter, EditorRequired]
    public required RunDto Run { get; set; }

    [Parameter]
    public string? TestId { get; set; }
}
