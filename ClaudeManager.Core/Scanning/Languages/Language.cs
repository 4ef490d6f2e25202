namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>A language whose comments are known.</summary>
public sealed class Language
{
    internal Language(string name, Syntax syntax, bool indented = false)
    {
        Name = name;
        Syntax = syntax;
        IsIndented = indented;
    }

    public string Name { get; }

    internal Syntax Syntax { get; }

    /// <summary>Blocks end by indentation, not by a closing line.</summary>
    internal bool IsIndented { get; }

    public override string ToString() => Name;
}
