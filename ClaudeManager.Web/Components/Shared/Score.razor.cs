using System.Globalization;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A work item's score from 1 to 10, and its level in a word.</summary>
public sealed partial class Score
{
    [Parameter, EditorRequired]
    public double Value { get; set; }

    [Parameter, EditorRequired]
    public required string Level { get; set; }

    private string Text => Value.ToString("0.0", CultureInfo.InvariantCulture);
}
