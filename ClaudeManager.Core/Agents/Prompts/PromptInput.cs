using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Agents.Prompts;

/// <summary>What a prompt is made from. All of it but the repository's name is text that somebody else wrote.</summary>
/// <param name="Repository">The name the operator gave the repository.</param>
/// <param name="Author">Who wrote title and body, where that is known.</param>
/// <param name="Findings">The places in the code; none for an issue or a work item written by hand. Of several, the body says what they are.</param>
public sealed record PromptInput(
    string Title,
    string Body,
    IReadOnlyList<string> Labels,
    WorkKind Kind,
    string Repository,
    string BaseCommit,
    PromptAuthorship Authorship = PromptAuthorship.Repository,
    string? Author = null,
    IReadOnlyList<PromptFinding>? Findings = null)
{
    /// <summary>The only place.</summary>
    public PromptFinding? Finding => Findings is [var only] ? only : null;

    /// <summary>Who wrote the places, when that is one person.</summary>
    public string? FindingAuthor => Findings?.Select(f => f.Author).Distinct().ToList() is [var one] ? one : null;
}

/// <summary>The comment in the code that asks for the work.</summary>
/// <param name="Text">The comment's text.</param>
/// <param name="Context">The lines around it.</param>
/// <param name="Author">Who wrote the line, where that is known.</param>
public sealed record PromptFinding(string Path, int Line, string Marker, string Text, string? Symbol, string? Context, int ContextStartLine, string? Author = null);

/// <summary>Who could have written title, body and labels.</summary>
public enum PromptAuthorship
{
    /// <summary>Made from what the repository contains: whoever can commit to it.</summary>
    Repository,

    /// <summary>An issue: whoever can write one.</summary>
    Issue,

    /// <summary>A signed-in operator of this service.</summary>
    Operator,
}

/// <summary>A prompt ready to be approved and sent.</summary>
/// <param name="Sha256">Of the UTF-8 text, in lower-case hex: what an approval binds.</param>
/// <param name="Passages">The text cut by origin; put together they are <paramref name="Text"/>.</param>
public sealed record RenderedPrompt(string Text, string Sha256, string Template, IReadOnlyList<PromptPassageDto> Passages);

/// <summary>A template cannot be used.</summary>
public sealed class PromptTemplateException(string template, string why, Exception? cause = null) : ClaudeManagerException(ErrorCodes.PromptTemplateUnusable, $"Prompt template '{template}': {why}", cause: cause)
{
    public string Template => template;
}
