using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>Commands with their exit codes, the output folded behind each.</summary>
public sealed partial class Checks
{
    [Parameter, EditorRequired]
    public required string Title { get; set; }

    [Parameter, EditorRequired]
    public required IReadOnlyList<CheckResultDto> Results { get; set; }
}
