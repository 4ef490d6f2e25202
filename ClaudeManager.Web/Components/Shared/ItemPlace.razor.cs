using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>Where a work item comes from, in one line.</summary>
public sealed partial class ItemPlace
{
    [Parameter, EditorRequired]
    public required WorkItemDto Item { get; set; }
}
