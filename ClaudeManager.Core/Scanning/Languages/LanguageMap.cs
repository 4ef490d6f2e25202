using System.Collections.Frozen;
using System.Text;

namespace ClaudeManager.Core.Scanning.Languages;

/// <summary>Which language a file is in, by its name, its extension, or the interpreter line of its content.</summary>
public static class LanguageMap
{
    /// <summary>How far an interpreter line is read.</summary>
    private const int MaxInterpreterLine = 128;

    /// <summary>Name; extensions; whole file names; interpreters. All in lower case, white-space separated.</summary>
    private static readonly (Language Language, string Extensions, string Names, string Interpreters)[] s_table =
    [
        (new("C", Syntaxes.C), "c h", "", "tcc"),
        (new("C++", Syntaxes.C), "cc cpp cxx c++ hh hpp hxx h++ inl ipp tpp ixx cppm ino cu cuh cl metal glsl vert frag hlsl", "", ""),
        (new("Objective-C", Syntaxes.C), "m mm", "", ""),
        (new("C#", Syntaxes.CSharp), "cs csx cake", "", "dotnet-script"),
        (new("Java", Syntaxes.Java), "java jsh", "", "jshell"),
        (new("JavaScript", Syntaxes.JavaScript), "js mjs cjs jsx es6 gs", "jakefile", "node nodejs bun"),
        (new("TypeScript", Syntaxes.TypeScript), "ts mts cts", "", "deno ts-node tsx"),
        (new("TSX", Syntaxes.JavaScript), "tsx", "", ""),
        (new("Python", Syntaxes.Python, indented: true), "py pyw pyi pyx pxd gyp gypi wsgi", "sconstruct sconscript wscript", "python python2 python3 pypy pypy3"),
        (new("Starlark", Syntaxes.Python, indented: true), "bzl bazel star tiltfile", "build workspace tiltfile", ""),
        (new("GDScript", Syntaxes.Python, indented: true), "gd", "", ""),
        (new("Go", Syntaxes.Go), "go", "", ""),
        (new("Go module", Syntaxes.Go), "mod", "go.work", ""),
        (new("Rust", Syntaxes.Rust), "rs", "", "rust-script"),
        (new("Ruby", Syntaxes.Ruby), "rb rake gemspec ru podspec jbuilder cr", "gemfile rakefile podfile vagrantfile brewfile fastfile guardfile capfile", "ruby jruby crystal"),
        (new("PHP", Syntaxes.Php), "php phtml php3 php4 php5 inc", "", "php"),
        (new("Swift", Syntaxes.Swift), "swift", "", "swift"),
        (new("Kotlin", Syntaxes.Kotlin), "kt kts", "", "kotlin"),
        (new("Scala", Syntaxes.Scala), "scala sc sbt", "", "scala"),
        (new("Groovy", Syntaxes.Groovy), "groovy gradle gvy", "jenkinsfile", "groovy"),
        (new("SQL", Syntaxes.Sql), "sql psql pgsql plsql pks pkb ddl dml tsql mysql hql", "", ""),
        (new("Shell", Syntaxes.Shell), "sh bash zsh ksh ash dash bats command fish envrc", ".bashrc .bash_profile .bash_aliases .zshrc .zshenv .profile .envrc configure pkgbuild apkbuild", "sh bash zsh ksh ash dash fish bats"),
        (new("PowerShell", Syntaxes.PowerShell), "ps1 psm1 psd1", "", "pwsh powershell"),
        (new("Batch", Syntaxes.Batch), "bat cmd", "", ""),
        (new("HTML", Syntaxes.Html), "html htm xhtml shtml hbs handlebars mustache ejs erb eta jinja jinja2 j2 njk twig liquid jsp aspx ascx master tmpl gohtml astro", "", ""),
        (new("Vue", Syntaxes.Html), "vue", "", ""),
        (new("Svelte", Syntaxes.Html), "svelte", "", ""),
        (new("Blade", Syntaxes.Php), "blade.php", "", ""),
        (new("Razor", Syntaxes.Razor), "razor cshtml", "", ""),
        (new("XML", Syntaxes.Xml), "xml xsd xsl xslt xaml axaml csproj vbproj fsproj vcxproj sqlproj proj props targets config nuspec resx svg plist wsdl ui storyboard xib rss atom pom ruleset slnx xlf dtd fxml jelly", "", ""),
        (new("CSS", Syntaxes.Css), "css pcss postcss", "", ""),
        (new("SCSS", Syntaxes.Scss), "scss sass less styl", "", ""),
        (new("YAML", Syntaxes.Yaml, indented: true), "yaml yml clang-format clang-tidy", ".clang-format .clang-tidy", ""),
        (new("TOML", Syntaxes.Toml), "toml", "cargo.lock pipfile", ""),
        (new("INI", Syntaxes.Ini), "ini cfg conf cnf desktop service timer socket editorconfig gitconfig npmrc", ".editorconfig .gitconfig .gitmodules .npmrc .pylintrc .flake8 .coveragerc", ""),
        (new("Properties", Syntaxes.Properties), "properties", "", ""),
        (new("Environment file", Syntaxes.HashAfterSpace), "env", ".env", ""),
        (new("Dockerfile", Syntaxes.HashAtLineStart), "dockerfile containerfile", "dockerfile containerfile", ""),
        (new("Makefile", Syntaxes.Make), "mk mak make", "makefile gnumakefile bsdmakefile kbuild", "make"),
        (new("Just", Syntaxes.Hash), "just", "justfile .justfile", "just"),
        (new("CMake", Syntaxes.CMake), "cmake", "cmakelists.txt", ""),
        (new("Meson", Syntaxes.Python), "", "meson.build meson_options.txt meson.options", ""),
        (new("Lua", Syntaxes.Lua), "lua luau rockspec", "", "lua luajit"),
        (new("Haskell", Syntaxes.Haskell, indented: true), "hs lhs hsc cabal purs", "", "runhaskell stack"),
        (new("Elm", Syntaxes.Elm, indented: true), "elm", "", ""),
        (new("R", Syntaxes.R), "r rprofile", ".rprofile", "rscript"),
        (new("Terraform", Syntaxes.Terraform), "tf tfvars hcl nomad", "", ""),
        (new("Dart", Syntaxes.Dart), "dart", "", "dart"),
        (new("Elixir", Syntaxes.Elixir), "ex exs heex leex eex", "", "elixir"),
        (new("Erlang", Syntaxes.Erlang), "erl hrl escript", "rebar.config", "escript"),
        (new("Clojure", Syntaxes.Lisp), "clj cljs cljc edn bb", "", "bb clojure"),
        (new("Lisp", Syntaxes.Lisp), "lisp lsp el scm ss rkt fnl", ".emacs", "sbcl guile racket"),
        (new("Perl", Syntaxes.Perl), "pl pm t pod", "cpanfile", "perl"),
        (new("Zig", Syntaxes.Zig), "zig zon", "", ""),
        (new("Nix", Syntaxes.Nix), "nix", "", ""),
        (new("Protocol Buffers", Syntaxes.Protobuf), "proto", "", ""),
        (new("Thrift", Syntaxes.CLikeQuotes), "thrift fbs", "", ""),
        (new("Cap'n Proto", Syntaxes.Hash), "capnp", "", ""),
        (new("GraphQL", Syntaxes.GraphQl), "graphql gql graphqls", "", ""),
        (new("Markdown", Syntaxes.Markdown), "md markdown mdown mkd mdx", "", ""),
        (new("LaTeX", Syntaxes.Latex), "tex sty cls bib ltx dtx", "", ""),
        (new("Julia", Syntaxes.Julia), "jl", "", "julia"),
        (new("F#", Syntaxes.FSharp, indented: true), "fs fsx fsi", "", ""),
        (new("OCaml", Syntaxes.OCaml), "ml mli mll mly re rei sml", "", "ocaml"),
        (new("Visual Basic", Syntaxes.VisualBasic), "vb bas vbs frm", "", ""),
        (new("Pascal", Syntaxes.Pascal), "pas pp dpr lpr dpk", "", ""),
        (new("Ada", Syntaxes.Ada), "adb ads ada vhd vhdl", "", ""),
        (new("Fortran", Syntaxes.Fortran), "f f77 f90 f95 f03 f08 for", "", ""),
        (new("MATLAB", Syntaxes.Matlab), "matlab", "", "octave"),
        (new("Prolog", Syntaxes.Prolog), "pro prolog", "", "swipl"),
        (new("Assembly", Syntaxes.Assembly), "s asm nasm", "", ""),
        (new("Verilog", Syntaxes.Verilog), "v sv svh vh", "", ""),
        (new("Vim script", Syntaxes.Vim), "vim", ".vimrc _vimrc", ""),
        (new("Nim", Syntaxes.Nim, indented: true), "nim nims nimble", "", ""),
        (new("D", Syntaxes.D), "d di", "", ""),
        (new("CoffeeScript", Syntaxes.CoffeeScript, indented: true), "coffee litcoffee", "cakefile", "coffee"),
        (new("Solidity", Syntaxes.CLikeQuotes), "sol", "", ""),
        (new("Bicep", Syntaxes.Bicep), "bicep bicepparam", "", ""),
        (new("ActionScript", Syntaxes.CLikeQuotes), "as hx", "", ""),
        (new("Odin", Syntaxes.Go), "odin", "", ""),
        (new("WGSL", Syntaxes.CLike), "wgsl", "", ""),
        (new("Tcl", Syntaxes.Tcl), "tcl tk exp", "", "tclsh wish expect"),
        (new("AWK", Syntaxes.Hash), "awk", "", "awk gawk"),
        (new("jq", Syntaxes.Hash), "jq", "", "jq"),
        (new("JSON", Syntaxes.CLike), "json jsonc json5 code-workspace jsonl", ".eslintrc .babelrc .jshintrc .swcrc", ""),
        (new("Puppet", Syntaxes.Hash), "pp.erb", "puppetfile", ""),
        (new("Requirements", Syntaxes.HashAfterSpace), "", "requirements.txt requirements-dev.txt constraints.txt", ""),
        (new("Ignore list", Syntaxes.HashAtLineStart), "gitignore dockerignore npmignore", ".gitignore .dockerignore .npmignore .eslintignore .prettierignore .gitattributes codeowners", ""),
    ];

    private static readonly FrozenDictionary<string, Language> s_byExtension = Index(row => row.Extensions);
    private static readonly FrozenDictionary<string, Language> s_byName = Index(row => row.Names);
    private static readonly FrozenDictionary<string, Language> s_byInterpreter = Index(row => row.Interpreters);

    /// <param name="path">Path in the repository, <c>/</c> separated.</param>
    /// <param name="content">The beginning of the file, for <c>#!</c>; may be empty.</param>
    public static Language? Find(string path, ReadOnlySpan<byte> content = default)
    {
        var name = path.AsSpan(path.LastIndexOf('/') + 1);
        return FindByContent(name, content) ?? FindByName(name) ?? (content.StartsWith("#!"u8) ? FindByInterpreter(content) : null);
    }

    /// <summary>Whether nothing but the content can tell.</summary>
    internal static bool NeedsContent(string path) => Path.GetExtension(path.AsSpan(path.LastIndexOf('/') + 1)).IsEmpty;

    private static Language? FindByName(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > 255)
        {
            return null;
        }

        Span<char> lower = stackalloc char[name.Length];
        name.ToLowerInvariant(lower);
        var names = s_byName.GetAlternateLookup<ReadOnlySpan<char>>();
        if (names.TryGetValue(lower, out var language))
        {
            return language;
        }

        // Dockerfile.dev, Makefile.am, .env.local; then view.blade.php before .php.
        var firstDot = lower[1..].IndexOf('.') + 1;
        var extensions = s_byExtension.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var dot = firstDot; dot > 0 || (dot == 0 && lower[0] == '.');)
        {
            if (extensions.TryGetValue(lower[(dot + 1)..], out language))
            {
                return language;
            }

            var next = lower[(dot + 1)..].IndexOf('.');
            if (next < 0)
            {
                break;
            }

            dot += next + 1;
        }

        return firstDot > 0 && names.TryGetValue(lower[..firstDot], out language) ? language : null;
    }

    /// <summary>The extensions that two common languages share.</summary>
    private static Language? FindByContent(ReadOnlySpan<char> name, ReadOnlySpan<byte> content)
    {
        if (content.IsEmpty)
        {
            return null;
        }

        if (name.EndsWith(".inc", StringComparison.OrdinalIgnoreCase))
        {
            return content.IndexOf("<?"u8) >= 0 ? null : s_byExtension["c"];
        }

        var start = content.TrimStart(" \t\r\n"u8);
        return name.EndsWith(".m", StringComparison.OrdinalIgnoreCase) && (start.StartsWith("%"u8) || start.StartsWith("function"u8) || start.StartsWith("classdef"u8))
            ? s_byExtension["matlab"]
            : null;
    }

    private static Language? FindByInterpreter(ReadOnlySpan<byte> content)
    {
        var line = content[2..Math.Min(content.Length, MaxInterpreterLine)];
        var end = line.IndexOfAny((byte)'\n', (byte)'\r');
        var words = Encoding.Latin1.GetString(end < 0 ? line : line[..end]).Split((char[]?)[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        foreach (var word in words)
        {
            // #!/usr/bin/env -S NAME=value python3.12 -u
            var program = word[(word.LastIndexOf('/') + 1)..].ToLowerInvariant();
            if (program == "env" || program.StartsWith('-') || program.Contains('='))
            {
                continue;
            }

            return s_byInterpreter.GetValueOrDefault(program) ?? s_byInterpreter.GetValueOrDefault(program.TrimEnd('.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'));
        }

        return null;
    }

    private static FrozenDictionary<string, Language> Index(Func<(Language Language, string Extensions, string Names, string Interpreters), string> keys)
        => s_table
            .SelectMany(row => keys(row).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(key => (Key: key, row.Language)))
            .ToFrozenDictionary(pair => pair.Key, pair => pair.Language, StringComparer.Ordinal);
}
