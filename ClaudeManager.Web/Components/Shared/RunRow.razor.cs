using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A run in one line, linking to its page.</summary>
public sealed partial class RunRow
{
    [Parameter, EditorRequired]
    public required RunDto Run { get; set; }
}
