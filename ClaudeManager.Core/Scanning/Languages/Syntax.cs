using System.Buffers;
using System.Collections.Frozen;

namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>The rules by which a language's comments and strings are told from its code.</summary>
internal sealed class Syntax
{
    private static readonly byte[] s_structure = "(){}[]\n"u8.ToArray();

    private readonly Rule[]?[] _rulesByFirstByte = new Rule[]?[256];

    public Syntax(params IEnumerable<Rule> rules)
        : this(MarkupKind.None, rules)
    {
    }

    public Syntax(MarkupKind markup, params IEnumerable<Rule> rules)
    {
        Markup = markup;
        // Longer openers first: """ before ", <!-- before <.
        foreach (var group in rules.SelectMany(FirstBytes).GroupBy(rule => rule.First))
        {
            _rulesByFirstByte[group.Key] = [.. group.Select(pair => pair.Rule).OrderByDescending(rule => rule.Open.Length)];
        }

        var starts = Enumerable.Range(0, 256).Where(value => _rulesByFirstByte[value] is not null).Select(value => (byte)value).ToArray();
        byte[] own = markup switch
        {
            MarkupKind.Html or MarkupKind.Xml => [(byte)'<'],
            MarkupKind.Razor => [(byte)'<', (byte)'@'],
            _ => [],
        };
        starts = [.. starts, .. own];
        Starts = SearchValues.Create(starts);
        StartsAndStructure = SearchValues.Create([.. starts, .. s_structure]);
    }

    /// <summary>Brackets and lines matter even outside holes: documentation strings.</summary>
    public bool TracksStructure { get; init; }

    /// <summary>Reads the host document of a markup language; null for plain code.</summary>
    public MarkupKind Markup { get; }

    /// <summary>Words after which a slash opens a regular expression.</summary>
    public FrozenSet<string> ExpressionKeywords { get; init; } = FrozenSet<string>.Empty;

    /// <summary>A method may be called without parentheses, so that an operand may follow a name.</summary>
    public bool HasCommandCalls { get; init; }

    public SearchValues<byte> Starts { get; }

    public SearchValues<byte> StartsAndStructure { get; }

    public ReadOnlySpan<Rule> RulesAt(byte first) => _rulesByFirstByte[first];

    private static IEnumerable<(byte First, Rule Rule)> FirstBytes(Rule rule)
    {
        yield return (rule.Open[0], rule);
        if (rule.IgnoreCase)
        {
            yield return ((byte)char.ToLowerInvariant((char)rule.Open[0]), rule);
        }
    }
}

internal enum MarkupKind : byte
{
    None,

    /// <summary>Elements, comments, <c>script</c> and <c>style</c>.</summary>
    Html,

    /// <summary>Elements, comments, CDATA.</summary>
    Xml,

    /// <summary>HTML between <c>&lt;?php</c> islands.</summary>
    Php,

    /// <summary>HTML with C# blocks.</summary>
    Razor,
}
