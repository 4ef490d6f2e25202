using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using ClaudeManager.Core.Scanning.Languages;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>
/// The function or type around a position, told by declarations and indentation: no parser, but right for code that is laid out as people lay it out.
/// Goes forward only, so that many markers in a file cost one pass over it.
/// </summary>
internal ref struct SymbolTracker(ReadOnlySpan<byte> text, List<Token> tokens, Language language)
{
    /// <summary>No declaration is looked for beyond this column.</summary>
    private const int MaxLine = 300;
    private const int MaxName = 100;

    /// <summary>How many attribute lines may stand between a comment and what it describes.</summary>
    private const int MaxAttributeLines = 4;

    private static readonly FrozenSet<string> s_declaring = FrozenSet.ToFrozenSet(
        [
            "class", "struct", "interface", "enum", "record", "trait", "impl", "module", "namespace", "def", "defp", "defmodule", "defmacro", "func", "fn", "fun", "function", "sub",
            "object", "protocol", "extension", "proc", "macro", "actor", "contract", "type", "procedure", "table", "view", "trigger", "mod", "union", "message", "service",
        ],
        StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> s_notNames = FrozenSet.ToFrozenSet(
        ["if", "for", "foreach", "while", "switch", "return", "else", "catch", "using", "lock", "new", "throw", "await", "case", "do", "try", "elif", "elseif", "until", "when", "with", "sizeof", "typeof", "defined", "assert", "print", "echo", "fixed", "function", "super", "this", "yield", "in", "not", "and", "or", "is", "are", "was", "has", "of", "that", "to", "which", "must", "should", "can", "will"],
        StringComparer.Ordinal);

    private static readonly HashSet<Syntax> s_withoutDeclarations =
    [
        Syntaxes.Html, Syntaxes.Xml, Syntaxes.Markdown, Syntaxes.Css, Syntaxes.Scss, Syntaxes.Yaml, Syntaxes.Toml, Syntaxes.Ini, Syntaxes.Properties, Syntaxes.Hash, Syntaxes.HashAfterSpace,
        Syntaxes.HashAtLineStart, Syntaxes.Make, Syntaxes.CMake, Syntaxes.Latex, Syntaxes.Terraform, Syntaxes.Nix, Syntaxes.Batch, Syntaxes.Assembly,
    ];

    private static readonly SearchValues<byte> s_wordBytes = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"u8);

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly List<Token> _tokens = tokens;
    private readonly Language _language = language;
    private readonly List<(int Indent, string Name)> _open = [];
    private int _position;
    private int _token;

    /// <param name="comment">The comment the marker is in.</param>
    /// <param name="commentEnd">Where the text of the marker ends.</param>
    /// <param name="isTrailing">Code stands before the comment on its line.</param>
    public string? At(Token comment, int commentEnd, bool isTrailing)
    {
        if (s_withoutDeclarations.Contains(_language.Syntax))
        {
            return null;
        }

        var lineStart = _text[..comment.Start].LastIndexOf((byte)'\n') + 1;
        Advance(lineStart);
        var indent = Indent(_text[lineStart..]);
        if (isTrailing)
        {
            if (Declaration(_text[lineStart..comment.Start]) is { } own)
            {
                return own;
            }
        }
        else if (DescribedBelow(Math.Max(comment.End, commentEnd), indent) is { } described)
        {
            return described;
        }

        for (var index = _open.Count - 1; index >= 0; index--)
        {
            if (_open[index].Indent < indent)
            {
                return _open[index].Name;
            }
        }

        return null;
    }

    private void Advance(int end)
    {
        while (_position < end)
        {
            var length = _text[_position..end].IndexOf((byte)'\n');
            var next = length < 0 ? end : _position + length + 1;
            while (_token < _tokens.Count && _tokens[_token].End <= _position)
            {
                _token++;
            }

            var insideToken = _token < _tokens.Count && _tokens[_token].Start < _position;
            if (!insideToken)
            {
                Line(_text[_position..next]);
            }

            _position = next;
        }
    }

    private readonly void Line(ReadOnlySpan<byte> line)
    {
        var content = line.Trim(" \t\r\n"u8);
        if (content.IsEmpty)
        {
            return;
        }

        var indent = Indent(line);
        var name = Declaration(line);
        var closes = name is not null
            || (_language.IsIndented ? !")]}"u8.Contains(content[0]) && content[0] != (byte)'#' : content[0] == (byte)'}' || content.SequenceEqual("end"u8) || content.StartsWith("end "u8));
        while (closes && _open.Count > 0 && _open[^1].Indent >= indent)
        {
            _open.RemoveAt(_open.Count - 1);
        }

        if (name is not null)
        {
            _open.Add((indent, name));
        }
    }

    /// <summary>The declaration directly below a comment of the same indentation is what the comment is about.</summary>
    private readonly string? DescribedBelow(int position, int indent)
    {
        var length = _text[position..].IndexOf((byte)'\n');
        for (var attributes = 0; length >= 0 && attributes <= MaxAttributeLines; attributes++)
        {
            position += length + 1;
            length = _text[position..].IndexOf((byte)'\n');
            var line = length < 0 ? _text[position..] : _text.Slice(position, length);
            var content = line.Trim(" \t\r"u8);
            if (content.IsEmpty || Indent(line) != indent)
            {
                return null;
            }

            if (Declaration(line) is { } name)
            {
                return name;
            }

            // Attributes, decorators, further comment lines.
            if (!"[@#/*-"u8.Contains(content[0]))
            {
                return null;
            }
        }

        return null;
    }

    private static int Indent(ReadOnlySpan<byte> line)
    {
        var indent = 0;
        foreach (var value in line)
        {
            switch (value)
            {
                case (byte)' ':
                    indent++;
                    break;
                case (byte)'\t':
                    indent += 4;
                    break;
                default:
                    return indent;
            }
        }

        return indent;
    }

    private readonly string? Declaration(ReadOnlySpan<byte> line)
    {
        line = line[..Math.Min(line.Length, MaxLine)].Trim(" \t\r\n"u8);
        if (line.IsEmpty || !(char.IsAsciiLetter((char)line[0]) || line[0] is (byte)'_' or (byte)'~')
            || (line[^1] == (byte)';' && line.IndexOf("=>"u8) < 0))
        {
            return null;
        }

        var words = 0;
        string? before = null;
        for (var position = 0; position < line.Length;)
        {
            if (!MarkerSet.IsWordByte(line[position]))
            {
                if (line[position] is (byte)'=' or (byte)'"' or (byte)'\'')
                {
                    return _language.IsIndented ? null : AssignedFunction(line);
                }

                if (line[position] == (byte)'(' && before is not null)
                {
                    return !_language.IsIndented && IsCallable(line, before, words, position) ? before : null;
                }

                position++;
                continue;
            }

            var length = line[position..].IndexOfAnyExcept(s_wordBytes);
            var word = Encoding.ASCII.GetString(line.Slice(position, length < 0 ? line.Length - position : length));
            position += word.Length;
            words++;
            if (s_declaring.Contains(word) && DeclaredName(line, position) is { } name)
            {
                return name;
            }

            before = word;
        }

        return null;
    }

    /// <summary><c>int Name(…)</c>, <c>name(…) {</c>, and not a call or a control statement.</summary>
    private static bool IsCallable(ReadOnlySpan<byte> line, string name, int words, int parenthesis)
        => name.Length <= MaxName && !s_notNames.Contains(name) && !char.IsAsciiDigit(name[0])
            && line[parenthesis - 1] != (byte)' ' && line[..parenthesis].IndexOfAny((byte)'.', (byte)',') < 0
            && !s_notNames.Contains(Encoding.ASCII.GetString(line[..Math.Max(0, line.IndexOfAnyExcept(s_wordBytes))]))
            && (words > 1 || line[^1] == (byte)'{');

    private static string? DeclaredName(ReadOnlySpan<byte> line, int position)
    {
        var rest = line[position..];
        if (rest.IsEmpty || rest[0] is not ((byte)' ' or (byte)'<'))
        {
            return null;
        }

        rest = rest.TrimStart((byte)' ');
        // Go's receiver, Rust's type parameters.
        if (!rest.IsEmpty && rest[0] is (byte)'(' or (byte)'<')
        {
            var close = rest.IndexOf(rest[0] == (byte)'(' ? (byte)')' : (byte)'>');
            rest = close < 0 ? [] : rest[(close + 1)..].TrimStart((byte)' ');
        }

        rest = rest.StartsWith("self."u8) ? rest[5..] : rest;
        var length = rest.IndexOfAnyExcept(s_wordBytes);
        var name = Encoding.ASCII.GetString(length < 0 ? rest : rest[..length]);
        return name.Length is > 0 and <= MaxName && !char.IsAsciiDigit(name[0]) && !s_declaring.Contains(name) && !s_notNames.Contains(name) ? name : null;
    }

    /// <summary><c>const name = (…) => {</c>, <c>name = function (…)</c>, <c>name &lt;- function(…)</c>.</summary>
    private static string? AssignedFunction(ReadOnlySpan<byte> line)
    {
        var equals = line.IndexOf((byte)'=');
        var arrow = line.IndexOf("<-"u8);
        var end = arrow >= 0 ? arrow : equals;
        if (end <= 0 || !(line.IndexOf("=>"u8) > end || line[end..].IndexOf("function"u8) >= 0) || line.IndexOf((byte)'(') is >= 0 and var open && open < end)
        {
            return null;
        }

        var target = line[..end].TrimEnd((byte)' ');
        var start = target.LastIndexOfAnyExcept(s_wordBytes) + 1;
        var name = Encoding.ASCII.GetString(target[start..]);
        return name.Length is > 0 and <= MaxName ? name : null;
    }
}
