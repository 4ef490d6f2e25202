using System.Collections.Frozen;
using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>The table: what opens and closes comments and strings in each family of languages.</summary>
internal static class Syntaxes
{
    private static readonly Rule s_slashSlash = Line("//");
    private static readonly Rule s_slashStar = Block("/*", "*/");
    private static readonly Rule s_slashStarNested = Block("/*", "*/", nested: true);
    private static readonly Rule s_hash = Line("#");
    private static readonly Rule s_hashAfterSpace = Line("#", Where.AfterSpace);
    private static readonly Rule s_hashAtLineStart = Line("#", Where.LineStart);
    private static readonly Rule s_semicolon = Line(";");
    private static readonly Rule s_percent = Line("%", Where.NotAfterBackslash);
    private static readonly Rule s_angleComment = Block("<!--", "-->");
    private static readonly Rule s_parenStarNested = Block("(*", "*)", nested: true);

    private static readonly Rule s_double = Text("\"", new StringForm("\""));
    private static readonly Rule s_single = Text("'", new StringForm("'"));
    private static readonly Rule s_doubleLines = Text("\"", new StringForm("\"", multiLine: true));
    private static readonly Rule s_singleLines = Text("'", new StringForm("'", multiLine: true));
    private static readonly Rule s_doubleDoubled = Text("\"", new StringForm("\"", Escapes.Doubled));
    private static readonly Rule s_singleDoubled = Text("'", new StringForm("'", Escapes.Doubled));
    private static readonly Rule s_singleDoubledLines = Text("'", new StringForm("'", Escapes.Doubled, multiLine: true));
    private static readonly Rule s_backquoteRaw = Raw("`", "`");
    private static readonly Rule s_tripleDouble = Text("\"\"\"", new StringForm("\"\"\"", multiLine: true));
    private static readonly Rule s_tripleSingle = Text("'''", new StringForm("'''", multiLine: true));
    private static readonly Rule s_tripleDoubleRaw = Raw("\"\"\"", "\"\"\"");
    private static readonly Rule s_tripleSingleRaw = Raw("'''", "'''");
    private static readonly Rule s_doubleDollarHoles = Text("\"", new StringForm("\"", hole: "${"));
    private static readonly Rule s_tripleDoubleDollarHoles = Text("\"\"\"", new StringForm("\"\"\"", Escapes.None, multiLine: true, hole: "${"));
    private static readonly Rule s_doubleHashHoles = Text("\"", new StringForm("\"", multiLine: true, hole: "#{"));
    private static readonly Rule s_char = new(RuleKind.CharLiteral, "'");
    private static readonly Rule s_shellHeredoc = new(RuleKind.Heredoc, "<<");
    private static readonly Rule s_rubyHeredoc = new(RuleKind.Heredoc, "<<") { Where = Where.NotAfterWord };
    private static readonly Rule[] s_csharpStrings = [new(RuleKind.CSharpString, "\""), new(RuleKind.CSharpString, "$"), new(RuleKind.CSharpString, "@"), s_char];
    private static readonly Rule[] s_pythonStrings = [new(RuleKind.PythonString, "\""), new(RuleKind.PythonString, "'")];

    private static readonly FrozenSet<string> s_scriptKeywords = FrozenSet.ToFrozenSet(
        ["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "instanceof", "yield", "await", "default"], StringComparer.Ordinal);

    private static readonly FrozenSet<string> s_rubyKeywords = FrozenSet.ToFrozenSet(
        ["return", "if", "unless", "while", "until", "when", "and", "or", "not", "in", "then", "else", "elsif", "do", "puts", "split", "grep", "x", "lt", "gt", "eq", "ne"], StringComparer.Ordinal);

    public static readonly Syntax C = new(
        Continued("//"), s_slashStar, new Rule(RuleKind.CppRawString, "\""), s_double, Text("'", new StringForm("'"), Where.NotAfterWord), Prefixed("L'"), Prefixed("u'"), Prefixed("U'"), Prefixed("u8'"));

    /// <summary>Line and block comments, quoted strings, character literals: what most languages that look like C need.</summary>
    public static readonly Syntax CLike = new(s_slashSlash, s_slashStar, s_double, s_char);
    public static readonly Syntax CLikeQuotes = new(s_slashSlash, s_slashStar, s_double, s_single);
    public static readonly Syntax CSharp = new([s_slashSlash, s_slashStar, .. s_csharpStrings]);
    public static readonly Syntax RazorCode = new([s_slashSlash, s_slashStar, Block("@*", "*@"), s_angleComment, .. s_csharpStrings]);
    public static readonly Syntax Java = new(s_slashSlash, s_slashStar, s_tripleDouble, s_double, s_char);
    public static readonly Syntax Kotlin = new(s_slashSlash, s_slashStarNested, s_tripleDoubleDollarHoles, s_doubleDollarHoles, s_char);
    public static readonly Syntax Scala = new(s_slashSlash, s_slashStarNested, s_tripleDoubleDollarHoles, s_double, s_char);
    public static readonly Syntax Groovy = new(
        s_slashSlash, s_slashStar, Line("#!", Where.ColumnZero), Text("\"\"\"", new StringForm("\"\"\"", multiLine: true, hole: "${")), s_tripleSingle, s_doubleDollarHoles, s_single,
        new Rule(RuleKind.RegexLiteral, "/"))
    { ExpressionKeywords = s_scriptKeywords };

    public static readonly Syntax JavaScript = Script(jsx: true);
    public static readonly Syntax TypeScript = Script(jsx: false);
    public static readonly Syntax Go = new(s_slashSlash, s_slashStar, s_double, s_backquoteRaw, s_char);
    public static readonly Syntax Rust = new(s_slashSlash, s_slashStarNested, new Rule(RuleKind.RustRawString, "\""), s_doubleLines, s_char);
    public static readonly Syntax Swift = new(
        s_slashSlash, s_slashStarNested, new Rule(RuleKind.SwiftRawString, "#"),
        Text("\"\"\"", new StringForm("\"\"\"", multiLine: true, hole: "\\(", holeClose: ')')), Text("\"", new StringForm("\"", hole: "\\(", holeClose: ')')));

    public static readonly Syntax Dart = new(
        s_slashSlash, s_slashStarNested, Text("r\"", new StringForm("\"", Escapes.None), Where.NotAfterWord), Text("r'", new StringForm("'", Escapes.None), Where.NotAfterWord), Text("\"\"\"", new StringForm("\"\"\"", multiLine: true, hole: "${")), Text("'''", new StringForm("'''", multiLine: true, hole: "${")),
        s_doubleDollarHoles, Text("'", new StringForm("'", hole: "${")));

    public static readonly Syntax D = new(s_slashSlash, s_slashStar, Block("/+", "+/", nested: true), s_doubleLines, s_backquoteRaw, s_char);
    public static readonly Syntax Zig = new(s_slashSlash, Text("\\\\", new StringForm("\n", Escapes.None), Where.LineStart), s_double, s_char);
    public static readonly Syntax Protobuf = new(s_slashSlash, s_slashStar, s_double, s_single);
    public static readonly Syntax Python = new([s_hash, .. s_pythonStrings]) { TracksStructure = true };
    public static readonly Syntax Ruby = new(
        Line("#", Where.NotAfterQuestion | Where.NotAfterDollar), Block("=begin", "\n=end", where: Where.ColumnZero), new Rule(RuleKind.EndOfCode, "__END__") { Where = Where.ColumnZero },
        Text("\"", new StringForm("\"", multiLine: true, hole: "#{"), Where.NotAfterDollar | Where.NotAfterQuestion), Text("'", new StringForm("'", multiLine: true), Where.NotAfterDollar | Where.NotAfterQuestion),
        Text("`", new StringForm("`", multiLine: true, hole: "#{"), Where.NotAfterDollar), new Rule(RuleKind.RegexLiteral, "/"), new Rule(RuleKind.RubyPercent, "%"), s_rubyHeredoc)
    { ExpressionKeywords = s_rubyKeywords, HasCommandCalls = true };

    public static readonly Syntax Perl = new(
        Line("#", Where.NotAfterDollar | Where.NotAfterBackslash), new Rule(RuleKind.PerlPod, "=") { Where = Where.ColumnZero },
        new Rule(RuleKind.EndOfCode, "__END__") { Where = Where.ColumnZero }, new Rule(RuleKind.EndOfCode, "__DATA__") { Where = Where.ColumnZero },
        Text("\"", new StringForm("\"", multiLine: true), Where.NotAfterDollar), Text("'", new StringForm("'", multiLine: true), Where.NotAfterDollar | Where.NotAfterWord),
        new Rule(RuleKind.RegexLiteral, "/"), s_rubyHeredoc, Quote("q"), Quote("m"), Quote("s"), Quote("tr"), Quote("y"))
    { ExpressionKeywords = s_rubyKeywords };

    public static readonly Syntax Php = new(
        MarkupKind.Php, s_slashSlash, s_slashStar, new Rule(RuleKind.EndOfIsland, "?>"), Text("#[", new StringForm("]", Escapes.None)), s_hash, new Rule(RuleKind.Heredoc, "<<<"),
        Text("\"", new StringForm("\"", multiLine: true)), Text("'", new StringForm("'", multiLine: true)), Text("`", new StringForm("`", multiLine: true)));

    public static readonly Syntax Sql = new(
        Line("--"), s_slashStarNested, Line("#", Where.LineStart | Where.BeforeSpace), s_singleDoubledLines, s_doubleDoubled, Text("`", new StringForm("`", Escapes.None)));

    public static readonly Syntax Shell = new(
        Line("#", Where.WordStart), s_shellHeredoc, Text("$'", new StringForm("'", multiLine: true)), Text("'", new StringForm("'", Escapes.None, multiLine: true), Where.NotAfterBackslash),
        Text("\"", new StringForm("\"", multiLine: true, hole: "$(", holeClose: ')'), Where.NotAfterBackslash));

    public static readonly Syntax PowerShell = new(
        Block("<#", "#>"), Line("#", Where.WordStart), new Rule(RuleKind.PowerShellHereString, "@\""), new Rule(RuleKind.PowerShellHereString, "@'"),
        Text("\"", new StringForm("\"", Escapes.BacktickAndDoubled, multiLine: true, hole: "$(", holeClose: ')')), s_singleDoubledLines);

    public static readonly Syntax Batch = new(
        Line("::", Where.LineStart), new Rule(RuleKind.LineComment, "REM ") { Where = Where.LineStart, IgnoreCase = true }, new Rule(RuleKind.LineComment, "@REM ") { Where = Where.LineStart, IgnoreCase = true },
        new Rule(RuleKind.LineComment, "& REM ") { IgnoreCase = true });

    public static readonly Syntax Html = new(
        MarkupKind.Html, s_angleComment, Block("<%--", "--%>"), Block("<%#", "%>"), Block("{{!--", "--}}"), Block("{{--", "--}}"), Block("{#", "#}"));

    public static readonly Syntax Xml = new(MarkupKind.Xml, s_angleComment, Raw("<![CDATA[", "]]>"));
    public static readonly Syntax Razor = new(MarkupKind.Razor, s_angleComment, Block("@*", "*@"));
    public static readonly Syntax Markdown = new(s_angleComment, new Rule(RuleKind.MarkdownCode, "`"), new Rule(RuleKind.MarkdownCode, "~"));
    public static readonly Syntax Css = new(s_slashStar, s_double, s_single);
    public static readonly Syntax Scss = new(s_slashStar, Line("//", Where.NotAfterColon), s_double, s_single);
    public static readonly Syntax Yaml = new(
        s_hashAfterSpace, new Rule(RuleKind.YamlBlock, "|"), new Rule(RuleKind.YamlBlock, ">"),
        Text("\"", new StringForm("\"", multiLine: true), Where.ValueStart), Text("'", new StringForm("'", Escapes.Doubled, multiLine: true), Where.ValueStart));

    public static readonly Syntax Toml = new(s_hash, s_tripleDouble, s_tripleSingleRaw, s_double, Text("'", new StringForm("'", Escapes.None)));
    public static readonly Syntax Ini = new(s_hashAfterSpace, Line(";", Where.AfterSpace));
    public static readonly Syntax Properties = new(s_hashAtLineStart, Line("!", Where.LineStart));
    public static readonly Syntax HashAtLineStart = new(s_hashAtLineStart);
    public static readonly Syntax HashAfterSpace = new(s_hashAfterSpace);

    /// <summary>Comments by <c>#</c> and quoted strings of one line.</summary>
    public static readonly Syntax Hash = new(s_hash, s_double, s_single);
    public static readonly Syntax Make = new(Line("#", Where.NotAfterBackslash | Where.NotAfterDollar), s_double, Text("'", new StringForm("'", Escapes.None)));
    public static readonly Syntax CMake = new(new Rule(RuleKind.CMakeBracket, "#["), s_hash, new Rule(RuleKind.CMakeBracket, "["), s_doubleLines);
    public static readonly Syntax Lua = new(new Rule(RuleKind.LuaLongBracket, "--["), Line("--"), new Rule(RuleKind.LuaLongBracket, "["), s_double, s_single);
    public static readonly Syntax Haskell = new(Line("--", Where.NotOperator), Block("{-", "-}", nested: true), s_double, s_char);
    public static readonly Syntax Elm = new(Line("--"), Block("{-", "-}", nested: true), s_tripleDouble, s_double, s_char);
    public static readonly Syntax R = new(s_hash, new Rule(RuleKind.RRawString, "\""), new Rule(RuleKind.RRawString, "'"), s_doubleLines, s_singleLines, Text("`", new StringForm("`")));
    public static readonly Syntax Terraform = new(s_hash, s_slashSlash, s_slashStar, s_shellHeredoc, s_doubleDollarHoles);
    public static readonly Syntax Nix = new(s_hash, s_slashStar, Text("\"", new StringForm("\"", multiLine: true, hole: "${")), Text("''", new StringForm("''", Escapes.None, multiLine: true, hole: "${")));
    public static readonly Syntax Elixir = new(
        Line("#", Where.NotAfterQuestion), Documented("\"\"\"", DocString.AfterAttribute), Documented("'''", DocString.AfterAttribute),
        new Rule(RuleKind.String, "\"") { Form = new StringForm("\"", multiLine: true, hole: "#{"), Doc = DocString.AfterAttribute, Where = Where.NotAfterQuestion }, Text("'", new StringForm("'"), Where.NotAfterQuestion));

    public static readonly Syntax GraphQl = new(s_hash, Documented("\"\"\"", DocString.Statement), s_double);
    public static readonly Syntax Julia = new(
        Block("#=", "=#", nested: true), s_hash, Documented("\"\"\"", DocString.Statement), s_doubleLines, s_char)
    { TracksStructure = true };

    public static readonly Syntax FSharp = new(
        s_slashSlash, Block("(*)", ""), s_parenStarNested, s_tripleDoubleRaw, Text("@\"", new StringForm("\"", Escapes.Doubled, multiLine: true)), s_doubleLines, s_char);

    public static readonly Syntax OCaml = new(s_parenStarNested, s_doubleLines, s_char);
    public static readonly Syntax VisualBasic = new(Line("'"), new Rule(RuleKind.LineComment, "REM ") { Where = Where.LineStart, IgnoreCase = true }, s_doubleDoubled);
    public static readonly Syntax Erlang = new(Line("%", Where.NotAfterDollar), Text("\"", new StringForm("\"", multiLine: true), Where.NotAfterDollar), Text("'", new StringForm("'"), Where.NotAfterDollar | Where.NotAfterWord));
    public static readonly Syntax Latex = new(s_percent, Block("\\begin{comment}", "\\end{comment}"), Raw("\\begin{verbatim}", "\\end{verbatim}"));
    public static readonly Syntax Lisp = new(Line(";", Where.NotAfterBackslash), Block("#|", "|#", nested: true), Text("\"", new StringForm("\"", multiLine: true), Where.NotAfterBackslash | Where.NotAfterQuestion));
    public static readonly Syntax Pascal = new(s_slashSlash, Block("{", "}"), Block("(*", "*)"), s_singleDoubled);
    public static readonly Syntax Ada = new(Line("--"), s_doubleDoubled, s_char);
    public static readonly Syntax Fortran = new(Line("!"), new Rule(RuleKind.LineComment, "C ") { Where = Where.ColumnZero }, new Rule(RuleKind.LineComment, "* ") { Where = Where.ColumnZero }, s_singleDoubled, s_doubleDoubled);
    public static readonly Syntax Matlab = new(Block("%{", "%}", where: Where.LineStart), s_percent, s_double);
    public static readonly Syntax Prolog = new(s_percent, s_slashStar, s_double, Text("'", new StringForm("'"), Where.NotAfterWord));
    public static readonly Syntax Assembly = new(s_semicolon, s_slashSlash, s_slashStar, s_hashAtLineStart, s_double);
    public static readonly Syntax Vim = new(Line("\"", Where.LineStart), s_single);
    public static readonly Syntax Nim = new(Block("##[", "]##", nested: true), Block("#[", "]#", nested: true), s_hash, s_tripleDoubleRaw, s_double, s_char);
    public static readonly Syntax CoffeeScript = new(
        Block("###", "###"), s_hash, s_tripleDouble, s_tripleSingle, s_doubleHashHoles, s_singleLines, new Rule(RuleKind.RegexLiteral, "/"))
    { ExpressionKeywords = s_scriptKeywords };

    public static readonly Syntax Verilog = new(s_slashSlash, s_slashStar, s_double);
    public static readonly Syntax Bicep = new(s_slashSlash, s_slashStar, s_tripleSingleRaw, Text("'", new StringForm("'", hole: "${")));
    public static readonly Syntax Tcl = new(Line("#", Where.LineStart), s_doubleLines);

    private static Syntax Script(bool jsx)
    {
        List<Rule> rules =
        [
            s_slashSlash, s_slashStar, Line("#!", Where.ColumnZero), s_double, s_single, Text("`", new StringForm("`", multiLine: true, hole: "${")), new Rule(RuleKind.RegexLiteral, "/"),
        ];
        if (jsx)
        {
            rules.Add(new Rule(RuleKind.JsxElement, "<"));
        }

        return new Syntax(rules) { ExpressionKeywords = s_scriptKeywords };
    }

    private static Rule Line(string open, Where where = Where.Anywhere) => new(RuleKind.LineComment, open) { Where = where };

    private static Rule Continued(string open) => new(RuleKind.LineComment, open) { ContinuesByBackslash = true };

    private static Rule Block(string open, string close, bool nested = false, Where where = Where.Anywhere)
        => new(RuleKind.BlockComment, open) { Close = Encoding.UTF8.GetBytes(close), Nested = nested, Where = where };

    private static Rule Text(string open, StringForm form, Where where = Where.Anywhere) => new(RuleKind.String, open) { Form = form, Where = where };

    private static Rule Raw(string open, string close) => new(RuleKind.Verbatim, open) { Form = new StringForm(close, Escapes.None, multiLine: true) };

    private static Rule Prefixed(string open) => Text(open, new StringForm("'"), Where.NotAfterWord);

    private static Rule Documented(string open, DocString doc) => new(RuleKind.String, open) { Form = new StringForm(open, multiLine: true), Doc = doc };

    private static Rule Quote(string open) => new(RuleKind.PerlQuote, open) { Where = Where.NotAfterWord | Where.NotAfterDollar };
}
