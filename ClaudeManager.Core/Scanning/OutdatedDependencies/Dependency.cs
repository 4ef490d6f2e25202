using NuGet.Versioning;

namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

internal enum PackageEcosystem
{
    NuGet,
    Npm,
}

/// <summary>One place in which a repository says what it depends on.</summary>
/// <param name="Requested">As it is written there.</param>
/// <param name="Current">What is used: from the lock file, else the lowest version that is asked for.</param>
/// <param name="Allows">True for a version that is taken without a change of the manifest.</param>
internal sealed record Dependency(PackageEcosystem Ecosystem, string Name, string Requested, NuGetVersion Current, Func<NuGetVersion, bool> Allows, string Path, int Line)
{
    public string Identity => IdentityOf(Ecosystem, Name);

    public static string IdentityOf(PackageEcosystem ecosystem, string name) => ecosystem switch
    {
        PackageEcosystem.NuGet => "nuget:" + name.ToLowerInvariant(),
        PackageEcosystem.Npm => "npm:" + name,
    };
}

/// <summary>A manifest, lock file or package manager's configuration in the scanned commit.</summary>
internal sealed record ManifestFile(string Path, byte[] Content)
{
    public string Name => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>Without a slash at its end; empty for the top.</summary>
    public string Folder => FolderOf(Path);

    public static string FolderOf(string path) => path.LastIndexOf('/') is >= 0 and var slash ? path[..slash] : "";

    /// <summary>The folder and those above it, innermost first.</summary>
    public static IEnumerable<string> FoldersAbove(string folder)
    {
        for (var at = folder; at.Length > 0; at = FolderOf(at))
        {
            yield return at;
        }

        yield return "";
    }
}

/// <summary>What the manifests of one ecosystem say.</summary>
/// <param name="Elsewhere">Names of packages that come from registries the repository names, which are not asked.</param>
/// <param name="Unclear">Places whose version cannot be told, such as variables set elsewhere.</param>
internal sealed record Manifests(IReadOnlyList<Dependency> Dependencies, IReadOnlyList<string> Elsewhere, int Unclear, IReadOnlyList<(string Path, string Why)> Unreadable);
