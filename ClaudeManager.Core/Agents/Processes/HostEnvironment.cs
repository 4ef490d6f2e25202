using System.Collections;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>
/// What a contained process gets of this machine beyond its system directories: the programs on PATH and the package caches it may only read.
/// Nothing else of our environment is inherited, and never a home directory as a whole.
/// </summary>
/// <param name="variables">The environment of this process.</param>
public sealed class HostEnvironment(IReadOnlyDictionary<string, string> variables)
{
    /// <summary>Installation folders that tools find by a variable.</summary>
    private static readonly string[] s_roots = ["DOTNET_ROOT", "JAVA_HOME", "GOROOT"];

    private readonly string _home = variables.GetValueOrDefault("HOME") is { Length: > 0 } home ? Path.GetFullPath(home) : "/nonexistent";

    public static HostEnvironment Current() => new(Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .Where(entry => entry.Value is string)
        .ToDictionary(entry => (string)entry.Key, entry => (string)entry.Value!, StringComparer.Ordinal));

    /// <summary>Absolute folders of PATH, in order.</summary>
    public IReadOnlyList<string> SearchPath { get; } =
        [.. (variables.GetValueOrDefault("PATH") ?? "/usr/local/bin:/usr/bin:/bin").Split(':', StringSplitOptions.RemoveEmptyEntries).Where(Path.IsPathRooted).Select(Path.TrimEndingDirectorySeparator).Distinct(StringComparer.Ordinal)];

    /// <summary>The environment of every contained process, before what its command adds.</summary>
    public Dictionary<string, string> Variables()
    {
        var allowed = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = string.Join(':', SearchPath),
            ["LANG"] = "C.UTF-8",
            ["TERM"] = "dumb",
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        };
        foreach (var name in s_roots)
        {
            if (variables.TryGetValue(name, out var root))
            {
                allowed[name] = root;
            }
        }

        foreach (var (name, folder) in Caches())
        {
            allowed[name] = folder;
        }

        return allowed;
    }

    /// <summary>
    /// Folders to show read-only. A PATH entry <c>…/bin</c> stands for its installation (<c>…</c>), because programs find their libraries beside it; in the home directory only
    /// from three levels down (<c>~/.nvm/versions/node/v20</c>), because <c>~/.cargo</c> or <c>~/.local</c> also hold credentials: there the entry alone is shown.
    /// </summary>
    public IEnumerable<string> ReadOnlyPaths() =>
        SearchPath.Select(Installation)
            .Concat(s_roots.Select(name => variables.GetValueOrDefault(name)).OfType<string>().Where(Path.IsPathRooted))
            .Concat(Caches().Select(cache => cache.Folder))
            .Where(folder => folder != "/" && !Contains(folder, _home) && Directory.Exists(folder))
            .Distinct(StringComparer.Ordinal);

    /// <summary>Finds a program as a shell would. A name with a slash is relative to <paramref name="directory"/>.</summary>
    /// <exception cref="ProgramNotStartedException">There is none.</exception>
    public string Resolve(string program, string directory)
    {
        if (program.Contains('/', StringComparison.Ordinal))
        {
            var path = Path.GetFullPath(program, directory);
            return IsProgram(path)
                ? path
                : throw new ProgramNotStartedException(program, File.Exists(path) ? $"{path} is not executable" : $"{path} does not exist");
        }

        return SearchPath.Select(folder => Path.Combine(folder, program)).FirstOrDefault(IsProgram)
            ?? throw new ProgramNotStartedException(program, "it is in no folder of PATH");
    }

    internal static bool Contains(string folder, string path) =>
        folder == "/" || path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal);

    private static bool IsProgram(string path) =>
        File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0);

    private string Installation(string folder)
    {
        if (Path.GetFileName(folder) is not ("bin" or "sbin") || Path.GetDirectoryName(folder) is not { Length: > 1 } parent || Contains(parent, _home))
        {
            return folder;
        }

        return Contains(_home, parent) && Path.GetRelativePath(_home, parent).Split('/').Length < 3 ? folder : parent;
    }

    /// <summary>Read-only caches in the home directory, with the variable by which a tool finds them from another home.</summary>
    private IEnumerable<(string Name, string Folder)> Caches()
    {
        (string Name, string Folder)[] known =
        [
            ("NUGET_FALLBACK_PACKAGES", variables.GetValueOrDefault("NUGET_PACKAGES") ?? Path.Combine(_home, ".nuget/packages")),
            ("PYENV_ROOT", variables.GetValueOrDefault("PYENV_ROOT") ?? Path.Combine(_home, ".pyenv")),
            ("RUSTUP_HOME", variables.GetValueOrDefault("RUSTUP_HOME") ?? Path.Combine(_home, ".rustup")),
        ];
        return known.Where(cache => Directory.Exists(cache.Folder));
    }
}
