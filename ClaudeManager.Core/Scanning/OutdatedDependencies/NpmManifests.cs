using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using NuGet.Versioning;

namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

/// <summary><c>package.json</c> with npm's lock file. Dependencies on folders, archives, git and tags are no matter of a registry's versions, and are left alone.</summary>
internal static partial class NpmManifests
{
    public static bool Is(string name) => name is "package.json" or "package-lock.json" or "npm-shrinkwrap.json" or ".npmrc";

    /// <param name="registry">The one that is asked.</param>
    public static Manifests Read(IReadOnlyList<ManifestFile> files, Uri registry)
    {
        var unreadable = new List<(string, string)>();
        var locks = new Dictionary<string, Dictionary<string, NuGetVersion>>();
        var written = new List<(ManifestFile File, List<(string Name, string Requested, int Line)> Packages)>();
        var registries = new Dictionary<string, Dictionary<string, string>>();
        foreach (var file in files)
        {
            try
            {
                switch (file.Name)
                {
                    case "package.json":
                        written.Add((file, ReadPackage(Text.WithoutMark(file.Content).Span)));
                        break;
                    case ".npmrc":
                        registries[file.Folder] = ReadRegistries(file.Content);
                        break;
                    default:
                        locks[file.Folder] = ReadLock(Text.WithoutMark(file.Content));
                        break;
                }
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                unreadable.Add((file.Path, e.Message));
            }
        }

        var dependencies = new List<Dependency>();
        var elsewhere = new HashSet<string>();
        var unclear = 0;
        foreach (var (file, packages) in written)
        {
            foreach (var (name, requested, line) in packages.Where(p => PackageName().IsMatch(p.Name) && !NoVersion().IsMatch(p.Requested)))
            {
                if (RegistryOf(name, file.Folder, registries) is { } named && !named.Equals(registry.Host, StringComparison.OrdinalIgnoreCase))
                {
                    elsewhere.Add(name);
                    continue;
                }

                if (NpmRange.Parse(requested) is not { } range)
                {
                    unclear++;
                    continue;
                }

                var locked = Locked(name, file.Folder, locks);
                if ((locked ?? range.Minimum) is { } current)
                {
                    dependencies.Add(new Dependency(PackageEcosystem.Npm, name, requested, current, newest => locked is null && range.Allows(newest), file.Path, line));
                }
            }
        }

        return new Manifests(dependencies, [.. elsewhere], unclear, unreadable);
    }

    /// <summary>The lines matter, and only the reader below a document knows where it is.</summary>
    private static List<(string Name, string Requested, int Line)> ReadPackage(ReadOnlySpan<byte> json)
    {
        var packages = new List<(string, string, int)>();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var (section, name, line, counted) = (false, "", 1, 0);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName when reader.CurrentDepth == 1:
                    section = reader.ValueTextEquals("dependencies"u8) || reader.ValueTextEquals("devDependencies"u8) || reader.ValueTextEquals("optionalDependencies"u8);
                    break;
                case JsonTokenType.PropertyName when section && reader.CurrentDepth == 2:
                    name = reader.GetString()!;
                    var at = (int)reader.TokenStartIndex;
                    (line, counted) = (line + json[counted..at].Count((byte)'\n'), at);
                    break;
                case JsonTokenType.String when section && reader.CurrentDepth == 2:
                    packages.Add((name, reader.GetString()!.Trim(), line));
                    break;
            }
        }

        return packages;
    }

    /// <summary>By the place of a package below the lock file.</summary>
    private static Dictionary<string, NuGetVersion> ReadLock(ReadOnlyMemory<byte> json)
    {
        var resolved = new Dictionary<string, NuGetVersion>();
        using var document = JsonDocument.Parse(json);
        var (section, prefix) = document.RootElement.TryGetProperty("packages"u8, out var packages) ? (packages, "") // version 2 and 3
            : document.RootElement.TryGetProperty("dependencies"u8, out var dependencies) ? (dependencies, "node_modules/") // version 1
            : (default, "");
        foreach (var package in section.ValueKind == JsonValueKind.Object ? section.EnumerateObject() : default)
        {
            if (package.Value.TryGetProperty("version"u8, out var version) && NuGetVersion.TryParse(version.GetString(), out var parsed))
            {
                resolved[prefix + package.Name] = parsed;
            }
        }

        return resolved;
    }

    private static NuGetVersion? Locked(string name, string folder, Dictionary<string, Dictionary<string, NuGetVersion>> locks)
    {
        foreach (var above in ManifestFile.FoldersAbove(folder))
        {
            if (locks.TryGetValue(above, out var resolved))
            {
                // A workspace may have a version of its own, deeper than what all of them share.
                var relative = folder[above.Length..].TrimStart('/');
                return ManifestFile.FoldersAbove(relative).Select(at => resolved.GetValueOrDefault(at.Length == 0 ? $"node_modules/{name}" : $"{at}/node_modules/{name}")).FirstOrDefault(v => v is not null);
            }
        }

        return null;
    }

    /// <summary>By scope (<c>@acme</c>), or empty for all. Tokens in the file are not looked at.</summary>
    private static Dictionary<string, string> ReadRegistries(byte[] content)
    {
        var found = new Dictionary<string, string>();
        foreach (var line in Encoding.UTF8.GetString(content).Split('\n'))
        {
            if (Registry().Match(line.Trim()) is { Success: true } match)
            {
                // What cannot be read, a variable for instance, is surely not the public one.
                found[match.Groups["scope"].Value] = Uri.TryCreate(match.Groups["url"].Value, UriKind.Absolute, out var url) ? url.Host : "";
            }
        }

        return found;
    }

    private static string? RegistryOf(string name, string folder, Dictionary<string, Dictionary<string, string>> registries)
    {
        var scope = name.StartsWith('@') ? name[..name.IndexOf('/')] : "";
        var above = ManifestFile.FoldersAbove(folder).Where(registries.ContainsKey).Select(f => registries[f]).ToList();
        return above.Select(r => r.GetValueOrDefault(scope)).FirstOrDefault(r => r is not null) ?? above.Select(r => r.GetValueOrDefault("")).FirstOrDefault(r => r is not null);
    }

    [GeneratedRegex(@"\A(?:@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]{0,213}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PackageName();

    /// <summary>A folder, an archive, git, another name, a workspace, or a tag such as <c>latest</c>.</summary>
    [GeneratedRegex(@"[:/]|\A[A-Za-z]{2,}|\A(?:\*|x|X|)\z", RegexOptions.CultureInvariant)]
    private static partial Regex NoVersion();

    [GeneratedRegex(@"\A(?:(?<scope>@[^:\s]+):)?registry\s*=\s*(?<url>\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex Registry();
}
