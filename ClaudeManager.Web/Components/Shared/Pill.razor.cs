using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A state in one word; the colour repeats the word and never replaces it.</summary>
public sealed partial class Pill
{
    [Parameter, EditorRequired]
    public required string Text { get; set; }

    /// <summary><c>good</c>, <c>bad</c>, <c>warn</c>, <c>busy</c>, <c>accent</c> or <c>idle</c>.</summary>
    [Parameter, EditorRequired]
    public required string Tone { get; set; }

    /// <summary>Something happens right now.</summary>
    [Parameter]
    public bool Beating { get; set; }

    [Parameter]
    public string? Title { get; set; }

    [Parameter]
    public string? TestId { get; set; }

    /// <summary>The state as the API names it.</summary>
    [Parameter]
    public string? State { get; set; }
}
