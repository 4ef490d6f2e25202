using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Configuration;

/// <summary>Makes one immutable configuration from all sources, and finds everything wrong with it in one pass. It opens nothing and changes nothing.</summary>
public static class ConfigurationLoader
{
    private static readonly string[] s_environments = ["development", "staging", "production"];
    private static readonly string[] s_tokenPrefixes = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"];
    private static readonly string[] s_gen1Sections = ["github", "analyzer", "executor"];

    /// <summary>Whether a file that nobody named is ours: other programs have a <c>config.json</c> too.</summary>
    public static bool LooksLikeOurs(string text)
        => ConfigurationParser.Parse(text, "", "", []) is { } root
            ? root.Members.Any(m => ConfigurationKeys.Tree.Names.Contains(m.Name) && m.Value.Kind == NodeKind.Object)
            : ConfigurationKeys.Tree.Names.Any(name => text.Contains($"\"{name}\"", StringComparison.Ordinal));

    public static LoadedConfiguration Load(ConfigurationSources sources)
    {
        var findings = new List<ConfigurationFinding>();
        var values = new Values(findings);
        var configuration = ManagerConfiguration.Default with { Environment = sources.EnvironmentName };

        if (!s_environments.Contains(sources.EnvironmentName))
        {
            findings.Add(ConfigurationRules.UnknownEnvironment.At("", new ConfigurationOrigin(sources.Environment is null ? "ENVIRONMENT" : "command line"),
                $"\"{sources.EnvironmentName}\" is no environment.{Spelling.DidYouMean(sources.EnvironmentName, s_environments)}", $"Use {string.Join(", ", s_environments)}."));
        }

        var root = sources.Text is null ? null : ConfigurationParser.Parse(sources.Text, sources.Name, "", findings);
        if (root is not null)
        {
            if (IsGen1(root))
            {
                configuration = configuration with { Executor = configuration.Executor with { DefaultExecutor = "mention", Timeout = TimeSpan.FromSeconds(300) } };
            }

            values.Walk(root, ConfigurationKeys.Tree, []);
            FindSecrets(sources, root, findings);
        }

        ReadVariables(sources, values, findings);
        foreach (var (path, text) in sources.Overrides)
        {
            values.Set(path.Split('.'), text, new ConfigurationOrigin("command line"), ConfigurationRules.UnknownKey, ignoreCase: false);
        }

        foreach (var (path, value) in values.Accepted)
        {
            configuration = value.Key.Apply?.Invoke(configuration, value.Node, value.Names) ?? configuration;
            if (!value.Key.HasEffect)
            {
                findings.Add(ConfigurationRules.NoEffectYet.At(path, value.Node.Origin, "This version does not act on it.", "It may stay for a later version."));
            }
        }

        foreach (var key in (string[])["github.baseUrl", "analyzer.registries.nuget", "analyzer.registries.npm"])
        {
            if (values.Accepted.TryGetValue(key, out var url))
            {
                CheckHttps(url.Node.Text, key, url.Node.Origin, findings);
            }
        }

        // A text that could not be read says nothing about what is missing in it.
        if (sources.Text is null || root is not null)
        {
            new ConfigurationChecks(configuration, values.Given, sources, findings).Run();
        }

        return new LoadedConfiguration(configuration, new ConfigurationReport(findings));
    }

    /// <summary>The predecessor's file: its three sections, and the handle it could not do without.</summary>
    private static bool IsGen1(ConfigurationNode root)
        => root.Members.All(m => s_gen1Sections.Contains(m.Name))
           && root.Members.Any(m => m.Name == "executor" && m.Value.Members.Any(e => e.Name == "terragonUsername"));

    private static void ReadVariables(ConfigurationSources sources, Values values, List<ConfigurationFinding> findings)
    {
        foreach (var variable in EnvironmentVariable.All)
        {
            if (sources.Variable(variable.Name) is not { } text)
            {
                continue;
            }

            var origin = new ConfigurationOrigin(variable.Name);
            var path = variable.Path ?? variable.Name;
            var problems = new List<ConfigurationFinding>();
            var node = variable.Type.FromText(variable.Type is ChoiceType ? text.ToUpperInvariant() : text, path, origin, problems);
            if (node is not null)
            {
                variable.Type.Check(node, problems);
            }

            if (problems.Count > 0)
            {
                findings.AddRange(problems.Select(p => ConfigurationRules.BadVariable.At(variable.Path ?? "", origin,
                    variable.IsSecret ? $"{variable.Name} is not {variable.Type.Description} of the right length." : $"{variable.Name}: {p.Message}", $"{p.Fix} Or unset {variable.Name}.")));
            }
            else if (variable.Path is not null)
            {
                values.Set(variable.Path.Split('.'), text, origin, ConfigurationRules.BadVariable, ignoreCase: false);
            }
        }

        if (sources.Variable("GITHUB_TOKEN") is { Length: >= 20 } token && !s_tokenPrefixes.Any(prefix => token.StartsWith(prefix, StringComparison.Ordinal)))
        {
            findings.Add(ConfigurationRules.UnknownToken.At("", new ConfigurationOrigin("GITHUB_TOKEN"), "It does not begin like a GitHub token.", $"Check it; tokens begin with {string.Join(", ", s_tokenPrefixes)}."));
        }

        if (sources.Variable("ANTHROPIC_BASE_URL") is { } model && ConfigurationKeys.IsHttpUrl(model))
        {
            CheckHttps(model, "", new ConfigurationOrigin("ANTHROPIC_BASE_URL"), findings);
        }

        foreach (var (name, text) in sources.Variables.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            if (name.StartsWith(EnvironmentVariable.Prefix, StringComparison.OrdinalIgnoreCase) && text.Length > 0)
            {
                values.Set(name[EnvironmentVariable.Prefix.Length..].Split("__"), text, new ConfigurationOrigin(name), ConfigurationRules.BadVariable, ignoreCase: true);
            }
        }
    }

    private static void CheckHttps(string text, string path, ConfigurationOrigin origin, List<ConfigurationFinding> findings)
    {
        var url = new Uri(text);
        if (url.Scheme == Uri.UriSchemeHttp && !ConfigurationChecks.IsLoopback(url.Host))
        {
            findings.Add(ConfigurationRules.PlainHttp.At(path, origin, $"Keys would go to {url.Host} unencrypted.", $"Use https://{url.Authority}, or http only on this machine."));
        }
    }

    /// <summary>Values and names in the tree, then the raw text, because a comment can hold a secret too.</summary>
    private static void FindSecrets(ConfigurationSources sources, ConfigurationNode root, List<ConfigurationFinding> findings)
    {
        const string fix = "Remove it from the file, set it in the environment instead, and replace it: whoever saw the file has seen it.";
        foreach (var node in root.Descend().Where(n => n is { Kind: NodeKind.Text, Text.Length: > 0 }))
        {
            var name = node.Path[(node.Path.LastIndexOf('.') + 1)..];
            if (SecretPatterns.Find(node.Text) is [var secret, ..])
            {
                findings.Add(ConfigurationRules.SecretValue.At(node.Path, node.Origin, $"It holds what looks like a {secret.Kind}.", fix));
            }
            else if (EnvironmentVariable.IsSecretName(name))
            {
                findings.Add(ConfigurationRules.SecretName.At(node.Path, node.Origin, $"A value stands under the name {name}.", fix));
            }
        }

        var known = findings.Where(f => f.Code == ConfigurationRules.SecretValue.Code || f.Code == ConfigurationRules.SecretName.Code).Select(f => f.Origin.Line).ToHashSet();
        foreach (var secret in SecretPatterns.Find(sources.Text!))
        {
            var before = sources.Text.AsSpan(0, secret.Start);
            var line = before.Count('\n') + 1;
            if (known.Add(line))
            {
                findings.Add(ConfigurationRules.SecretValue.At("", new ConfigurationOrigin(sources.Name, line, secret.Start - before.LastIndexOf('\n')), $"The text holds what looks like a {secret.Kind}.", fix));
            }
        }
    }

    /// <summary>Collects values, later sources over earlier ones, each checked by its key.</summary>
    private sealed class Values(List<ConfigurationFinding> findings)
    {
        public Dictionary<string, (KeyDefinition Key, ConfigurationNode Node, IReadOnlyList<string> Names)> Accepted { get; } = new(StringComparer.Ordinal);

        /// <summary>Where each key was last set, refused values included: a rule must not call missing what is only wrong.</summary>
        public Dictionary<string, ConfigurationOrigin> Given { get; } = new(StringComparer.Ordinal);

        public void Walk(ConfigurationNode node, KeyTree tree, IReadOnlyList<string> names)
        {
            if (tree.Definition is { } key)
            {
                Accept(key, node, names);
                return;
            }

            if (node.Kind != NodeKind.Object)
            {
                findings.Add(ConfigurationRules.WrongType.At(node.Path, node.Origin, $"{KeyType.Show(node)} is not an object.", "Write the section as { … }, or leave it out."));
                return;
            }

            foreach (var (name, value) in node.Members)
            {
                if (tree.Child(name, ignoreCase: false, out _, out var chosen) is { } child)
                {
                    Walk(value, child, chosen ? [.. names, name] : names);
                }
                else
                {
                    Unknown(ConfigurationRules.UnknownKey, value.Path, value.Origin, name, tree);
                }
            }
        }

        /// <summary>One value given as text.</summary>
        public void Set(string[] segments, string text, ConfigurationOrigin origin, ConfigurationRule rule, bool ignoreCase)
        {
            var tree = ConfigurationKeys.Tree;
            List<string> path = [], names = [];
            foreach (var segment in segments)
            {
                if (tree.Child(segment, ignoreCase, out var spelling, out var chosen) is not { } child)
                {
                    Unknown(rule, string.Join('.', path.Append(segment)), origin, segment, tree);
                    return;
                }

                if (chosen)
                {
                    names.Add(segment);
                }

                path.Add(spelling);
                tree = child;
            }

            if (tree.Definition is not { } key)
            {
                findings.Add(rule.At(string.Join('.', path), origin, "It is a section, not a value.", "Set the keys in it one by one."));
                return;
            }

            // Levels are written in any case outside the file.
            var value = key.Path == "logging.level" ? text.ToUpperInvariant() : text;
            if (key.Type.FromText(value, string.Join('.', path), origin, findings) is { } node)
            {
                Accept(key, node, names);
            }
        }

        private void Accept(KeyDefinition key, ConfigurationNode node, IReadOnlyList<string> names)
        {
            Given[node.Path] = node.Origin;
            var before = findings.Count;
            key.Type.Check(node, findings);
            if (findings.Count == before)
            {
                Accepted[node.Path] = (key, node, names);
            }
        }

        private void Unknown(ConfigurationRule rule, string path, ConfigurationOrigin origin, string name, KeyTree tree)
        {
            var names = tree.Names.ToList();
            var hint = Spelling.DidYouMean(name, names);
            var elsewhere = hint.Length > 0 ? null : ConfigurationKeys.All.FirstOrDefault(k => k.Path.EndsWith("." + name, StringComparison.Ordinal))?.Path;
            findings.Add(rule.At(path, origin, $"Unknown key.{(elsewhere is null ? hint : $" Did you mean {elsewhere}?")}",
                names.Count == 0 ? "Remove it." : $"Correct or remove it; known here: {string.Join(", ", names)}."));
        }
    }
}
