using System.Globalization;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Configuration;

/// <summary>What a key's value must be: checks it, reads it from a variable or the command line, and says it in words.</summary>
internal abstract record KeyType
{
    public abstract string Description { get; }

    public abstract void Check(ConfigurationNode node, List<ConfigurationFinding> findings);

    /// <summary>The value from plain text; a type that text cannot express is read as JSON.</summary>
    public virtual ConfigurationNode? FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings)
        => ConfigurationParser.Parse(text, origin.Source, path, findings);

    /// <summary>The value as it may be shown: short, and masked when it is a secret.</summary>
    internal static string Show(ConfigurationNode node) => node.Kind switch
    {
        NodeKind.Object => "an object",
        NodeKind.Array => "a list",
        NodeKind.Null => "null",
        NodeKind.Text when SecretPatterns.Find(node.Text).Count > 0 => Redactor.Mask,
        NodeKind.Text => $"\"{Printable(node.Text)}\"",
        _ => node.Text,
    };

    protected static bool Is(ConfigurationNode node, NodeKind kind, string wanted, string example, List<ConfigurationFinding> findings)
    {
        if (node.Kind == kind)
        {
            return true;
        }

        findings.Add(ConfigurationRules.WrongType.At(node.Path, node.Origin, $"{Show(node)} is not {wanted}.", $"Write {wanted}, e.g. {example}, or leave the key out."));
        return false;
    }

    private static string Printable(string text)
        => string.Concat((text.Length > 80 ? text[..80] + "…" : text).Select(c => char.IsControl(c) || char.GetUnicodeCategory(c) == UnicodeCategory.Format ? '\uFFFD' : c));
}

internal sealed record FlagType : KeyType
{
    public override string Description => "true or false";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings) => Is(node, NodeKind.Boolean, "true or false", "true", findings);

    public override ConfigurationNode FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings)
        => text.Trim().ToLowerInvariant() switch
        {
            "true" or "1" or "yes" or "on" => new ConfigurationNode(NodeKind.Boolean, path, origin) { Text = "true" },
            "false" or "0" or "no" or "off" => new ConfigurationNode(NodeKind.Boolean, path, origin) { Text = "false" },
            _ => new ConfigurationNode(NodeKind.Text, path, origin) { Text = text },
        };
}

internal sealed record WholeType(int Minimum, int Maximum) : KeyType
{
    public override string Description => Maximum == int.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"whole number, at least {Minimum}")
        : string.Create(CultureInfo.InvariantCulture, $"whole number, {Minimum}–{Maximum}");

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (!Is(node, NodeKind.Number, "a whole number", Minimum.ToString(CultureInfo.InvariantCulture), findings))
        {
            return;
        }

        if (node.Text.AsSpan().ContainsAny(".eE"))
        {
            findings.Add(ConfigurationRules.WrongType.At(node.Path, node.Origin, $"{Show(node)} is not a whole number.", $"Write a {Description}."));
        }
        else if (!int.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) || value < Minimum || value > Maximum)
        {
            findings.Add(ConfigurationRules.OutOfRange.At(node.Path, node.Origin, $"{Show(node)} is out of range.", $"Write a {Description}."));
        }
    }

    public override ConfigurationNode FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings) => Number(text, path, origin);

    internal static ConfigurationNode Number(string text, string path, ConfigurationOrigin origin)
        => new(decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? NodeKind.Number : NodeKind.Text, path, origin) { Text = text.Trim() };
}

internal sealed record RealType(decimal Minimum, decimal Maximum, bool AboveMinimum = false) : KeyType
{
    public override string Description => string.Create(CultureInfo.InvariantCulture, $"number, {(AboveMinimum ? "above " : "")}{Minimum}–{Maximum}");

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (Is(node, NodeKind.Number, "a number", Maximum.ToString(CultureInfo.InvariantCulture), findings)
            && (!decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || value < Minimum || value > Maximum || (AboveMinimum && value == Minimum)))
        {
            findings.Add(ConfigurationRules.OutOfRange.At(node.Path, node.Origin, $"{Show(node)} is out of range.", $"Write a {Description}."));
        }
    }

    public override ConfigurationNode FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings) => WholeType.Number(text, path, origin);
}

/// <param name="What">Completes "is not …".</param>
/// <param name="Pattern">Anchored at both ends.</param>
/// <param name="AlsoRefused">What the pattern cannot say.</param>
internal sealed record TextType(string What, string Example, int Minimum = 1, int Maximum = 4096, Regex? Pattern = null, Func<string, bool>? AlsoRefused = null) : KeyType
{
    public override string Description => What;

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (!Is(node, NodeKind.Text, $"{What} (text)", $"\"{Example}\"", findings))
        {
            return;
        }

        var text = node.Text;
        if (text.Length < Minimum || text.Length > Maximum || text.AsSpan().ContainsAny("\0\r\n") || Pattern?.IsMatch(text) == false || AlsoRefused?.Invoke(text) == true)
        {
            findings.Add(ConfigurationRules.BadText.At(node.Path, node.Origin, $"{Show(node)} is not {What}.",
                string.Create(CultureInfo.InvariantCulture, $"Write {What} of {Minimum} to {Maximum} characters, e.g. \"{Example}\".")));
        }
    }

    public override ConfigurationNode FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings) => new(NodeKind.Text, path, origin) { Text = text };
}

internal sealed record ChoiceType(params string[] Values) : KeyType
{
    public override string Description => string.Join(", ", Values.Select(v => $"`{v}`"));

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (Is(node, NodeKind.Text, "text", $"\"{Values[0]}\"", findings) && !Values.Contains(node.Text, StringComparer.Ordinal))
        {
            findings.Add(ConfigurationRules.NotAllowed.At(node.Path, node.Origin, $"{Show(node)} is not allowed here.{Spelling.DidYouMean(node.Text, Values)}", $"Write one of: {string.Join(", ", Values)}."));
        }
    }

    public override ConfigurationNode FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings) => new(NodeKind.Text, path, origin) { Text = text };
}

internal sealed record ListType(KeyType Element, int Minimum = 0, int Maximum = 1000) : KeyType
{
    public override string Description => $"list, each entry {Element.Description}";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (!Is(node, NodeKind.Array, "a list", "[…]", findings))
        {
            return;
        }

        if (node.Items.Count < Minimum || node.Items.Count > Maximum)
        {
            findings.Add(ConfigurationRules.BadCount.At(node.Path, node.Origin, string.Create(CultureInfo.InvariantCulture, $"{node.Items.Count} entries."),
                string.Create(CultureInfo.InvariantCulture, $"Write {Minimum} to {Maximum} entries.")));
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in node.Items)
        {
            Element.Check(item, findings);
            if (item.Kind == NodeKind.Text && !seen.Add(item.Text))
            {
                findings.Add(ConfigurationRules.Repeated.At(item.Path, item.Origin, $"{Show(item)} is already in the list.", "Remove one of the two."));
            }
        }
    }

    /// <summary>A JSON list, or entries separated by commas.</summary>
    public override ConfigurationNode? FromText(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings)
        => text.TrimStart().StartsWith('[')
            ? base.FromText(text, path, origin, findings)
            : new ConfigurationNode(NodeKind.Array, path, origin)
            {
                Items = [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                    .Select((entry, i) => new ConfigurationNode(NodeKind.Text, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), origin) { Text = entry })],
            };
}

/// <summary>An argument list: order matters, entries may repeat and may be empty.</summary>
internal sealed record ArgumentsType(int Minimum = 0) : KeyType
{
    public override string Description => "list of arguments";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (!Is(node, NodeKind.Array, "a list of arguments", """["dotnet", "test"]""", findings))
        {
            return;
        }

        if (node.Items.Count < Minimum)
        {
            findings.Add(ConfigurationRules.BadCount.At(node.Path, node.Origin, "A command without a program.", """Write the program and its arguments, e.g. ["dotnet", "test"]."""));
        }

        foreach (var item in node.Items)
        {
            if (Is(item, NodeKind.Text, "text", "\"--all\"", findings) && item.Text.Contains('\0', StringComparison.Ordinal))
            {
                findings.Add(ConfigurationRules.BadText.At(item.Path, item.Origin, "An argument cannot hold a NUL character.", "Remove it."));
            }
        }
    }
}

/// <summary>Commands, each a list of arguments that begins with the program.</summary>
internal sealed record CommandsType : KeyType
{
    private static readonly ArgumentsType s_command = new(1);

    public override string Description => "list of commands, each a list of arguments";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (Is(node, NodeKind.Array, "a list of commands", """[["dotnet", "test"]]""", findings))
        {
            foreach (var item in node.Items)
            {
                s_command.Check(item, findings);
            }
        }
    }
}

internal sealed record MapType(string KeyName, KeyType Element) : KeyType
{
    public override string Description => $"object of {KeyName} → {Element.Description}";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (Is(node, NodeKind.Object, "an object", "{…}", findings))
        {
            foreach (var (_, value) in node.Members)
            {
                Element.Check(value, findings);
            }
        }
    }
}

/// <summary>A part whose inside a later version checks, because a later version is the first to use it.</summary>
internal sealed record StructureType(NodeKind Kind) : KeyType
{
    public override string Description => Kind == NodeKind.Array ? "list of objects" : "object";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings) => Is(node, Kind, Description, Kind == NodeKind.Array ? "[…]" : "{…}", findings);
}
