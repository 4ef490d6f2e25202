using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Scanning.Languages;

namespace ClaudeManager.Core.Tests.Scanning.Languages;

public sealed class PathRulesTests
{
    private static readonly PathRules s_default = new(new AnalyzerConfiguration().ExcludePatterns);

    [Theory]
    [InlineData("src/a.cs", null)]
    [InlineData("bin/run", null)]
    [InlineData("src/Makefile", null)]
    [InlineData("src/view.blade.php", null)]
    [InlineData("src/my_vendor/a.cs", null)]
    [InlineData("node_modules/a/b.js", "vendored")]
    [InlineData("web/node_modules/a/b.js", "vendored")]
    [InlineData("vendor/a.go", "vendored")]
    [InlineData("Third_Party/a.c", "vendored")]
    [InlineData("vendor", null)]
    [InlineData("src/a.g.cs", "generated")]
    [InlineData("src/Form.Designer.cs", "generated")]
    [InlineData("api/a.pb.go", "generated")]
    [InlineData("api/a_pb2.py", "generated")]
    [InlineData("package-lock.json", "generated")]
    [InlineData("web/jquery.min.js", "minified")]
    [InlineData("web/app.js.map", "minified")]
    [InlineData("logo.PNG", "binary")]
    [InlineData("notes.txt", "unknown_language")]
    [InlineData("test_a.py", "excluded_path")]
    [InlineData("src/mock_a.py", "excluded_path")]
    [InlineData("src/a_test_b.py", null)]
    [InlineData(".git/config", "excluded_path")]
    [InlineData("sub/.git/a.cs", null)]
    public void SkipReason_DefaultPatterns_NamesIt(string path, string? reason) => Assert.Equal(reason, s_default.SkipReason(path));

    [Theory]
    [InlineData("*.cs", "a/b.cs", true)]
    [InlineData("*.cs", "a/b.cs.py", false)]
    [InlineData("a?.cs", "x/ab.cs", true)]
    [InlineData("[a-c]*.cs", "x/b1.cs", true)]
    [InlineData("[!a-c]*.cs", "x/b1.cs", false)]
    [InlineData("src/*.cs", "src/a.cs", true)]
    [InlineData("src/*.cs", "src/x/a.cs", false)]
    [InlineData("src/**", "src/x/a.cs", true)]
    [InlineData("src/**", "lib/src/a.cs", false)]
    [InlineData("**/gen/**", "gen/a.cs", true)]
    [InlineData("**/gen/**", "x/y/gen/z/a.cs", true)]
    [InlineData("/src/a.cs", "src/a.cs", true)]
    [InlineData("a.c(s", "a.cs", false)]
    [InlineData("[z-a].cs", "a.cs", false)]
    [InlineData("*", "src/a\nb.cs", true)]
    public void SkipReason_OwnPatterns_MatchAsGlobs(string pattern, string path, bool excluded)
        => Assert.Equal(excluded ? "excluded_path" : null, new PathRules([pattern]).SkipReason(path));

    [Theory]
    [InlineData("a/Dockerfile.dev", "Dockerfile")]
    [InlineData("GNUmakefile", "Makefile")]
    [InlineData(".bashrc", "Shell")]
    [InlineData("A.CS", "C#")]
    [InlineData(".env.local", "Environment file")]
    [InlineData("x.d.ts", "TypeScript")]
    [InlineData("a.csproj", "XML")]
    [InlineData("", null)]
    [InlineData("a/", null)]
    [InlineData(".", null)]
    [InlineData("...", null)]
    [InlineData("a.", null)]
    public void Find_Name_TellsTheLanguage(string path, string? language) => Assert.Equal(language, LanguageMap.Find(path)?.Name);

    [Theory]
    [InlineData("#!/usr/bin/env python3\n", "Python")]
    [InlineData("#!/bin/sh", "Shell")]
    [InlineData("#! /usr/bin/perl -w\n", "Perl")]
    [InlineData("#!/usr/bin/env -S A=b node --x\n", "JavaScript")]
    [InlineData("#!\n", null)]
    [InlineData("#!/usr/bin/env\n", null)]
    [InlineData("# python\n", null)]
    public void Find_InterpreterLine_TellsTheLanguage(string content, string? language)
        => Assert.Equal(language, LanguageMap.Find("run", System.Text.Encoding.UTF8.GetBytes(content))?.Name);
}
