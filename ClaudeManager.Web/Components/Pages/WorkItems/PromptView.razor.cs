using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>What the agent will be sent: by where each passage came from, hidden characters shown, or to the byte.</summary>
public sealed partial class PromptView
{
    private bool _raw;

    [Parameter, EditorRequired]
    public required ApprovalPreviewDto Preview { get; set; }

    private string Pressed(bool raw) => _raw == raw ? "true" : "false";
}
