namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>The names of everything that can become of a marker hit or of a whole file; the command line and the API show them as they are.</summary>
public static class Verdicts
{
    /// <summary>It is a finding.</summary>
    public const string Finding = "finding";

    /// <summary>In a comment, but in the text of a finding that began earlier.</summary>
    public const string PartOfFinding = "part_of_finding";
    public const string InString = "in_string";
    public const string InCode = "in_code";

    /// <summary>Letters inside a longer word, such as <c>TODOS</c>.</summary>
    public const string NotAWord = "not_a_word";
    public const string Vendored = "vendored";
    public const string Generated = "generated";
    public const string Minified = "minified";
    public const string Binary = "binary";
    public const string ExcludedPath = "excluded_path";
    public const string UnknownLanguage = "unknown_language";
    public const string TooLarge = "too_large";

    /// <summary>The file has more hits than are looked at; this is the first that was not.</summary>
    public const string TooMany = "too_many";
}
