using System.Globalization;
using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>Every term of a score with the facts behind it.</summary>
public sealed partial class ScoreTerms
{
    [Parameter, EditorRequired]
    public required IReadOnlyList<ScoreTermDto> Terms { get; set; }

    private string Share(ScoreTermDto term)
    {
        var largest = Terms.Max(other => Math.Abs(other.Value));
        return (largest > 0 ? Math.Abs(term.Value) / largest : 0).ToString("0.00", CultureInfo.InvariantCulture);
    }
}
