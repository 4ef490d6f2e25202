using System.Buffers;
using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>What a rule opens. The plain kinds are told wholly by the rule's data; each of the others has a method in the lexer.</summary>
internal enum RuleKind : byte
{
    LineComment,
    BlockComment,
    String,

    /// <summary>A string without escapes and holes that is none unless it ends.</summary>
    Verbatim,

    /// <summary><c>'x'</c> where a lone quote means something else: lifetimes, primes, symbols.</summary>
    CharLiteral,
    RegexLiteral,
    JsxElement,
    CSharpString,
    CppRawString,
    RustRawString,
    SwiftRawString,
    PythonString,
    LuaLongBracket,
    CMakeBracket,
    RRawString,
    PowerShellHereString,
    Heredoc,
    RubyPercent,
    PerlQuote,
    PerlPod,
    YamlBlock,
    MarkdownCode,

    /// <summary>Nothing after this is code: <c>__END__</c>.</summary>
    EndOfCode,

    /// <summary>Back to the surrounding markup: <c>?></c>.</summary>
    EndOfIsland,
}

[Flags]
internal enum Where
{
    Anywhere = 0,

    /// <summary>Only white space before it on its line.</summary>
    LineStart = 1,
    ColumnZero = 2,

    /// <summary>At the beginning of a line or after white space.</summary>
    AfterSpace = 4,

    /// <summary>As <see cref="AfterSpace"/>, or after what ends a shell word.</summary>
    WordStart = 8,
    BeforeSpace = 16,
    NotAfterBackslash = 32,
    NotAfterDollar = 64,
    NotAfterQuestion = 128,
    NotAfterColon = 256,

    /// <summary>Not after a letter or digit: digit separators, suffixes.</summary>
    NotAfterWord = 512,

    /// <summary>Not beside another operator character: Haskell's <c>--></c>.</summary>
    NotOperator = 1024,

    /// <summary>Where a YAML value may begin.</summary>
    ValueStart = 2048,
}

internal enum Escapes : byte
{
    None,
    Backslash,

    /// <summary>The closing quote twice.</summary>
    Doubled,
    BackslashAndDoubled,
    BacktickAndDoubled,
}

/// <summary>How text between quotes goes on and ends, holes with code in it included.</summary>
internal sealed class StringForm
{
    public StringForm(string close, Escapes escapes = Escapes.Backslash, bool multiLine = false, string? hole = null, char holeClose = '}', bool doubledHoleIsText = false)
    {
        Close = Encoding.UTF8.GetBytes(close);
        Escapes = escapes;
        MultiLine = multiLine;
        Hole = hole is null ? null : Encoding.UTF8.GetBytes(hole);
        HoleClose = (byte)holeClose;
        HoleOpen = holeClose == ')' ? (byte)'(' : (byte)'{';
        DoubledHoleIsText = doubledHoleIsText;
        EscapeByte = escapes switch
        {
            Escapes.Backslash or Escapes.BackslashAndDoubled => (byte)'\\',
            Escapes.BacktickAndDoubled => (byte)'`',
            _ => null,
        };
        List<byte> stops = [Close[0], (byte)'\n'];
        if (EscapeByte is { } escape)
        {
            stops.Add(escape);
        }

        if (Hole is not null)
        {
            stops.Add(Hole[0]);
        }

        Stops = SearchValues.Create(stops.ToArray());
    }

    public byte[] Close { get; }
    public Escapes Escapes { get; }
    public bool MultiLine { get; }
    public byte[]? Hole { get; }
    public byte HoleOpen { get; }
    public byte HoleClose { get; }
    public bool DoubledHoleIsText { get; }
    public byte? EscapeByte { get; }
    public bool Doubled => Escapes is Escapes.Doubled or Escapes.BackslashAndDoubled or Escapes.BacktickAndDoubled;

    /// <summary>The bytes at which reading on needs a decision.</summary>
    public SearchValues<byte> Stops { get; }
}

internal enum DocString : byte
{
    No,

    /// <summary>Documentation where it is a statement of its own.</summary>
    Statement,

    /// <summary>Documentation after <c>@doc</c> and its like.</summary>
    AfterAttribute,
}

internal sealed class Rule(RuleKind kind, string open)
{
    public RuleKind Kind { get; } = kind;
    public byte[] Open { get; } = Encoding.UTF8.GetBytes(open);

    /// <summary>Of a comment.</summary>
    public byte[] Close { get; init; } = [];
    public bool Nested { get; init; }
    public bool IgnoreCase { get; init; }

    /// <summary>A backslash at the end of a line comment carries it on to the next line.</summary>
    public bool ContinuesByBackslash { get; init; }
    public Where Where { get; init; }
    public StringForm? Form { get; init; }
    public DocString Doc { get; init; }
}
