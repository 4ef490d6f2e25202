using System.Globalization;

namespace ClaudeManager.Core.Configuration;

/// <summary>Where a value comes from: a place in the file, a variable, or the command line.</summary>
/// <param name="Line">From 1; 0 when the source has no lines.</param>
public readonly record struct ConfigurationOrigin(string Source, int Line = 0, int Column = 0)
{
    public override string ToString() => Line == 0 ? Source : string.Create(CultureInfo.InvariantCulture, $"{Source}:{Line}:{Column}");
}

internal enum NodeKind
{
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

/// <summary>A JSON value that knows where it stands. Accessors of a value are called only after its <see cref="KeyType"/> has accepted it.</summary>
internal sealed record ConfigurationNode(NodeKind Kind, string Path, ConfigurationOrigin Origin)
{
    /// <summary>The string, or a number as written.</summary>
    public string Text { get; init; } = "";

    public IReadOnlyList<(string Name, ConfigurationNode Value)> Members { get; init; } = [];

    public IReadOnlyList<ConfigurationNode> Items { get; init; } = [];

    public bool Flag => Text == "true";

    public int Whole => int.Parse(Text, CultureInfo.InvariantCulture);

    public decimal Real => decimal.Parse(Text, NumberStyles.Float, CultureInfo.InvariantCulture);

    public TimeSpan Seconds => TimeSpan.FromSeconds(Whole);

    public IReadOnlyList<string> Texts => [.. Items.Select(i => i.Text)];

    /// <summary>This value and all below it.</summary>
    public IEnumerable<ConfigurationNode> Descend() => [this, .. Members.SelectMany(m => m.Value.Descend()), .. Items.SelectMany(i => i.Descend())];
}
