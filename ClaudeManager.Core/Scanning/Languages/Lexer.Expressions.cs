using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

internal ref partial struct Lexer
{
    private bool RegexLiteral()
    {
        if (_position < _noRegexBefore || ByteAt(_position + 1) is (byte)'>' or (byte)'/' or (byte)'*' || !ExpressionMayStart(_syntax.HasCommandCalls))
        {
            return false;
        }

        var inClass = false;
        for (var position = _position + 1; position < _end; position++)
        {
            switch (_text[position])
            {
                case (byte)'\\':
                    position++;
                    break;
                case (byte)'[':
                    inClass = true;
                    break;
                case (byte)']':
                    inClass = false;
                    break;
                case (byte)'/' when !inClass:
                    AddString(_position, position + 1);
                    _position = position + 1;
                    return true;
                case (byte)'\n':
                    // No other slash of this line can do better; without this a hostile line would be read once per slash.
                    _noRegexBefore = position;
                    return false;
            }
        }

        _noRegexBefore = _end;
        return false;
    }

    /// <summary>Whether an operand may stand here, so that a slash or an angle bracket is not an operator. Told by what comes before.</summary>
    private readonly bool ExpressionMayStart(bool commandCall)
    {
        var position = BeforeSpaceAndComments(_position);
        if (position < _start)
        {
            return true;
        }

        var previous = _text[position];
        if (previous is (byte)')' or (byte)']' or (byte)'"' or (byte)'\'' or (byte)'`')
        {
            return false;
        }

        if (previous is (byte)'+' or (byte)'-' && ByteAt(position - 1) == previous)
        {
            return false;
        }

        if (!IsWord(previous) && previous != (byte)'$')
        {
            return true;
        }

        var start = position;
        while (start > _start && (IsWord(_text[start - 1]) || _text[start - 1] == (byte)'$') && position - start < 16)
        {
            start--;
        }

        // Ruby's "split /,/": a method name, a space, and no space after the slash.
        return (ByteAt(start - 1) != (byte)'.' && _syntax.ExpressionKeywords.Contains(Encoding.UTF8.GetString(_text[start..(position + 1)])))
            || (commandCall && position < _position - 1 && !IsSpace(ByteAt(_position + 1)) && !char.IsAsciiDigit((char)previous));
    }

    private readonly int BeforeSpaceAndComments(int position)
    {
        var token = _tokens.Count - 1;
        position--;
        while (position >= _start)
        {
            if (IsSpace(_text[position]))
            {
                position--;
            }
            else if (token >= 0 && _tokens[token].IsComment && _tokens[token].End == position + 1)
            {
                position = _tokens[token--].Start - 1;
            }
            else
            {
                break;
            }
        }

        return position;
    }

    private bool JsxElement(Rule rule)
    {
        var name = _position + 1;
        if (!(IsWord(ByteAt(name)) || ByteAt(name) == (byte)'>') || char.IsAsciiDigit((char)ByteAt(name)) || !ExpressionMayStart(commandCall: false))
        {
            return false;
        }

        var end = name;
        while (IsWord(ByteAt(end)) || ByteAt(end) is (byte)'.' or (byte)'-' or (byte)':')
        {
            end++;
        }

        // Type parameters of an arrow function: <T,>(x) and <T extends X>(x).
        if (ByteAt(end) == (byte)',' || _text[end.._end].StartsWith(" extends "u8) || (end == name && ByteAt(name) != (byte)'>'))
        {
            return false;
        }

        _frames.Add(new Frame { Kind = FrameKind.JsxTag, Start = _position, Rule = rule });
        _position = end;
        return true;
    }

    private void ReadJsxTag()
    {
        var frame = _frames[^1];
        var skip = _text[_position.._end].IndexOfAny("\"'{>/"u8);
        if (skip < 0)
        {
            _position = _end;
            return;
        }

        _position += skip;
        var rest = _text[_position.._end];
        switch (rest[0])
        {
            case (byte)'"' or (byte)'\'':
                var close = rest[1..].IndexOf(rest[0]);
                if (close < 0)
                {
                    _position = _end;
                    return;
                }

                AddString(_position, _position + close + 2);
                _position += close + 2;
                break;
            case (byte)'{':
                _position++;
                _frames.Add(new Frame { Kind = FrameKind.Code, Start = _position, Open = (byte)'{', Close = (byte)'}', Rule = frame.Rule });
                break;
            case (byte)'/' when rest.StartsWith("/*"u8):
                var commentEnd = rest[2..].IndexOf("*/"u8);
                var end = commentEnd < 0 ? _end : _position + commentEnd + 4;
                _tokens.Add(new Token(TokenKind.BlockComment, _position, _position + 2, commentEnd < 0 ? _end : end - 2, end));
                _position = end;
                break;
            case (byte)'/' when rest.StartsWith("//"u8):
                var lineEnd = rest.IndexOf((byte)'\n');
                end = lineEnd < 0 ? _end : _position + lineEnd;
                _tokens.Add(new Token(TokenKind.LineComment, _position, _position + 2, end, end));
                _position = end;
                break;
            case (byte)'/' when rest.StartsWith("/>"u8):
                _position += 2;
                _frames.RemoveAt(_frames.Count - 1);
                break;
            case (byte)'>':
                _position++;
                _frames.RemoveAt(_frames.Count - 1);
                if (!frame.Closing)
                {
                    _frames.Add(frame with { Kind = FrameKind.JsxText });
                }
                else if (_frames[^1].Kind == FrameKind.JsxText)
                {
                    _frames.RemoveAt(_frames.Count - 1);
                }

                break;
            default:
                _position++;
                break;
        }
    }

    private void ReadJsxText()
    {
        var skip = _text[_position.._end].IndexOfAny((byte)'<', (byte)'{');
        if (skip < 0)
        {
            _position = _end;
            return;
        }

        _position += skip;
        var rule = _frames[^1].Rule;
        var next = ByteAt(_position + 1);
        if (_text[_position] == (byte)'{')
        {
            _position++;
            _frames.Add(new Frame { Kind = FrameKind.Code, Start = _position, Open = (byte)'{', Close = (byte)'}', Rule = rule });
        }
        else if (next == (byte)'/' || next == (byte)'>' || IsWord(next))
        {
            _frames.Add(new Frame { Kind = FrameKind.JsxTag, Start = _position, Rule = rule, Closing = next == (byte)'/' });
            _position += next == (byte)'>' ? 1 : 2;
        }
        else
        {
            _position++;
        }
    }

    /// <summary><c>key: |</c> and <c>- ></c>: the deeper lines are text, except under a key that holds a script.</summary>
    private bool YamlBlock()
    {
        var previous = _position - 1;
        while (previous >= _start && _text[previous] is (byte)' ' or (byte)'\t')
        {
            previous--;
        }

        var header = _position + 1;
        while (ByteAt(header) is (byte)'+' or (byte)'-' || char.IsAsciiDigit((char)ByteAt(header)))
        {
            header++;
        }

        while (ByteAt(header) is (byte)' ' or (byte)'\t' or (byte)'\r')
        {
            header++;
        }

        // Everything that costs more than a glance comes after this: a line has one such end only.
        if (previous < _start || previous == _position - 1 || !(_text[previous] is (byte)':' or (byte)'-' || IsYamlTag(previous)) || ByteAt(header) is not ((byte)'\n' or (byte)'#'))
        {
            return false;
        }

        var lineStart = previous;
        while (lineStart > _start && _text[lineStart - 1] != (byte)'\n')
        {
            lineStart--;
        }

        var bodyStart = NextLine(header);
        // The node the text belongs to: the key, or the dash of a sequence whose item it is.
        var node = lineStart;
        var dash = lineStart;
        while (ByteAt(node) == (byte)' ' || (ByteAt(node) == (byte)'-' && ByteAt(node + 1) == (byte)' '))
        {
            dash = ByteAt(node) == (byte)'-' ? node : dash;
            node++;
        }

        var indent = (node >= _position ? dash : node) - lineStart;
        var bodyEnd = bodyStart;
        while (bodyEnd < _end)
        {
            var length = _text[bodyEnd.._end].IndexOf((byte)'\n');
            var next = length < 0 ? _end : bodyEnd + length + 1;
            var line = _text[bodyEnd..next];
            var width = line.IndexOfAnyExcept((byte)' ');
            if (width >= 0 && width <= indent && line[width] is not ((byte)'\n' or (byte)'\r'))
            {
                break;
            }

            bodyEnd = next;
        }

        if (ByteAt(header) == (byte)'#')
        {
            var commentEnd = header + _text[header..bodyStart].TrimEnd("\r\n"u8).Length;
            _tokens.Add(new Token(TokenKind.LineComment, header, header + 1, commentEnd, commentEnd));
        }

        var colon = _text[node.._position].IndexOf((byte)':');
        if (ScriptSyntax(colon < 0 ? [] : _text.Slice(node, colon)) is { } script)
        {
            var inner = new Lexer(_text, _hits, _tokens);
            inner.Code(script, bodyStart, bodyEnd);
        }
        else
        {
            AddString(bodyStart, bodyEnd);
        }

        _position = bodyEnd;
        return true;
    }

    private static Syntax? ScriptSyntax(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key) switch
    {
        "run" or "script" or "before_script" or "after_script" or "bash" or "sh" or "shell" or "command" or "commands" or "cmd" or "cmds" or "install" => Syntaxes.Shell,
        "pwsh" or "powershell" => Syntaxes.PowerShell,
        _ => null,
    };

    /// <summary>Fenced blocks and code spans hold examples.</summary>
    private bool MarkdownCode()
    {
        var fence = _text[_position];
        var run = 0;
        while (ByteAt(_position + run) == fence)
        {
            run++;
        }

        if (run >= 3 && IsLineStart(_position))
        {
            for (var line = NextLine(_position); line < _end; line = NextLine(line))
            {
                var content = _text[line..Math.Min(_end, NextLine(line))].TrimStart(" \t>"u8);
                var closing = content.IndexOfAnyExcept(fence);
                if ((closing < 0 ? content.Length : closing) >= run)
                {
                    AddString(_position, line);
                    _position = NextLine(line);
                    return true;
                }
            }

            // An open fence reaches the end of the document.
            AddString(_position, _end);
            _position = _end;
            return true;
        }

        if (fence == (byte)'`')
        {
            var lineEnd = NextLine(_position);
            for (var position = _position + run; position < lineEnd;)
            {
                var skip = _text[position..lineEnd].IndexOf(fence);
                if (skip < 0)
                {
                    break;
                }

                position += skip;
                var closing = 0;
                while (ByteAt(position + closing) == fence)
                {
                    closing++;
                }

                position += closing;
                if (closing == run)
                {
                    AddString(_position, position);
                    _position = position;
                    return true;
                }
            }
        }

        _position += run;
        return true;
    }

    private readonly int NextLine(int position)
    {
        var length = _text[position.._end].IndexOf((byte)'\n');
        return length < 0 ? _end : position + length + 1;
    }
}
