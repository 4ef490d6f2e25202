using System.Buffers;
using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

internal ref partial struct Lexer
{
    private static readonly StringForm s_csharpVerbatim = new("\"", Escapes.Doubled, multiLine: true);
    private static readonly StringForm s_csharpVerbatimHoles = new("\"", Escapes.Doubled, multiLine: true, hole: "{", doubledHoleIsText: true);
    private static readonly StringForm s_csharpPlain = new("\"");
    private static readonly StringForm s_csharpHoles = new("\"", hole: "{", doubledHoleIsText: true);
    private static readonly StringForm s_double = new("\"");
    private static readonly StringForm s_single = new("'");
    private static readonly StringForm s_tripleDouble = new("\"\"\"", multiLine: true);
    private static readonly StringForm s_tripleSingle = new("'''", multiLine: true);
    private static readonly StringForm s_doubleHoles = new("\"", hole: "{", doubledHoleIsText: true);
    private static readonly StringForm s_singleHoles = new("'", hole: "{", doubledHoleIsText: true);
    private static readonly StringForm s_tripleDoubleHoles = new("\"\"\"", multiLine: true, hole: "{", doubledHoleIsText: true);
    private static readonly StringForm s_tripleSingleHoles = new("'''", multiLine: true, hole: "{", doubledHoleIsText: true);

    private bool OpenString(Rule rule, StringForm form, int start, int contentStart)
    {
        if (rule.Doc != DocString.No && IsDocumentation(rule.Doc, start))
        {
            return Documentation(rule, form, start, contentStart);
        }

        _frames.Add(new Frame { Kind = FrameKind.String, Start = start, Segment = start, Form = form, Rule = rule });
        _position = contentStart;
        return true;
    }

    private void ReadString()
    {
        var frame = _frames[^1];
        var form = frame.Form!;
        var skip = _text[_position.._end].IndexOfAny(form.Stops);
        if (skip < 0)
        {
            EndAtEndOfText(frame);
            return;
        }

        _position += skip;
        var current = _text[_position];
        var rest = _text[_position.._end];
        if (form.Hole is not null && rest.StartsWith(form.Hole))
        {
            if (form.DoubledHoleIsText && IsDoubledHole(form, rest, out var width))
            {
                _position += width;
                return;
            }

            AddString(frame.Segment, _position);
            _position += form.Hole.Length;
            _frames.Add(new Frame { Kind = FrameKind.Code, Start = _position, Open = form.HoleOpen, Close = form.HoleClose, Rule = frame.Rule });
        }
        else if (current == form.EscapeByte)
        {
            // A line end of two bytes is one escaped character.
            _position = Math.Min(_end, _position + (rest.Length > 2 && rest[1] == (byte)'\r' && rest[2] == (byte)'\n' ? 3 : 2));
            if (_position >= _end)
            {
                EndAtEndOfText(frame);
            }
        }
        else if (rest.StartsWith(form.Close))
        {
            _position += form.Close.Length;
            if (form.Doubled && form.Close.Length == 1 && _position < _end && _text[_position] == form.Close[0])
            {
                _position++;
                return;
            }

            // Quotes beyond three belong to the content: """a"""".
            while (form.Close.Length >= 3 && form.Close[0] == (byte)'"' && _position < _end && _text[_position] == form.Close[0])
            {
                _position++;
            }

            AddString(frame.Segment, _position);
            _frames.RemoveAt(_frames.Count - 1);
        }
        else if (current == (byte)'\n' && !form.MultiLine)
        {
            AddString(frame.Segment, _position);
            _frames.RemoveAt(_frames.Count - 1);
        }
        else
        {
            _position++;
        }
    }

    /// <summary>A one-line string may end with the file; any other is taken back by the caller.</summary>
    private void EndAtEndOfText(Frame frame)
    {
        _position = _end;
        if (!frame.Form!.MultiLine)
        {
            AddString(frame.Segment, _end);
            _frames.RemoveAt(_frames.Count - 1);
        }
    }

    /// <summary><c>{{</c> is a brace; in <c>$$"""</c> only the innermost braces of a run open a hole.</summary>
    private static bool IsDoubledHole(StringForm form, ReadOnlySpan<byte> rest, out int width)
    {
        var open = form.Hole![0];
        var run = rest.IndexOfAnyExcept(open);
        run = run < 0 ? rest.Length : run;
        if (form.Hole.Length == 1)
        {
            width = run - (run % 2);
            return width > 0;
        }

        width = run - form.Hole.Length;
        return width > 0;
    }

    private readonly bool IsDocumentation(DocString doc, int start)
    {
        if (doc == DocString.AfterAttribute)
        {
            var end = start;
            while (end > _start && _text[end - 1] is (byte)' ' or (byte)'~' or (byte)'S' or (byte)'s')
            {
                end--;
            }

            return _text[_start..end].EndsWith("doc"u8);
        }

        if (_frames.Count > 1 || _frames[0].Depth > 0 || !IsLineStart(start))
        {
            return false;
        }

        var line = start;
        while (line > _start && _text[line - 1] is (byte)' ' or (byte)'\t')
        {
            line--;
        }

        return line - 1 <= _start || !EndsWithBackslash(_start, line - 1);
    }

    private bool Documentation(Rule rule, StringForm form, int start, int contentStart)
    {
        var end = FindClose(form, contentStart);
        if (end < 0)
        {
            _resting.Add(rule);
            return false;
        }

        _position = end + form.Close.Length;
        _tokens.Add(new Token(TokenKind.BlockComment, start, contentStart, end, _position));
        return true;
    }

    private readonly int FindClose(StringForm form, int position)
    {
        while (position < _end)
        {
            var skip = _text[position.._end].IndexOfAny(form.Stops);
            if (skip < 0)
            {
                return -1;
            }

            position += skip;
            if (_text[position] == form.EscapeByte)
            {
                position += 2;
            }
            else if (_text[position.._end].StartsWith(form.Close))
            {
                return position;
            }
            else if (_text[position] == (byte)'\n' && !form.MultiLine)
            {
                return -1;
            }
            else
            {
                position++;
            }
        }

        return -1;
    }

    /// <summary>A string without escapes that must have its end.</summary>
    private bool Verbatim(Rule rule, int start, int contentStart, scoped ReadOnlySpan<byte> close)
    {
        var length = _text[contentStart.._end].IndexOf(close);
        if (length < 0)
        {
            _resting.Add(rule);
            return false;
        }

        _position = contentStart + length + close.Length;
        AddString(start, _position);
        return true;
    }

    private bool CharLiteral()
    {
        var rest = _text[_position.._end];
        if (rest.Length < 3)
        {
            return false;
        }

        int length;
        if (rest[1] == (byte)'\\')
        {
            var window = rest.Slice(3, Math.Min(12, rest.Length - 3));
            var close = window.IndexOfAny((byte)'\'', (byte)'\n');
            if (close < 0 || window[close] == (byte)'\n')
            {
                return false;
            }

            length = close + 4;
        }
        else
        {
            var rune = Rune.DecodeFromUtf8(rest[1..], out var value, out var consumed) == OperationStatus.Done ? consumed : 1;
            if (value.Value is '\'' or '\n' || 1 + rune >= rest.Length || rest[1 + rune] != (byte)'\'')
            {
                return false;
            }

            length = rune + 2;
        }

        AddString(_position, _position + length);
        _position += length;
        return true;
    }

    private bool CSharpString(Rule rule)
    {
        var position = _position;
        var dollars = 0;
        var verbatim = false;
        for (; position < _end && _text[position] is (byte)'$' or (byte)'@'; position++)
        {
            dollars += _text[position] == (byte)'$' ? 1 : 0;
            verbatim |= _text[position] == (byte)'@';
        }

        var quotes = 0;
        while (position + quotes < _end && _text[position + quotes] == (byte)'"')
        {
            quotes++;
        }

        if (quotes == 0)
        {
            return false;
        }

        if (verbatim || quotes < 3)
        {
            var form = (verbatim, dollars > 0) switch
            {
                (true, true) => s_csharpVerbatimHoles,
                (true, false) => s_csharpVerbatim,
                (false, true) => s_csharpHoles,
                (false, false) => s_csharpPlain,
            };
            return OpenString(rule, form, _position, position + 1);
        }

        var close = new string('"', quotes);
        return dollars == 0
            ? Verbatim(rule, _position, position + quotes, Encoding.ASCII.GetBytes(close))
            : OpenString(rule, new StringForm(close, Escapes.None, multiLine: true, hole: new string('{', Math.Min(dollars, 16)), doubledHoleIsText: dollars > 1), _position, position + quotes);
    }

    private bool CppRawString(Rule rule)
    {
        if (ByteAt(_position - 1) != (byte)'R')
        {
            return false;
        }

        var prefix = _position - 1;
        while (IsWord(ByteAt(prefix - 1)) && _position - prefix < 5)
        {
            prefix--;
        }

        var window = _text.Slice(_position + 1, Math.Min(18, _end - _position - 1));
        var paren = window.IndexOf((byte)'(');
        if (paren < 0 || !(_text[prefix..(_position - 1)] is [] or [(byte)'L'] or [(byte)'u'] or [(byte)'U'] or [(byte)'u', (byte)'8']))
        {
            return false;
        }

        return Verbatim(rule, _position, _position + paren + 2, [(byte)')', .. window[..paren], (byte)'"']);
    }

    private bool RustRawString(Rule rule)
    {
        var hashes = 0;
        while (ByteAt(_position - 1 - hashes) == (byte)'#')
        {
            hashes++;
        }

        var r = _position - 1 - hashes;
        var beforeR = ByteAt(r - 1) is (byte)'b' or (byte)'c' ? ByteAt(r - 2) : ByteAt(r - 1);
        return ByteAt(r) == (byte)'r' && !IsWord(beforeR)
            && Verbatim(rule, _position, _position + 1, Encoding.ASCII.GetBytes('"' + new string('#', hashes)));
    }

    private bool SwiftRawString(Rule rule)
    {
        var hashes = 1;
        while (ByteAt(_position + hashes) == (byte)'#')
        {
            hashes++;
        }

        var quote = _position + hashes;
        if (ByteAt(quote) != (byte)'"')
        {
            return false;
        }

        var fence = new string('#', hashes);
        var triple = _text[quote.._end].StartsWith("\"\"\""u8);
        return OpenString(rule, new StringForm((triple ? "\"\"\"" : "\"") + fence, Escapes.None, triple, hole: '\\' + fence + '(', holeClose: ')'), _position, quote + (triple ? 3 : 1));
    }

    private bool PythonString(Rule rule)
    {
        var quote = _text[_position];
        var triple = _text[_position.._end].StartsWith(quote == (byte)'"' ? "\"\"\""u8 : "'''"u8);
        var start = _position;
        var holes = false;
        while (_position - start < 2 && "rRbBuUfFtT"u8.Contains(ByteAt(start - 1)))
        {
            start--;
            holes |= _text[start] is (byte)'f' or (byte)'F' or (byte)'t' or (byte)'T';
        }

        if (IsWord(ByteAt(start - 1)))
        {
            start = _position;
            holes = false;
        }

        var form = (quote == (byte)'"', triple, holes) switch
        {
            (true, false, false) => s_double,
            (true, true, false) => s_tripleDouble,
            (true, false, true) => s_doubleHoles,
            (true, true, true) => s_tripleDoubleHoles,
            (false, false, false) => s_single,
            (false, true, false) => s_tripleSingle,
            (false, false, true) => s_singleHoles,
            (false, true, true) => s_tripleSingleHoles,
        };
        var contentStart = _position + (triple ? 3 : 1);
        if (!holes && IsDocumentation(DocString.Statement, start))
        {
            return Documentation(rule, form, start, contentStart);
        }

        _frames.Add(new Frame { Kind = FrameKind.String, Start = _position, Segment = _position, Form = form, Rule = rule });
        _position = contentStart;
        return true;
    }

    /// <summary><c>[==[ … ]==]</c>, as a string or, after <paramref name="commentOpen"/>, as a comment.</summary>
    private bool LuaLongBracket(Rule rule, ReadOnlySpan<byte> commentOpen)
    {
        var isComment = _text[_position.._end].StartsWith(commentOpen);
        var open = _position + (isComment ? commentOpen.Length : 0);
        var level = 0;
        while (ByteAt(open + 1 + level) == (byte)'=')
        {
            level++;
        }

        if (ByteAt(open) != (byte)'[' || ByteAt(open + 1 + level) != (byte)'[')
        {
            return false;
        }

        var close = Encoding.ASCII.GetBytes(']' + new string('=', level) + ']');
        var contentStart = open + level + 2;
        if (!isComment)
        {
            return Verbatim(rule, _position, contentStart, close);
        }

        var length = _text[contentStart.._end].IndexOf(close);
        var contentEnd = length < 0 ? _end : contentStart + length;
        var end = Math.Min(_end, contentEnd + close.Length);
        _tokens.Add(new Token(TokenKind.BlockComment, _position, contentStart, contentEnd, end));
        _position = end;
        return true;
    }

    private bool RRawString(Rule rule)
    {
        if (ByteAt(_position - 1) is not ((byte)'r' or (byte)'R') || IsWord(ByteAt(_position - 2)))
        {
            return false;
        }

        var dashes = 0;
        while (ByteAt(_position + 1 + dashes) == (byte)'-')
        {
            dashes++;
        }

        var close = ByteAt(_position + 1 + dashes) switch
        {
            (byte)'(' => ")",
            (byte)'[' => "]",
            (byte)'{' => "}",
            _ => null,
        };
        return close is not null
            && Verbatim(rule, _position, _position + dashes + 2, Encoding.ASCII.GetBytes(close + new string('-', dashes) + (char)_text[_position]));
    }

    private bool PowerShellHereString(Rule rule)
    {
        var afterOpen = _position + rule.Open.Length;
        while (ByteAt(afterOpen) is (byte)' ' or (byte)'\t' or (byte)'\r')
        {
            afterOpen++;
        }

        return afterOpen < _end && _text[afterOpen] == (byte)'\n' && Verbatim(rule, _position, afterOpen, [(byte)'\n', rule.Open[1], (byte)'@']);
    }

    private bool OpenHeredoc(Rule rule)
    {
        if (_missedHeredocs >= MaxMissedHeredocs || ByteAt(_position - 1) == (byte)'<')
        {
            return false;
        }

        var isPhp = rule.Open.Length == 3;
        var position = _position + rule.Open.Length;
        var dash = ByteAt(position) is (byte)'-' or (byte)'~';
        position += dash ? 1 : 0;
        var nameFollowsSpace = rule.Where.HasFlag(Where.NotAfterWord);
        while (!nameFollowsSpace && ByteAt(position) is (byte)' ' or (byte)'\t')
        {
            position++;
        }

        var quote = ByteAt(position) is (byte)'\'' or (byte)'"' or (byte)'`' or (byte)'\\' ? ByteAt(position) : (byte)0;
        var name = position + (quote == 0 ? 0 : 1);
        var end = name;
        while (IsWord(ByteAt(end)) || (quote is not 0 and not (byte)'\\' && ByteAt(end) != quote && ByteAt(end) != (byte)'\n') || (!isPhp && end > name && ByteAt(end) is (byte)'-' or (byte)'.'))
        {
            end++;
        }

        // A shift by a number, an append to a constant, "class << self".
        if (end == name || char.IsAsciiDigit((char)_text[name]) || (quote is not 0 and not (byte)'\\' && ByteAt(end) != quote)
            || (nameFollowsSpace && quote == 0 && !dash && !char.IsAsciiLetterUpper((char)_text[name])))
        {
            return false;
        }

        _heredocs.Add(new Heredoc(_text[name..end].ToArray(), Indented: dash || isPhp, Prefix: isPhp));
        _position = end + (quote is 0 or (byte)'\\' ? 0 : 1);
        return true;
    }

    /// <summary>The bodies of the here-documents opened on the line that just ended.</summary>
    private void ReadHeredocs()
    {
        foreach (var heredoc in _heredocs)
        {
            var after = HeredocEnd(heredoc);
            if (after < 0)
            {
                _missedHeredocs++;
                continue;
            }

            AddString(_position, after);
            _position = after;
        }

        _heredocs.Clear();
    }

    /// <summary>Where the terminating word of the here-document ends, or -1.</summary>
    private readonly int HeredocEnd(Heredoc heredoc)
    {
        for (var line = _position; line < _end;)
        {
            var length = _text[line.._end].IndexOf((byte)'\n');
            var next = length < 0 ? _end : line + length;
            var content = _text[line..next];
            var trimmed = heredoc.Indented ? content.TrimStart(" \t"u8) : content;
            if (trimmed.StartsWith(heredoc.Name)
                && (heredoc.Prefix ? trimmed.Length == heredoc.Name.Length || !IsWord(trimmed[heredoc.Name.Length]) : trimmed.TrimEnd("\r;"u8).Length == heredoc.Name.Length))
            {
                return next - trimmed.Length + heredoc.Name.Length;
            }

            line = next + 1;
        }

        return -1;
    }

    /// <summary><c>%w[…]</c>, <c>%q(…)</c> and the like, where an operand is expected.</summary>
    private bool RubyPercent(Rule rule)
    {
        var open = _position + 1;
        if ("wWiIqQrxs"u8.Contains(ByteAt(open)))
        {
            open++;
        }

        var delimiter = ByteAt(open);
        var previous = ByteAt(_position - 1);
        if (IsWord(delimiter) || IsSpace(delimiter) || delimiter == (byte)'=' || IsWord(previous) || previous is (byte)')' or (byte)']' or (byte)'}'
            || (open == _position + 1 && !"([{<|!"u8.Contains(delimiter)) || (IsSpace(previous) && !ExpressionMayStart(commandCall: true)))
        {
            return false;
        }

        var end = FindDelimiter(open);
        if (end < 0)
        {
            _resting.Add(rule);
            return false;
        }

        AddString(_position, end);
        _position = end;
        return true;
    }

    /// <summary>Past the delimiter that closes the one at <paramref name="open"/>, nesting brackets and skipping escapes, or -1.</summary>
    private readonly int FindDelimiter(int open)
    {
        var delimiter = _text[open];
        var close = delimiter switch
        {
            (byte)'(' => (byte)')',
            (byte)'[' => (byte)']',
            (byte)'{' => (byte)'}',
            (byte)'<' => (byte)'>',
            _ => delimiter,
        };
        var depth = 1;
        for (var position = open + 1; position < _end;)
        {
            var skip = _text[position.._end].IndexOfAny(delimiter, close, (byte)'\\');
            if (skip < 0)
            {
                return -1;
            }

            position += skip;
            if (_text[position] == (byte)'\\')
            {
                position += 2;
                continue;
            }

            depth += _text[position] == close ? -1 : 1;
            position++;
            if (depth == 0)
            {
                return position;
            }
        }

        return -1;
    }

    /// <summary><c>q{} qq{} qw{} qr{} m{} s{}{} tr{}{} y{}{}</c>.</summary>
    private bool PerlQuote()
    {
        var previous = ByteAt(_position - 1);
        if (IsWord(previous) || "$@%&>{-"u8.Contains(previous))
        {
            return false;
        }

        var open = _position;
        while (char.IsAsciiLetterLower((char)ByteAt(open)))
        {
            open++;
        }

        var word = _text[_position..open];
        var parts = word.SequenceEqual("s"u8) || word.SequenceEqual("tr"u8) || word.SequenceEqual("y"u8) ? 2
            : word.SequenceEqual("q"u8) || word.SequenceEqual("qq"u8) || word.SequenceEqual("qw"u8) || word.SequenceEqual("qr"u8) || word.SequenceEqual("m"u8) ? 1 : 0;
        if (parts == 0)
        {
            return false;
        }

        var spaced = ByteAt(open) == (byte)' ';
        open += spaced ? 1 : 0;
        var delimiter = ByteAt(open);
        if (IsWord(delimiter) || IsSpace(delimiter) || ",;)=#"u8.Contains(delimiter) || (spaced && !"{([</|"u8.Contains(delimiter)))
        {
            return false;
        }

        if (_missedHeredocs >= MaxMissedHeredocs)
        {
            return false;
        }

        var end = FindDelimiter(open);
        if (end >= 0 && parts == 2)
        {
            var second = "{([<"u8.Contains(delimiter) ? end : end - 1;
            while (second < _end && IsSpace(_text[second]))
            {
                second++;
            }

            end = second < _end ? FindDelimiter(second) : -1;
        }

        if (end < 0)
        {
            _missedHeredocs++;
            return false;
        }

        AddString(_position, end);
        _position = end;
        return true;
    }

    /// <summary>Perl's documentation: from a line that begins with <c>=word</c> to the line <c>=cut</c>.</summary>
    private bool PerlPod()
    {
        if (!char.IsAsciiLetter((char)ByteAt(_position + 1)))
        {
            return false;
        }

        var length = _text[_position.._end].IndexOf("\n=cut"u8);
        var contentEnd = length < 0 ? _end : _position + length;
        var end = Math.Min(_end, contentEnd + 5);
        _tokens.Add(new Token(TokenKind.BlockComment, _position, _position + 1, contentEnd, end));
        _position = end;
        return true;
    }

    private bool EndOfCode(Rule rule)
    {
        var after = ByteAt(_position + rule.Open.Length);
        if (after is not ((byte)'\n' or (byte)'\r'))
        {
            return false;
        }

        // Perl's documentation may stand after the end of its code.
        for (_position += rule.Open.Length; _syntax == Syntaxes.Perl; PerlPod())
        {
            var length = _text[_position.._end].IndexOf("\n="u8);
            if (length < 0)
            {
                break;
            }

            AddString(_position, _position + length);
            _position += length + 1;
        }

        AddString(_position, _end);
        _position = _end;
        return true;
    }

    private bool EndOfIsland()
    {
        _position += 2;
        _islandEnded = true;
        return true;
    }
}
