using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ClaudeManager.Core.Configuration;

/// <summary>JSON with comments and trailing commas into nodes with positions. A key written twice is a finding: which of the two counts would be a guess.</summary>
internal ref struct ConfigurationParser
{
    private static readonly JsonReaderOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 32 };

    private readonly string _source;
    private readonly byte[] _bytes;
    private readonly List<ConfigurationFinding> _findings;
    private readonly List<int> _lineStarts;
    private Utf8JsonReader _reader;

    private ConfigurationParser(string text, string source, List<ConfigurationFinding> findings)
    {
        _source = source;
        _bytes = Encoding.UTF8.GetBytes(text.TrimStart('\uFEFF'));
        _findings = findings;
        _lineStarts = [0];
        for (var i = 0; i < _bytes.Length; i++)
        {
            if (_bytes[i] == '\n')
            {
                _lineStarts.Add(i + 1);
            }
        }

        _reader = new Utf8JsonReader(_bytes, s_options);
    }

    /// <returns>The root, or null after a syntax error, which is then among the findings.</returns>
    public static ConfigurationNode? Parse(string text, string source, string path, List<ConfigurationFinding> findings)
    {
        var parser = new ConfigurationParser(text, source, findings);
        try
        {
            parser._reader.Read();
            var root = parser.Value(path);
            // What follows the value is an error too; only reading on finds it.
            while (parser._reader.Read())
            {
            }

            return root;
        }
        catch (JsonException e)
        {
            var line = (int)(e.LineNumber ?? 0);
            var column = parser.Column(line, parser._lineStarts[Math.Min(line, parser._lineStarts.Count - 1)] + (int)(e.BytePositionInLine ?? 0));
            findings.Add(ConfigurationRules.Syntax.At("", new ConfigurationOrigin(source, line + 1, column),
                Reason(e.Message), "Correct the text at this place; comments (// and /* */) and trailing commas are allowed."));
            return null;
        }
    }

    private ConfigurationNode Value(string path)
    {
        var node = new ConfigurationNode(NodeKind.Null, path, Origin());
        switch (_reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return node with { Kind = NodeKind.Object, Members = Members(path) };
            case JsonTokenType.StartArray:
                return node with { Kind = NodeKind.Array, Items = Items(path) };
            case JsonTokenType.String:
                return node with { Kind = NodeKind.Text, Text = _reader.GetString()! };
            case JsonTokenType.Number:
                return node with { Kind = NodeKind.Number, Text = Encoding.ASCII.GetString(_reader.ValueSpan) };
            case JsonTokenType.True or JsonTokenType.False:
                return node with { Kind = NodeKind.Boolean, Text = _reader.TokenType == JsonTokenType.True ? "true" : "false" };
            default:
                return node;
        }
    }

    private List<(string Name, ConfigurationNode Value)> Members(string path)
    {
        var members = new List<(string Name, ConfigurationNode Value)>();
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.GetString()!;
            var origin = Origin();
            _reader.Read();
            var value = Value(path.Length == 0 ? name : $"{path}.{name}");
            if (members.FindIndex(m => m.Name == name) is var first && first >= 0)
            {
                _findings.Add(ConfigurationRules.DuplicateKey.At(value.Path, origin,
                    $"The key is written twice; the first time at line {members[first].Value.Origin.Line}.", "Keep one of the two."));
                continue;
            }

            members.Add((name, value));
        }

        return members;
    }

    private List<ConfigurationNode> Items(string path)
    {
        var items = new List<ConfigurationNode>();
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(Value(string.Create(CultureInfo.InvariantCulture, $"{path}[{items.Count}]")));
        }

        return items;
    }

    private readonly ConfigurationOrigin Origin()
    {
        var offset = (int)_reader.TokenStartIndex;
        var index = _lineStarts.BinarySearch(offset);
        var line = index >= 0 ? index : ~index - 1;
        return new ConfigurationOrigin(_source, line + 1, Column(line, offset));
    }

    /// <summary>Counted in characters, as editors do, not in bytes.</summary>
    private readonly int Column(int line, int offset)
    {
        var start = _lineStarts[Math.Min(line, _lineStarts.Count - 1)];
        return Encoding.UTF8.GetCharCount(_bytes, start, Math.Clamp(offset, start, _bytes.Length) - start) + 1;
    }

    /// <summary>The framework's message without its own position, which counts from 0 and would contradict ours.</summary>
    private static string Reason(string message)
        => message.IndexOf(" LineNumber:", StringComparison.Ordinal) is var position && position > 0 ? message[..position] : message;
}
