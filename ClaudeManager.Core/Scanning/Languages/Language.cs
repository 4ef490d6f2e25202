namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>A language whose comments are known.</summary>
public sealed class Language
{
    internal Language(string name)
    {
        Name = name;
    }

    public string Name { get; }

    public override string ToString() => Name;
}
