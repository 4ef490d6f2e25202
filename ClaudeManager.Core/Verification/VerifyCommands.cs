using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Verification;

/// <summary>
/// Decides how a repository is checked: as configured, else by what lies in the tree of the base commit. The agent's own tree is never asked, or it could choose how it is judged.
/// </summary>
public static class VerifyCommands
{
    // What describes a build is small; what is not, is not read.
    private const long MaxFileBytes = 1024 * 1024;
    private const int MaxProjectsRead = 200;

    private const RegexOptions Linear = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private static readonly Regex s_dotnetTests = new(@"Microsoft\.NET\.Test\.Sdk|Microsoft\.Testing\.Platform|<IsTestProject>\s*true|Include=""(?:xunit|nunit|MSTest|TUnit)", Linear | RegexOptions.IgnoreCase);
    private static readonly Regex s_makeTarget = new(@"^test[ \t]*::?(?:[^=:]|$)", Linear | RegexOptions.Multiline);
    private static readonly Regex s_pythonTest = new(@"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$", Linear);

    private static readonly string[] s_scripts = ["tests/run.sh", "test/run.sh", "run-tests.sh", "run_tests.sh", "scripts/test.sh", "script/test", "test.sh"];

    /// <param name="gitDirectory">A repository that has <paramref name="baseCommit"/>; only its objects are read.</param>
    public static async Task<VerifyPlan> ResolveAsync(ExecutorConfiguration executor, string repositoryName, string gitDirectory, string baseCommit, CancellationToken ct)
    {
        foreach (var name in new[] { repositoryName, "*" })
        {
            if (executor.Verify.TryGetValue(name, out var configured))
            {
                return configured.Count == 0
                    ? new VerifyPlan([], [], VerifyPlan.None, $"executor.verify says that nothing is run for '{name}'.", [])
                    : new VerifyPlan([], configured, VerifyPlan.Configured, $"Configured under executor.verify for '{name}'.", []);
            }
        }

        return await DetectAsync(await BaseTree.ReadAsync(gitDirectory, baseCommit, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
    }

    private static async Task<VerifyPlan> DetectAsync(BaseTree tree, CancellationToken ct)
    {
        var found = new List<Detection>();
        foreach (var detect in new Func<BaseTree, CancellationToken, Task<Detection?>>[] { DotnetAsync, NodeAsync, PythonAsync, GoAsync, RustAsync })
        {
            if (await detect(tree, ct).ConfigureAwait(false) is { } detection)
            {
                found.Add(detection);
            }
        }

        // What a repository offers for every language stands in only where no language's own way was found: it mostly calls that anyway.
        if (found.Count == 0 && (await ScriptAsync(tree, ct).ConfigureAwait(false) ?? await MakeAsync(tree, ct).ConfigureAwait(false)) is { } general)
        {
            found.Add(general);
        }

        return found.Count == 0
            ? new VerifyPlan([], [], VerifyPlan.None, "The base commit has no tests of a kind that is known here. Configure commands under executor.verify to have results checked.", [])
            : new VerifyPlan(
                [.. found.SelectMany(d => d.Prepare)],
                [.. found.SelectMany(d => d.Checks)],
                VerifyPlan.Detected,
                "Detected at the base commit: " + string.Join("; ", found.Select(d => d.Why)) + ".",
                [.. found.SelectMany(d => d.DefinedBy)]);
    }

    private static async Task<Detection?> DotnetAsync(BaseTree tree, CancellationToken ct)
    {
        var projects = new List<string>();
        var shared = false;
        foreach (var path in tree.Paths.Where(p => HasExtension(p, ".csproj", ".fsproj", ".vbproj") || Path.GetFileName(p).StartsWith("Directory.Build.", StringComparison.OrdinalIgnoreCase)).Take(MaxProjectsRead))
        {
            if (await tree.TextAsync(path, ct).ConfigureAwait(false) is { } text && s_dotnetTests.IsMatch(text))
            {
                shared |= !HasExtension(path, "proj");
                projects.Add(path);
            }
        }

        if (projects.Count == 0)
        {
            return null;
        }

        // "dotnet test" takes another form of arguments where global.json chooses Microsoft.Testing.Platform.
        var platform = await tree.TextAsync("global.json", ct).ConfigureAwait(false) is { } global && global.Contains("Microsoft.Testing.Platform", StringComparison.Ordinal);
        var solution = tree.Paths.Where(p => !p.Contains('/', StringComparison.Ordinal) && HasExtension(p, ".sln", ".slnx")).Order(StringComparer.Ordinal).FirstOrDefault();
        if (solution is not null)
        {
            string[] test = platform ? ["dotnet", "test", "--solution", solution] : ["dotnet", "test", solution];
            return new Detection([["dotnet", "restore", solution]], [test], $"{solution} with test projects", [solution]);
        }

        var runnable = shared ? [.. tree.Paths.Where(p => HasExtension(p, ".csproj", ".fsproj", ".vbproj") && p.Contains("test", StringComparison.OrdinalIgnoreCase)).Take(10)] : projects.Take(10).ToList();
        return runnable.Count == 0
            ? null
            : new Detection(
                [.. runnable.Select(p => new[] { "dotnet", "restore", p })],
                [.. runnable.Select(p => platform ? new[] { "dotnet", "test", "--project", p } : ["dotnet", "test", p])],
                string.Join(", ", runnable) + " without a solution at the top",
                []);
    }

    private static async Task<Detection?> NodeAsync(BaseTree tree, CancellationToken ct)
    {
        if (await tree.TextAsync("package.json", ct).ConfigureAwait(false) is not { } text || NpmTest(text) is not { } script)
        {
            return null;
        }

        string[] install = tree.Has("package-lock.json") || tree.Has("npm-shrinkwrap.json") ? ["npm", "ci"] : ["npm", "install", "--no-package-lock"];
        return new Detection([install], [["npm", "test"]], $"package.json with the test script '{Short(script)}'", ["package.json"]);
    }

    /// <summary>The test script, unless it is the one <c>npm init</c> writes for want of tests.</summary>
    private static string? NpmTest(string packageJson)
    {
        try
        {
            using var document = JsonDocument.Parse(packageJson, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("scripts", out var scripts) && scripts.ValueKind == JsonValueKind.Object
                && scripts.TryGetProperty("test", out var test) && test.ValueKind == JsonValueKind.String
                && test.GetString() is { } script && !string.IsNullOrWhiteSpace(script) && !script.Contains("no test specified", StringComparison.Ordinal)
                ? script
                : null;
        }
        catch (JsonException)
        {
            // npm could not read it either.
            return null;
        }
    }

    private static async Task<Detection?> PythonAsync(BaseTree tree, CancellationToken ct)
    {
        var sign = tree.Has("pytest.ini") ? "pytest.ini"
            : await tree.TextAsync("pyproject.toml", ct).ConfigureAwait(false) is { } project && project.Contains("[tool.pytest", StringComparison.Ordinal) ? "pyproject.toml"
            : await tree.TextAsync("setup.cfg", ct).ConfigureAwait(false) is { } setup && setup.Contains("[tool:pytest]", StringComparison.Ordinal) ? "setup.cfg"
            : await tree.TextAsync("tox.ini", ct).ConfigureAwait(false) is { } tox && tox.Contains("[pytest]", StringComparison.Ordinal) ? "tox.ini"
            : tree.Paths.FirstOrDefault(p => s_pythonTest.IsMatch(p));
        return sign is null ? null : new Detection([], [["pytest"]], sign, []);
    }

    private static Task<Detection?> GoAsync(BaseTree tree, CancellationToken ct)
        => Task.FromResult(tree.Has("go.mod") && tree.Paths.Any(p => p.EndsWith("_test.go", StringComparison.Ordinal))
            ? new Detection([["go", "mod", "download"]], [["go", "test", "./..."]], "go.mod with test files", [])
            : null);

    private static Task<Detection?> RustAsync(BaseTree tree, CancellationToken ct)
        => Task.FromResult(tree.Has("Cargo.toml") ? new Detection([["cargo", "fetch"]], [["cargo", "test"]], "Cargo.toml", []) : null);

    private static async Task<Detection?> ScriptAsync(BaseTree tree, CancellationToken ct)
    {
        if (s_scripts.FirstOrDefault(tree.Has) is not { } script || await tree.TextAsync(script, ct).ConfigureAwait(false) is not { } text)
        {
            return null;
        }

        var shell = text.Split('\n')[0] is ['#', '!', ..] first && first.TrimEnd().EndsWith("bash", StringComparison.Ordinal) ? "bash" : "sh";
        return new Detection([], [[shell, script]], $"the script {script}", [script]);
    }

    private static async Task<Detection?> MakeAsync(BaseTree tree, CancellationToken ct)
    {
        // In make's own order.
        foreach (var name in new[] { "GNUmakefile", "makefile", "Makefile" })
        {
            if (await tree.TextAsync(name, ct).ConfigureAwait(false) is { } text)
            {
                return s_makeTarget.IsMatch(text) ? new Detection([], [["make", "test"]], $"{name} with a test target", [name]) : null;
            }
        }

        return null;
    }

    private static bool HasExtension(string path, params ReadOnlySpan<string> extensions)
    {
        foreach (var extension in extensions)
        {
            if (path.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static string Short(string text) => text.Length <= 60 ? text : text[..60] + "…";

    private sealed record Detection(IReadOnlyList<IReadOnlyList<string>> Prepare, IReadOnlyList<IReadOnlyList<string>> Checks, string Why, IReadOnlyList<string> DefinedBy);

    /// <summary>The tree of a commit: names once, contents when asked for.</summary>
    private sealed class BaseTree(string gitDirectory, Dictionary<string, (string Id, long Size)> files)
    {
        public IEnumerable<string> Paths => files.Keys;

        public bool Has(string path) => files.ContainsKey(path);

        public static async Task<BaseTree> ReadAsync(string gitDirectory, string commit, CancellationToken ct)
        {
            var listing = await GitCommand.RunAsync(gitDirectory, ["ls-tree", "-r", "-l", "-z", "--full-tree", commit], ct).ConfigureAwait(false);
            var files = new Dictionary<string, (string, long)>(StringComparer.Ordinal);
            foreach (var entry in Encoding.UTF8.GetString(listing.Output).Split('\0', StringSplitOptions.RemoveEmptyEntries))
            {
                // "mode type id    size<TAB>path"; links and submodules are nobody's build file.
                var tab = entry.IndexOf('\t', StringComparison.Ordinal);
                var fields = entry[..tab].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields[0].StartsWith("100", StringComparison.Ordinal))
                {
                    files[entry[(tab + 1)..]] = (fields[2], long.Parse(fields[3], CultureInfo.InvariantCulture));
                }
            }

            return new BaseTree(gitDirectory, files);
        }

        /// <summary>Null when there is no such file or it is too large to be what its name says.</summary>
        public async Task<string?> TextAsync(string path, CancellationToken ct)
            => files.TryGetValue(path, out var file) && file.Size <= MaxFileBytes
                ? Encoding.UTF8.GetString((await GitCommand.RunAsync(gitDirectory, ["cat-file", "blob", file.Id], ct).ConfigureAwait(false)).Output)
                : null;
    }
}
