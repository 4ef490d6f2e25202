namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>One marker found inside a comment. Every text in it comes from the repository: it is data, never markup.</summary>
/// <param name="Line">Line of the marker, from 1.</param>
/// <param name="EndLine">Last line of the comment text that belongs to the marker.</param>
/// <param name="Marker">The canonical word without its colon, such as <c>TODO</c>.</param>
/// <param name="Text">The comment text after the marker, over all its lines, with white space collapsed and control and bidirectional characters taken out.</param>
/// <param name="Symbol">The enclosing function or type, as far as a heuristic per language can tell.</param>
/// <param name="Context">The line of the marker and two lines around it, as decoded; over-long lines are cut.</param>
/// <param name="ContextStartLine">Line number of the first line of <paramref name="Context"/>.</param>
/// <param name="NormalisedTextHash">SHA-256 (64 hex digits) of marker and text, insensitive to case, white space and comment decoration.</param>
/// <param name="NeighbourhoodHash">SHA-256 (64 hex digits) of the nearest code above, beside and below, insensitive to white space.</param>
/// <param name="Owner">The name in <c>TODO(name)</c>.</param>
/// <param name="IssueReference">The issue in <c>TODO(#123)</c>, as written.</param>
/// <param name="Priority">The priority in <c>TODO(P1)</c>, in lower case.</param>
/// <param name="DueOn">The date in <c>TODO(2027-01-31)</c>.</param>
/// <param name="Language">Name of the language the file was read as.</param>
public sealed record Occurrence(
    int Line,
    int EndLine,
    string Marker,
    string Text,
    string? Symbol,
    string Context,
    int ContextStartLine,
    string NormalisedTextHash,
    string NeighbourhoodHash,
    string? Owner,
    string? IssueReference,
    string? Priority,
    DateOnly? DueOn,
    string Language);
