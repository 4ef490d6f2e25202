namespace ClaudeManager.Core.Scanning.Languages;

internal enum TokenKind : byte
{
    /// <summary>A comment that ends with its line.</summary>
    LineComment,

    /// <summary>A comment with an end of its own, documentation strings included.</summary>
    BlockComment,
    String,
}

/// <summary>A piece of a file that is not code. The content is the token without what opens and closes it.</summary>
internal readonly record struct Token(TokenKind Kind, int Start, int ContentStart, int ContentEnd, int End)
{
    public bool IsComment => Kind != TokenKind.String;
}
