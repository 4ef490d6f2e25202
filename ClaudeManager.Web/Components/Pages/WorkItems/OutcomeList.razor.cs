using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>What became of each of several items that were decided on at once.</summary>
public sealed partial class OutcomeList
{
    [Parameter, EditorRequired]
    public required BulkResultDto Result { get; set; }
}
