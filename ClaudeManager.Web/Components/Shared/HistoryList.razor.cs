using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>Who did what, the newest first.</summary>
public sealed partial class HistoryList
{
    [Parameter, EditorRequired]
    public required IReadOnlyList<HistoryEntryDto> Entries { get; set; }
}
