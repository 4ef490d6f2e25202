using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>What happened, what to do, and the id to look it up by. Nothing at all without a problem.</summary>
public sealed partial class ProblemNotice
{
    [Parameter, EditorRequired]
    public Problem? Problem { get; set; }

    [Parameter]
    public EventCallback Retry { get; set; }
}
