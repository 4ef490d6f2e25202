using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using NuGet.Versioning;

namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

/// <summary>Projects, central package management and lock files of NuGet. Read as text: nothing of MSBuild is evaluated, so what only it could tell is unclear.</summary>
internal static partial class NuGetManifests
{
    private static readonly string[] s_inherited = ["Directory.Packages.props", "Directory.Build.props"];

    public static bool Is(string name)
        => name.EndsWith(".csproj", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".fsproj", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".vbproj", StringComparison.OrdinalIgnoreCase)
           || name.EndsWith(".props", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".targets", StringComparison.OrdinalIgnoreCase)
           || name.Equals("packages.config", StringComparison.OrdinalIgnoreCase) || name.Equals("nuget.config", StringComparison.OrdinalIgnoreCase) || name == "packages.lock.json";

    /// <param name="registry">The one that is asked.</param>
    public static Manifests Read(IReadOnlyList<ManifestFile> files, Uri registry)
    {
        var unreadable = new List<(string, string)>();
        var documents = new Dictionary<string, XDocument>();
        var locks = new Dictionary<string, Dictionary<string, NuGetVersion>>();
        foreach (var file in files)
        {
            try
            {
                if (file.Name == "packages.lock.json")
                {
                    locks[file.Folder] = ReadLock(file.Content);
                }
                else
                {
                    documents[file.Path] = ReadXml(file.Content);
                }
            }
            catch (Exception e) when (e is XmlException or JsonException or InvalidOperationException)
            {
                unreadable.Add((file.Path, e.Message));
            }
        }

        var dependencies = new List<Dependency>();
        var elsewhere = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var unclear = 0;
        var sources = documents.Where(d => NameOf(d.Key).Equals("nuget.config", StringComparison.OrdinalIgnoreCase)).ToDictionary(d => ManifestFile.FolderOf(d.Key), d => new PackageSources(d.Value, registry));
        foreach (var (path, document) in documents.Where(d => !NameOf(d.Key).Equals("nuget.config", StringComparison.OrdinalIgnoreCase)))
        {
            var folder = ManifestFile.FolderOf(path);
            foreach (var (element, name, written) in References(document))
            {
                if (ManifestFile.FoldersAbove(folder).Any(f => sources.TryGetValue(f, out var s) && !s.ComeFromRegistry(name)))
                {
                    elsewhere.Add(name);
                    continue;
                }

                var version = Resolve(written, path, documents);
                if (version is null || !VersionRange.TryParse(version, allowFloating: true, out var range))
                {
                    unclear++;
                    continue;
                }

                var locked = locks.GetValueOrDefault(folder)?.GetValueOrDefault(name);
                var current = locked ?? (range.HasLowerBound ? range.MinVersion : null);
                if (current is null)
                {
                    // "*" without a lock file takes whatever is newest.
                    unclear += range.IsFloating ? 0 : 1;
                    continue;
                }

                dependencies.Add(new Dependency(PackageEcosystem.NuGet, name, version, current, newest => locked is null && range.IsFloating && range.Float!.Satisfies(newest), path, ((IXmlLineInfo)element).LineNumber));
            }
        }

        return new Manifests(dependencies, [.. elsewhere], unclear, unreadable);
    }

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    private static IEnumerable<(XElement Element, string Name, string Version)> References(XDocument document)
    {
        foreach (var element in document.Descendants())
        {
            var (name, version) = element.Name.LocalName switch
            {
                "PackageReference" or "PackageVersion" or "GlobalPackageReference" => (
                    (string?)element.Attribute("Include") ?? (string?)element.Attribute("Update"),
                    (string?)element.Attribute("VersionOverride") ?? (string?)element.Attribute("Version") ?? element.Elements().FirstOrDefault(e => e.Name.LocalName is "VersionOverride" or "Version")?.Value),
                "package" when document.Root!.Name.LocalName == "packages" => ((string?)element.Attribute("id"), (string?)element.Attribute("version")),
                _ => (null, null),
            };

            // Without a version of its own it is managed centrally, and found there.
            if (name?.Trim() is { } id && PackageId().IsMatch(id) && version?.Trim() is { Length: > 0 } text)
            {
                yield return (element, id, text);
            }
        }
    }

    /// <summary>Puts in the properties that are set to one value in the same file, or in one of those every project takes in. Null when that does not do.</summary>
    private static string? Resolve(string text, string path, Dictionary<string, XDocument> documents)
    {
        for (var depth = 0; text.Contains("$(", StringComparison.Ordinal); depth++)
        {
            var property = Property().Match(text);
            if (!property.Success || depth == 8 || ValueOf(property.Groups[1].Value, path, documents) is not { } value || text.Length + value.Length > 256)
            {
                return null;
            }

            text = text.Replace(property.Value, value, StringComparison.Ordinal);
        }

        return text;
    }

    private static string? ValueOf(string property, string path, Dictionary<string, XDocument> documents)
    {
        var inherited = ManifestFile.FoldersAbove(ManifestFile.FolderOf(path)).SelectMany(folder => s_inherited.Select(name => folder.Length == 0 ? name : $"{folder}/{name}"));
        foreach (var file in inherited.Prepend(path))
        {
            var values = documents.GetValueOrDefault(file)?.Root!.Elements().Where(e => e.Name.LocalName == "PropertyGroup").Elements()
                .Where(e => e.Name.LocalName.Equals(property, StringComparison.OrdinalIgnoreCase)).Select(e => e.Value.Trim()).Distinct().ToList();
            if (values is { Count: > 0 })
            {
                return values is [var only] ? only : null;
            }
        }

        return null;
    }

    /// <summary>The lowest of what the frameworks of a project resolve to.</summary>
    private static Dictionary<string, NuGetVersion> ReadLock(byte[] content)
    {
        var resolved = new Dictionary<string, NuGetVersion>(StringComparer.OrdinalIgnoreCase);
        using var document = JsonDocument.Parse(Text.WithoutMark(content));
        foreach (var package in document.RootElement.GetProperty("dependencies"u8).EnumerateObject().SelectMany(framework => framework.Value.EnumerateObject()))
        {
            if (package.Value.TryGetProperty("resolved"u8, out var text) && NuGetVersion.TryParse(text.GetString(), out var version)
                && (!resolved.TryGetValue(package.Name, out var known) || version < known))
            {
                resolved[package.Name] = version;
            }
        }

        return resolved;
    }

    /// <summary>A file of strangers: no document type, so no entities that grow or read files.</summary>
    private static XDocument ReadXml(byte[] content)
    {
        using var reader = XmlReader.Create(new MemoryStream(content), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
        return XDocument.Load(reader, LoadOptions.SetLineInfo);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex PackageId();

    [GeneratedRegex(@"\$\(([A-Za-z_][\w.-]*)\)", RegexOptions.CultureInvariant)]
    private static partial Regex Property();

    /// <summary>What a nuget.config says of where packages come from.</summary>
    private sealed class PackageSources
    {
        private readonly bool _noneIsOurs;
        private readonly List<(string Pattern, bool Ours)> _mapping = [];

        public PackageSources(XDocument document, Uri registry)
        {
            var list = document.Root!.Elements().FirstOrDefault(e => e.Name.LocalName == "packageSources");
            var sources = (list?.Elements() ?? []).Where(e => e.Name.LocalName == "add")
                .Select(e => (Key: (string?)e.Attribute("key") ?? "", Ours: Uri.TryCreate((string?)e.Attribute("value"), UriKind.Absolute, out var url) && IsSame(url, registry))).ToList();
            _noneIsOurs = list?.Elements().Any(e => e.Name.LocalName == "clear") is true && !sources.Any(s => s.Ours);
            foreach (var source in document.Root.Elements().Where(e => e.Name.LocalName == "packageSourceMapping").Elements().Where(e => e.Name.LocalName == "packageSource"))
            {
                var ours = sources.Any(s => s.Ours && s.Key == (string?)source.Attribute("key"));
                _mapping.AddRange(source.Elements().Select(e => ((string?)e.Attribute("pattern") ?? "", ours)));
            }
        }

        /// <summary>NuGet takes the longest pattern, whichever source has it.</summary>
        public bool ComeFromRegistry(string name)
        {
            var matching = _mapping.Where(m => m.Pattern.EndsWith('*') ? name.StartsWith(m.Pattern[..^1], StringComparison.OrdinalIgnoreCase) : name.Equals(m.Pattern, StringComparison.OrdinalIgnoreCase)).ToList();
            return !_noneIsOurs && (matching.Count == 0 || matching.Where(m => m.Pattern.Length == matching.Max(x => x.Pattern.Length)).Any(m => m.Ours));
        }

        private static bool IsSame(Uri source, Uri registry)
            => source.Host.Equals(registry.Host, StringComparison.OrdinalIgnoreCase) || (IsNuGetOrg(source.Host) && IsNuGetOrg(registry.Host));

        private static bool IsNuGetOrg(string host) => host.Equals("nuget.org", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".nuget.org", StringComparison.OrdinalIgnoreCase);
    }
}
