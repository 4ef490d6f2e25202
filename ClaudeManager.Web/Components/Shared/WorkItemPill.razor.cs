using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

public sealed partial class WorkItemPill
{
    [Parameter, EditorRequired]
    public WorkItemState State { get; set; }

    [Parameter]
    public string? TestId { get; set; }
}
