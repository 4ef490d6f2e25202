using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Scanning.Markers;

namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>Which files are left out by their path alone. Compiled once per configuration; safe to share between threads.</summary>
public sealed class PathRules
{
    private static readonly FrozenSet<string> s_vendoredFolders = FrozenSet.ToFrozenSet(
        [
            "node_modules", "bower_components", "jspm_packages", "vendor", "vendored", "third_party", "third-party", "thirdparty", "3rdparty", "external_libs",
            "site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "__pycache__", ".yarn", ".pnpm-store", "pods", "carthage", ".gradle", ".terraform",
            ".bundle", "elm-stuff", "deps.vendored",
        ],
        StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> s_generatedNames = FrozenSet.ToFrozenSet(
        [
            "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "composer.lock", "gemfile.lock", "cargo.lock", "poetry.lock", "pdm.lock", "uv.lock",
            "pipfile.lock", "packages.lock.json", "project.assets.json", "go.sum", "go.work.sum", "flake.lock", "mix.lock", "pubspec.lock", "podfile.lock", "package.resolved",
            ".terraform.lock.hcl", "deno.lock", "gradle.lockfile", "modelsnapshot.cs",
        ],
        StringComparer.OrdinalIgnoreCase);

    private static readonly string[] s_generatedEndings =
    [
        ".g.cs", ".g.i.cs", ".designer.cs", ".designer.vb", ".generated.cs", ".generated.ts", ".generated.js", ".generated.go", ".pb.go", ".pb.cc", ".pb.h", ".pb.gw.go", "_pb2.py", "_pb2.pyi", "_pb2_grpc.py", ".pb.swift",
        ".pb.dart", ".g.dart", ".freezed.dart", "_pb.js", "_pb.d.ts", "_grpc_pb.js", ".gen.go", "_gen.go", "_generated.go", ".gen.ts", ".gen.rs", "modelsnapshot.cs", ".lock.yml",
    ];

    private static readonly string[] s_minifiedEndings = [".min.js", ".min.css", ".min.mjs", ".min.html", "-min.js", "-min.css", ".map", ".bundle.js", ".chunk.js"];

    /// <summary>Needs no look at the content to know that it is no text; saves the reading.</summary>
    private static readonly FrozenSet<string> s_binaryExtensions = FrozenSet.ToFrozenSet(
        ["png", "jpg", "jpeg", "gif", "ico", "webp", "pdf", "zip", "gz", "tgz", "xz", "7z", "jar", "war", "dll", "exe", "so", "dylib", "pdb", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "wasm", "class", "o", "a", "pyc", "nupkg", "snk", "bin"],
        StringComparer.OrdinalIgnoreCase);

    private readonly Glob[] _globs;

    /// <param name="excludePatterns"><c>analyzer.excludePatterns</c>: without <c>/</c> matched against the file name, with it against the path.</param>
    public PathRules(IReadOnlyList<string> excludePatterns)
    {
        _globs = [.. excludePatterns.Where(pattern => !string.IsNullOrWhiteSpace(pattern)).Select(pattern => new Glob(pattern.Trim()))];
    }

    /// <returns><c>vendored</c>, <c>generated</c>, <c>minified</c>, <c>binary</c>, <c>excluded_path</c>, <c>unknown_language</c>, or null for a file to read. A file without extension passes: its interpreter line decides.</returns>
    public string? SkipReason(string path)
    {
        var slash = path.LastIndexOf('/');
        var name = path.AsSpan(slash + 1);
        foreach (var glob in _globs)
        {
            if (glob.IsMatch(path, name))
            {
                return Verdicts.ExcludedPath;
            }
        }

        if (slash > 0 && IsVendored(path.AsSpan(0, slash)))
        {
            return Verdicts.Vendored;
        }

        if (s_generatedNames.GetAlternateLookup<ReadOnlySpan<char>>().Contains(name) || EndsWithAny(name, s_generatedEndings))
        {
            return Verdicts.Generated;
        }

        if (EndsWithAny(name, s_minifiedEndings))
        {
            return Verdicts.Minified;
        }

        var extension = Path.GetExtension(name);
        if (extension.Length > 1 && s_binaryExtensions.GetAlternateLookup<ReadOnlySpan<char>>().Contains(extension[1..]))
        {
            return Verdicts.Binary;
        }

        return LanguageMap.NeedsContent(path) || LanguageMap.Find(path) is not null ? null : Verdicts.UnknownLanguage;
    }

    private static bool IsVendored(ReadOnlySpan<char> folder)
    {
        var vendored = s_vendoredFolders.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var range in folder.Split('/'))
        {
            if (vendored.Contains(folder[range]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool EndsWithAny(ReadOnlySpan<char> name, string[] endings)
    {
        foreach (var ending in endings)
        {
            if (name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary><c>*</c> and <c>?</c> stay within a path segment, <c>**</c> does not, <c>[…]</c> is a set. The common shapes need no regular expression.</summary>
    private sealed class Glob
    {
        private static readonly SearchValues<char> s_wildcards = SearchValues.Create("*?[");

        private readonly bool _onName;
        private readonly string? _prefix;
        private readonly string? _suffix;
        private readonly Regex? _regex;

        public Glob(string pattern)
        {
            _onName = !pattern.Contains('/');
            var text = pattern.TrimStart('/');
            var stars = text.AsSpan().Count('*');
            if (_onName && stars == 1 && text.EndsWith('*') && text.AsSpan().IndexOfAny(s_wildcards) == text.Length - 1)
            {
                _prefix = text[..^1];
            }
            else if (_onName && stars == 1 && text.StartsWith('*') && text.AsSpan(1).IndexOfAny(s_wildcards) < 0)
            {
                _suffix = text[1..];
            }
            else if (!_onName && stars == 2 && text.EndsWith("/**", StringComparison.Ordinal) && text.AsSpan().IndexOfAny(s_wildcards) == text.Length - 2)
            {
                _prefix = text[..^2];
            }
            else
            {
                _regex = Compile(ToRegex(text)) ?? Compile($@"\A{Regex.Escape(text)}\z");
            }
        }

        public bool IsMatch(ReadOnlySpan<char> path, ReadOnlySpan<char> name)
        {
            var subject = _onName ? name : path;
            return _regex?.IsMatch(subject)
                ?? (_prefix is not null ? subject.StartsWith(_prefix, StringComparison.Ordinal) : subject.EndsWith(_suffix, StringComparison.Ordinal));
        }

        /// <summary>Null for a set such as <c>[z-a]</c>: the pattern then stands for itself.</summary>
        private static Regex? Compile(string pattern)
        {
            try
            {
                return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.Singleline);
            }
            catch (RegexParseException)
            {
                return null;
            }
        }

        private static string ToRegex(string glob)
        {
            var regex = new StringBuilder(@"\A");
            for (var index = 0; index < glob.Length; index++)
            {
                var rest = glob.AsSpan(index);
                if (rest.StartsWith("**/"))
                {
                    regex.Append("(?:.*/)?");
                    index += 2;
                }
                else if (rest.StartsWith("**"))
                {
                    regex.Append(".*");
                    index++;
                }
                else if (rest[0] == '[' && rest[1..].IndexOf(']') is > 0 and var close)
                {
                    var set = rest.Slice(1, close).ToString();
                    var negated = set[0] is '!' or '^';
                    regex.Append(negated ? "[^/" : "[").Append((negated ? set[1..] : set).Replace(@"\", @"\\", StringComparison.Ordinal).Replace("[", @"\[", StringComparison.Ordinal)).Append(']');
                    index += close + 1;
                }
                else
                {
                    regex.Append(rest[0] switch
                    {
                        '*' => "[^/]*",
                        '?' => "[^/]",
                        var literal => Regex.Escape(literal.ToString()),
                    });
                }
            }

            return regex.Append(@"\z").ToString();
        }
    }
}
