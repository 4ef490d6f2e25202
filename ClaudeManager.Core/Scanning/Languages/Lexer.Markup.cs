using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

internal ref partial struct Lexer
{
    /// <summary>How far the brace may be from <c>@if</c>.</summary>
    private const int MaxRazorHead = 2000;

    private void PhpDocument(int end)
    {
        for (var position = 0; position < end;)
        {
            var island = IndexOfPhp(position, end);
            MarkupDocument(Syntaxes.Html, position, island < 0 ? end : island);
            if (island < 0)
            {
                break;
            }

            position = Code(Syntaxes.Php, island + 2, end);
        }
    }

    private readonly int IndexOfPhp(int start, int end)
    {
        var length = _text[start..end].IndexOf("<?"u8);
        while (length >= 0)
        {
            var island = start + length;
            if (!_text[island..end].StartsWith("<?xml"u8))
            {
                return island;
            }

            start = island + 2;
            length = _text[start..end].IndexOf("<?"u8);
        }

        return -1;
    }

    /// <summary>Elements, comments and what is embedded in them. Text between elements is neither comment nor string.</summary>
    private void MarkupDocument(Syntax syntax, int start, int end)
    {
        // The rules of the markup's own syntax are its comments; what is embedded is read by a lexer of its own.
        _syntax = syntax;
        _frames = [];
        _resting = [];
        _start = start;
        _end = end;
        var noTagBefore = start;
        for (var position = start; position < end;)
        {
            var skip = _text[position..end].IndexOfAny(syntax.Starts);
            if (skip < 0)
            {
                break;
            }

            position += skip;
            _position = position;
            var opened = false;
            foreach (var rule in syntax.RulesAt(_text[position]))
            {
                if (IsOpenedBy(rule) && Open(rule))
                {
                    opened = true;
                    break;
                }
            }

            if (opened)
            {
                position = _position;
            }
            else if (syntax.Markup == MarkupKind.Razor && _text[position] == (byte)'@')
            {
                position = RazorCode(position, end);
            }
            else if (_text[position] == (byte)'<' && position + 1 < end && (char.IsAsciiLetter((char)_text[position + 1]) || _text[position + 1] == (byte)'/'))
            {
                position = position < noTagBefore ? position + 1 : Element(syntax, position, end, ref noTagBefore);
            }
            else
            {
                position++;
            }
        }
    }

    /// <summary>Past the tag, or past what is embedded in a <c>script</c> or <c>style</c>.</summary>
    private int Element(Syntax syntax, int start, int end, ref int noTagBefore)
    {
        var position = start + 1;
        while (position < end)
        {
            var skip = _text[position..end].IndexOfAny((byte)'>', (byte)'"', (byte)'\'');
            if (skip < 0)
            {
                // No tag after this one ends either.
                noTagBefore = end;
                return start + 1;
            }

            position += skip;
            if (_text[position] == (byte)'>')
            {
                position++;
                break;
            }

            // Only after "=" does a quote open a value; elsewhere it is an apostrophe in a broken tag.
            var close = _text[position - 1] is (byte)'=' or (byte)' ' ? _text[(position + 1)..end].IndexOf(_text[position]) : -1;
            if (close >= 0)
            {
                AddString(position, position + close + 2);
                position += close + 2;
            }
            else
            {
                position++;
            }
        }

        if (syntax.Markup == MarkupKind.Xml)
        {
            return position;
        }

        var tag = _text[start..position];
        var embedded = IsElement(tag, "script"u8) ? ScriptOf(tag) : IsElement(tag, "style"u8) ? StyleOf(tag) : null;
        if (embedded is null || tag.EndsWith("/>"u8))
        {
            return position;
        }

        var closing = IndexOfIgnoreCase(_text[position..end], IsElement(tag, "script"u8) ? "</script"u8 : "</style"u8);
        var contentEnd = closing < 0 ? end : position + closing;
        var inner = new Lexer(_text, _hits, _tokens);
        inner.Code(embedded, position, contentEnd);
        return contentEnd;
    }

    private static bool IsElement(ReadOnlySpan<byte> tag, ReadOnlySpan<byte> name)
        => tag.Length > name.Length + 1 && Ascii.EqualsIgnoreCase(tag.Slice(1, name.Length), name) && !IsWord(tag[name.Length + 1]) && tag[name.Length + 1] != (byte)'-';

    private static Syntax? ScriptOf(ReadOnlySpan<byte> tag)
    {
        if (tag.IndexOf("lang=\"ts\""u8) >= 0 || tag.IndexOf("lang='ts'"u8) >= 0 || tag.IndexOf("lang=ts"u8) >= 0)
        {
            return Syntaxes.TypeScript;
        }

        // Templates and data in a script element are no script.
        return tag.IndexOf("text/template"u8) >= 0 || tag.IndexOf("text/x-"u8) >= 0 || tag.IndexOf("text/html"u8) >= 0 ? null : Syntaxes.JavaScript;
    }

    private static Syntax StyleOf(ReadOnlySpan<byte> tag)
        => tag.IndexOf("scss"u8) >= 0 || tag.IndexOf("less"u8) >= 0 ? Syntaxes.Scss : Syntaxes.Css;

    private static int IndexOfIgnoreCase(ReadOnlySpan<byte> text, ReadOnlySpan<byte> value)
    {
        for (var position = 0; ;)
        {
            var skip = text[position..].IndexOf(value[..2]);
            if (skip < 0 || position + skip + value.Length > text.Length)
            {
                return -1;
            }

            position += skip;
            if (Ascii.EqualsIgnoreCase(text.Slice(position, value.Length), value))
            {
                return position;
            }

            position += 2;
        }
    }

    /// <summary><c>@{ … }</c>, <c>@code { … }</c>, <c>@if (…) { … }</c>: C# up to the matching brace. Markup inside is read as C# too, with the markup's comments.</summary>
    private int RazorCode(int at, int end)
    {
        var position = at + 1;
        while (position < end && char.IsAsciiLetter((char)_text[position]))
        {
            position++;
        }

        var word = Encoding.UTF8.GetString(_text[(at + 1)..position]);
        if (word is not ("" or "code" or "functions" or "if" or "for" or "foreach" or "while" or "switch" or "using" or "lock" or "try" or "do" or "section"))
        {
            return position;
        }

        var lineEnds = 0;
        var brace = position;
        while (brace < Math.Min(end, position + MaxRazorHead) && _text[brace] != (byte)'{' && lineEnds < 2)
        {
            if (word is "" or "code" or "functions" && !IsSpace(_text[brace]))
            {
                return position;
            }

            lineEnds += _text[brace++] == (byte)'\n' ? 1 : 0;
        }

        if (brace >= end || _text[brace] != (byte)'{')
        {
            return position;
        }

        var inner = new Lexer(_text, _hits, _tokens);
        return inner.Code(Syntaxes.RazorCode, brace + 1, end, untilBrace: true);
    }
}
