using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>A finding among the lines around it.</summary>
public sealed partial class CodeExcerpt
{
    [Parameter, EditorRequired]
    public required FindingDto Finding { get; set; }

    private IEnumerable<(int Number, string Text)> Lines
        => Finding.Context.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Select((line, index) => (Finding.ContextStartLine + index, Visible.Text(line)));
}
