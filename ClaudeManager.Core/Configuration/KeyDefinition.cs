namespace ClaudeManager.Core.Configuration;

/// <summary>Puts one accepted value into the configuration.</summary>
/// <param name="names">What stood for each <c>*</c> of the key's path.</param>
internal delegate ManagerConfiguration ApplyValue(ManagerConfiguration configuration, ConfigurationNode value, IReadOnlyList<string> names);

/// <summary>One key: the single place that knows its type, default, words and effect. Shape checks, "did you mean", documentation and schema all come from it.</summary>
/// <param name="Path">Dotted; <c>*</c> stands for a name the operator chooses.</param>
/// <param name="Default">As written in JSON; empty when there is none.</param>
/// <param name="Apply">Null: nothing holds the value yet.</param>
internal sealed record KeyDefinition(string Path, KeyType Type, string Default, string Documentation, ApplyValue? Apply)
{
    /// <summary>False: accepted, because existing files carry it, but this version does not act on it.</summary>
    public bool HasEffect { get; init; } = true;
}

/// <summary>The keys as the tree the file is walked along.</summary>
internal sealed class KeyTree
{
    private readonly Dictionary<string, KeyTree> _children = new(StringComparer.Ordinal);

    public KeyDefinition? Definition { get; private set; }

    public IEnumerable<string> Names => _children.Keys.Where(name => name != "*");

    public static KeyTree Build(IEnumerable<KeyDefinition> definitions)
    {
        var root = new KeyTree();
        foreach (var definition in definitions)
        {
            var tree = root;
            foreach (var segment in definition.Path.Split('.'))
            {
                if (!tree._children.TryGetValue(segment, out var child))
                {
                    tree._children[segment] = child = new KeyTree();
                }

                tree = child;
            }

            tree.Definition = definition;
        }

        return root;
    }

    /// <summary>The part under <paramref name="name"/>; <paramref name="spelling"/> is its name as the table writes it.</summary>
    /// <param name="ignoreCase">For environment variables, whose case is not kept on every platform.</param>
    public KeyTree? Child(string name, bool ignoreCase, out string spelling, out bool chosen)
    {
        chosen = false;
        spelling = name;
        if (name != "*" && _children.TryGetValue(name, out var child))
        {
            return child;
        }

        if (ignoreCase && Names.FirstOrDefault(n => n.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } known)
        {
            spelling = known;
            return _children[known];
        }

        chosen = true;
        return _children.GetValueOrDefault("*");
    }
}
