using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Overview;

/// <summary>What the server wants a person to know, such as a key that is not set.</summary>
public sealed partial class Notices
{
    [Parameter, EditorRequired]
    public required OverviewDto Overview { get; set; }

    /// <summary>What is blocked on its way to GitHub is to be tried again.</summary>
    [Parameter]
    public EventCallback Retry { get; set; }
}
