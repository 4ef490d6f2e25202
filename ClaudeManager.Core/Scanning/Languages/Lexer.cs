using System.Runtime.InteropServices;
using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>
/// Splits a file into comments, strings and code, in one pass and with an explicit stack, so that neither nesting nor length can hurt it. What opens but
/// never closes is taken back: the opener becomes code and its rule rests for the remainder, so a stray quote cannot swallow the file and the work stays linear.
/// </summary>
/// <param name="text">UTF-8; every delimiter of every language is ASCII, so bytes are enough.</param>
/// <param name="hits">Ascending positions; a string token is kept only where one of these is in it.</param>
internal ref partial struct Lexer(ReadOnlySpan<byte> text, List<int> hits, List<Token> tokens)
{
    /// <summary>After so many here-documents without an end, none is looked for any more.</summary>
    private const int MaxMissedHeredocs = 8;

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly List<int> _hits = hits;
    private readonly List<Token> _tokens = tokens;

    private Syntax _syntax = null!;
    private List<Frame> _frames = null!;
    private List<Heredoc> _heredocs = null!;
    private HashSet<Rule> _resting = null!;
    private int _start;
    private int _end;
    private int _position;
    private int _missedHeredocs;
    private int _noRegexBefore;
    private bool _islandEnded;

    public void Run(Syntax syntax)
    {
        switch (syntax.Markup)
        {
            case MarkupKind.None:
                Code(syntax, 0, _text.Length);
                break;
            case MarkupKind.Php:
                PhpDocument(_text.Length);
                break;
            case MarkupKind.Html or MarkupKind.Xml or MarkupKind.Razor:
                MarkupDocument(syntax, 0, _text.Length);
                break;
        }
    }

    /// <summary>Reads a stretch of code with a state of its own; returns where it ended, which is before <paramref name="end"/> only for an island.</summary>
    private int Code(Syntax syntax, int start, int end, bool untilBrace = false)
    {
        _syntax = syntax;
        _frames = [new Frame { Kind = FrameKind.Code, Start = start, Close = untilBrace ? (byte)'}' : (byte)0, Open = untilBrace ? (byte)'{' : (byte)0 }];
        _heredocs = [];
        _resting = [];
        _start = start;
        _end = end;
        _position = start;
        _missedHeredocs = 0;
        _noRegexBefore = 0;
        _islandEnded = false;

        while (!_islandEnded)
        {
            if (_position >= _end)
            {
                if (_frames.Count == 1)
                {
                    break;
                }

                TakeBack();
                continue;
            }

            switch (_frames[^1].Kind)
            {
                case FrameKind.Code:
                    ReadCode();
                    break;
                case FrameKind.String:
                    ReadString();
                    break;
                case FrameKind.JsxTag:
                    ReadJsxTag();
                    break;
                case FrameKind.JsxText:
                    ReadJsxText();
                    break;
            }
        }

        return Math.Min(_position, _end);
    }

    /// <summary>The outermost open string or element never ends: its opener is code, and the text is read again from there without that rule.</summary>
    private void TakeBack()
    {
        var frame = _frames[1];
        _resting.Add(frame.Rule!);
        _frames.RemoveRange(1, _frames.Count - 1);
        _heredocs.Clear();
        var keep = _tokens.Count;
        while (keep > 0 && _tokens[keep - 1].Start >= frame.Start)
        {
            keep--;
        }

        _tokens.RemoveRange(keep, _tokens.Count - keep);
        _position = frame.Start + 1;
    }

    private void ReadCode()
    {
        ref var frame = ref CollectionsMarshal.AsSpan(_frames)[^1];
        var structural = frame.Close != 0 || _frames.Count > 1 || _heredocs.Count > 0 || _syntax.TracksStructure;
        var skip = _text[_position.._end].IndexOfAny(structural ? _syntax.StartsAndStructure : _syntax.Starts);
        if (skip < 0)
        {
            _position = _end;
            return;
        }

        _position += skip;
        var current = _text[_position];
        foreach (var rule in _syntax.RulesAt(current))
        {
            if (IsOpenedBy(rule) && Open(rule))
            {
                return;
            }
        }

        if (structural)
        {
            Structure(ref frame, current);
        }
        else
        {
            _position++;
        }
    }

    private void Structure(ref Frame frame, byte current)
    {
        _position++;
        switch (current)
        {
            case (byte)'\n' when _heredocs.Count > 0:
                ReadHeredocs();
                break;
            case (byte)'\n' when _frames.Count > 2 && _frames[^2] is { Kind: FrameKind.String, Form.MultiLine: false }:
                // A hole of a one-line string does not reach the next line: the string was not what it seemed.
                _frames.RemoveRange(_frames.Count - 2, 2);
                break;
            case (byte)'(' or (byte)'{' or (byte)'[' when frame.Close == 0 || current == frame.Open:
                frame.Depth++;
                break;
            case (byte)')' or (byte)'}' or (byte)']' when frame.Close == 0:
                frame.Depth = Math.Max(0, frame.Depth - 1);
                break;
            case (byte)')' or (byte)'}' when current == frame.Close:
                if (frame.Depth > 0)
                {
                    frame.Depth--;
                }
                else if (_frames.Count == 1)
                {
                    _islandEnded = true;
                }
                else
                {
                    // The rest of a string is a token of its own.
                    _frames.RemoveAt(_frames.Count - 1);
                    CollectionsMarshal.AsSpan(_frames)[^1].Segment = _position;
                }

                break;
        }
    }

    private readonly bool IsOpenedBy(Rule rule)
    {
        var rest = _text[_position.._end];
        if (_resting.Contains(rule)
            || (rule.IgnoreCase
                ? rest.Length < rule.Open.Length || !Ascii.EqualsIgnoreCase(rest[..rule.Open.Length], rule.Open)
                : !rest.StartsWith(rule.Open)))
        {
            return false;
        }

        var where = rule.Where;
        if (where == Where.Anywhere)
        {
            return true;
        }

        var previous = _position > _start ? _text[_position - 1] : (byte)'\n';
        var next = rule.Open.Length < rest.Length ? rest[rule.Open.Length] : (byte)'\n';
        return !((where.HasFlag(Where.LineStart) && !IsLineStart(_position))
            || (where.HasFlag(Where.ColumnZero) && previous != (byte)'\n')
            || (where.HasFlag(Where.AfterSpace) && !IsSpace(previous))
            || (where.HasFlag(Where.WordStart) && !IsSpace(previous) && !";|&()`"u8.Contains(previous))
            || (where.HasFlag(Where.BeforeSpace) && !IsSpace(next))
            || (where.HasFlag(Where.NotAfterBackslash) && IsEscaped(_position))
            || (where.HasFlag(Where.NotAfterDollar) && previous == (byte)'$')
            || (where.HasFlag(Where.NotAfterQuestion) && previous == (byte)'?' && !IsWord(ByteAt(_position - 2)))
            || (where.HasFlag(Where.NotAfterColon) && previous == (byte)':')
            || (where.HasFlag(Where.NotAfterWord) && IsWord(previous))
            || (where.HasFlag(Where.NotOperator) && (IsHaskellOperator(previous) || IsHaskellOperator(AfterDashes(_position))))
            || (where.HasFlag(Where.ValueStart) && !IsYamlValueStart(_position)));
    }

    /// <summary>False: the rule does not apply here after all, and nothing has been read.</summary>
    private bool Open(Rule rule) => rule.Kind switch
    {
        RuleKind.LineComment => LineComment(rule),
        RuleKind.BlockComment => BlockComment(rule),
        RuleKind.String => OpenString(rule, rule.Form!, _position, _position + rule.Open.Length),
        RuleKind.Verbatim => Verbatim(rule, _position, _position + rule.Open.Length, rule.Form!.Close),
        RuleKind.CharLiteral => CharLiteral(),
        RuleKind.RegexLiteral => RegexLiteral(),
        RuleKind.JsxElement => JsxElement(rule),
        RuleKind.CSharpString => CSharpString(rule),
        RuleKind.CppRawString => CppRawString(rule),
        RuleKind.RustRawString => RustRawString(rule),
        RuleKind.SwiftRawString => SwiftRawString(rule),
        RuleKind.PythonString => PythonString(rule),
        RuleKind.LuaLongBracket => LuaLongBracket(rule, commentOpen: "--"u8),
        RuleKind.CMakeBracket => LuaLongBracket(rule, commentOpen: "#"u8),
        RuleKind.RRawString => RRawString(rule),
        RuleKind.PowerShellHereString => PowerShellHereString(rule),
        RuleKind.Heredoc => OpenHeredoc(rule),
        RuleKind.RubyPercent => RubyPercent(rule),
        RuleKind.PerlQuote => PerlQuote(),
        RuleKind.PerlPod => PerlPod(),
        RuleKind.YamlBlock => YamlBlock(),
        RuleKind.MarkdownCode => MarkdownCode(),
        RuleKind.EndOfCode => EndOfCode(rule),
        RuleKind.EndOfIsland => EndOfIsland(),
        _ => throw new InvalidOperationException($"No reader for {rule.Kind}."),
    };

    private bool LineComment(Rule rule)
    {
        var start = _position;
        var end = start;
        do
        {
            var length = _text[end.._end].IndexOf((byte)'\n');
            end = length < 0 ? _end : end + length + 1;
        }
        while (rule.ContinuesByBackslash && end < _end && EndsWithBackslash(start, end - 1));

        if (end > start && _text[end - 1] == (byte)'\n')
        {
            end--;
        }

        // A PHP island ends inside a line comment too.
        if (_syntax.Markup == MarkupKind.Php && _text[start..end].IndexOf("?>"u8) is >= 0 and var island)
        {
            end = start + island;
        }

        var contentStart = start + rule.Open.Length;
        var contentEnd = end > contentStart && _text[end - 1] == (byte)'\r' ? end - 1 : end;
        _tokens.Add(new Token(TokenKind.LineComment, start, contentStart, contentEnd, end));
        _position = end;
        return true;
    }

    private readonly bool EndsWithBackslash(int start, int end)
    {
        if (end > start && _text[end - 1] == (byte)'\r')
        {
            end--;
        }

        return end > start && _text[end - 1] == (byte)'\\';
    }

    private bool BlockComment(Rule rule)
    {
        var start = _position;
        var contentStart = start + rule.Open.Length;
        var contentEnd = contentStart;
        if (!rule.Nested)
        {
            var length = _text[contentStart.._end].IndexOf(rule.Close);
            // A comment that never ends does reach the end of the file, for every compiler.
            contentEnd = length < 0 ? _end : contentStart + length;
        }
        else
        {
            for (var depth = 1; ;)
            {
                var skip = _text[contentEnd.._end].IndexOfAny(rule.Open[0], rule.Close[0]);
                if (skip < 0)
                {
                    contentEnd = _end;
                    break;
                }

                contentEnd += skip;
                var rest = _text[contentEnd.._end];
                if (rest.StartsWith(rule.Close))
                {
                    if (--depth == 0)
                    {
                        break;
                    }

                    contentEnd += rule.Close.Length;
                }
                else if (rest.StartsWith(rule.Open))
                {
                    depth++;
                    contentEnd += rule.Open.Length;
                }
                else
                {
                    contentEnd++;
                }
            }
        }

        _position = Math.Min(_end, contentEnd + rule.Close.Length);
        _tokens.Add(new Token(TokenKind.BlockComment, start, contentStart, contentEnd, _position));
        return true;
    }

    private void AddString(int start, int end)
    {
        var index = _hits.BinarySearch(start);
        if (index < 0)
        {
            index = ~index;
        }

        if (index < _hits.Count && _hits[index] < end)
        {
            _tokens.Add(new Token(TokenKind.String, start, start, end, end));
        }
    }

    private readonly byte ByteAt(int position) => position >= _start && position < _end ? _text[position] : (byte)'\n';

    private readonly bool IsLineStart(int position)
    {
        while (position > _start && _text[position - 1] is (byte)' ' or (byte)'\t')
        {
            position--;
        }

        return position <= _start || _text[position - 1] == (byte)'\n';
    }

    private readonly bool IsEscaped(int position)
    {
        var escapes = 0;
        while (position - 1 - escapes >= _start && _text[position - 1 - escapes] == (byte)'\\')
        {
            escapes++;
        }

        return escapes % 2 == 1;
    }

    private readonly byte AfterDashes(int position)
    {
        while (position < _end && _text[position] == (byte)'-')
        {
            position++;
        }

        return ByteAt(position);
    }

    /// <summary>After <c>key: </c>, <c>- </c>, <c>[</c>, <c>{</c>, <c>,</c> or at the start of a line; elsewhere a quote is an apostrophe.</summary>
    private readonly bool IsYamlValueStart(int position)
    {
        if (IsLineStart(position))
        {
            return true;
        }

        var previous = position - 1;
        while (previous > _start && _text[previous] is (byte)' ' or (byte)'\t')
        {
            previous--;
        }

        return _text[previous] is (byte)'[' or (byte)'{' or (byte)',' || (previous < position - 1 && ":-!|>&"u8.Contains(_text[previous]))
            || (previous < position - 1 && IsYamlTag(previous));
    }

    /// <summary>A tag or an anchor may stand before a value: <c>!!str "…"</c>.</summary>
    private readonly bool IsYamlTag(int end)
    {
        for (var position = end; position >= _start && end - position < 64; position--)
        {
            switch (_text[position])
            {
                case (byte)'!' or (byte)'&':
                    return true;
                case (byte)' ' or (byte)'\n':
                    return false;
            }
        }

        return false;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or (byte)'\f';

    private static bool IsWord(byte value) => char.IsAsciiLetterOrDigit((char)value) || value is (byte)'_' or >= 0x80;

    private static bool IsHaskellOperator(byte value) => "!#$%&*+./<=>?@\\^|~:"u8.Contains(value);

    private enum FrameKind : byte
    {
        Code,
        String,
        JsxTag,
        JsxText,
    }

    private struct Frame
    {
        public FrameKind Kind;

        /// <summary>Where its opener begins.</summary>
        public int Start;

        /// <summary>Of a string: where the piece after the last hole begins.</summary>
        public int Segment;

        /// <summary>Of code in a hole: the bracket that ends it, and the one that nests.</summary>
        public byte Close;
        public byte Open;
        public int Depth;
        public StringForm? Form;
        public Rule? Rule;

        /// <summary>Of a tag: it is <c>&lt;/…></c>.</summary>
        public bool Closing;
    }

    private readonly record struct Heredoc(byte[] Name, bool Indented, bool Prefix);
}
