using System.Text.RegularExpressions;
using ClaudeManager.Core.Publishing;

namespace ClaudeManager.Core.Verification;

/// <summary>
/// Looks for tests that a diff takes away or switches off: the cheapest way to make checks pass. It reads lines, not languages, so it can be fooled and can be wrong; each answer therefore says
/// what was seen and where, and a person can look. Moving tests about is fine: what counts is what is fewer afterwards.
/// </summary>
internal static class TestChanges
{
    private static readonly Regex s_testPath = Line(
        @"(?:^|/)(?:tests?|specs?|__tests__|testing|e2e|[^/]*[._-](?:tests?|specs?|integrationtests|unittests)|[^/]*Tests)/"
        + @"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*(?:[._-](?:test|tests|spec)|Tests?|Spec)\.[A-Za-z0-9]+)$");

    private static readonly string[] s_data =
        [".json", ".yml", ".yaml", ".xml", ".toml", ".txt", ".md", ".csv", ".snap", ".html", ".css", ".sql", ".png", ".svg", ".golden", ".lock", ".config", ".props", ".targets", ".resx"];

    private static readonly Language[] s_languages =
    [
        new(
            [".cs", ".fs", ".vb"], "//",
            @"^\s*[\[<].*\b(?:Fact|Theory|Test|TestCase|TestMethod|DataTestMethod|InlineData|DataRow|Property)\b",
            @"\bSkip\s*=\s*""|[\[<](?:.*[,\s])?(?:Ignore|Explicit)\b|\bAssert\.(?:Skip|Ignore|Inconclusive)\w*\s*\("),
        new(
            [".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte"], "//",
            @"(?:^|[^.\w])(?:it|test)(?:\.(?:each|concurrent|skip|only|todo|failing|fixme))*\s*[(`]",
            @"(?:^|[^.\w])(?:it|test|describe|suite|context)\.(?:\w+\.)*(?:skip|only|todo|failing|fixme)\b|(?:^|[^.\w])[xf](?:it|test|describe|context)\s*\("),
        new(
            [".py"], "#",
            @"^\s*(?:async\s+)?def\s+test",
            @"^\s*@\s*(?:[\w.]*\.)?(?:skip\w*|xfail|expectedFailure)\b|\bpytest\.(?:skip|xfail)\s*\(|\.skipTest\s*\(|__test__\s*=\s*False|\bcollect_ignore"),
        new([".go"], "//", @"^func\s+(?:Test|Fuzz|Example)\w*\s*\(", @"\b[tbf]\.Skip(?:Now|f)?\s*\(|^//go:build\s+ignore"),
        new([".rs"], "//", @"#\[\s*(?:\w+::)*test\b", @"#\[\s*ignore\b|#\[\s*cfg_attr\s*\(.*\bignore\b"),
        new([".java", ".kt", ".kts", ".scala", ".groovy"], "//", @"@(?:Test|ParameterizedTest|RepeatedTest|Property)\b", @"@(?:Disabled\w*|Ignore)\b|\bassumeTrue\s*\(\s*false"),
        new([".rb"], "#", @"^\s*(?:it|specify|scenario|test)\s*[""'(]|^\s*def\s+test_", @"^\s*(?:xit|xspecify|xdescribe|xcontext|fit|fdescribe|fcontext|pending|skip)\b|,\s*(?:skip:|:skip|:focus|focus:)"),
        new([".php"], "//", @"\bfunction\s+test|@test\b|#\[Test\b", @"\bmarkTest(?:Skipped|Incomplete)\s*\("),
        new([".swift"], "//", @"\bfunc\s+test|@Test\b", @"\bXCTSkip|\.disabled\s*\("),
        new([".ex", ".exs"], "#", @"^\s*test\s+""", @"@(?:module)?tag\s+:?skip"),
        new([".c", ".cc", ".cpp", ".cxx", ".h", ".hpp"], "//", @"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST|TEST_CASE|SCENARIO|BOOST_AUTO_TEST_CASE)\s*\(", @"\bGTEST_SKIP\b|\bDISABLED_\w"),
        new([".sh", ".bash", ".bats"], "#", @"^\s*@test\b|^\s*(?:function\s+)?test_?\w*\s*\(\)", @"^\s*skip\b"),
    ];

    /// <param name="definedBy">Files that decide what the checks do (<see cref="VerifyPlan.DefinedBy"/>).</param>
    public static IReadOnlyList<string> Find(Diff diff, IReadOnlyList<string> definedBy)
    {
        var problems = new List<string>();
        var declared = new Dictionary<Language, (int Net, List<string> Fewer)>();
        foreach (var file in diff.Files)
        {
            var before = file.OldPath ?? file.Path;
            var language = Array.Find(s_languages, l => l.Has(file.Path));
            if (definedBy.Contains(before))
            {
                problems.AddRange(DefinitionChange(file, before));
            }

            var inTests = s_testPath.IsMatch(before) || s_testPath.IsMatch(file.Path);

            // Rust keeps tests beside the code they test.
            if (!inTests && language?.Has(".rs") != true)
            {
                continue;
            }

            if (file.Status == 'R' && s_testPath.IsMatch(before) && !s_testPath.IsMatch(file.Path) && language is not null)
            {
                problems.Add($"{before} was moved out of the tests, to {file.Path}.");
            }

            if (language is null)
            {
                if (file.Status == 'D' && !s_data.Contains(Path.GetExtension(file.Path), StringComparer.OrdinalIgnoreCase))
                {
                    problems.Add($"{file.Path}, a file of the tests, was deleted.");
                }

                continue;
            }

            var (net, fewer) = declared.GetValueOrDefault(language, (0, []));
            var change = language.CountDeclared(file, '+') - language.CountDeclared(file, '-');
            if (change < 0)
            {
                fewer.Add($"{before} ({-change})");
            }

            declared[language] = (net + change, fewer);
            if (language.AddedSkip(file) is { } skip)
            {
                problems.Add($"{file.Path}, line {skip.Number}: a test is skipped or singled out that was not before ('{Short(skip.Text.Span)}').");
            }
        }

        problems.AddRange(declared.Values.Where(d => d.Net < 0).Select(d => $"{-d.Net} fewer tests than before: {string.Join(", ", d.Fewer.Take(5))}."));
        return problems;
    }

    private static IEnumerable<string> DefinitionChange(DiffFile file, string before)
    {
        if (file.Status is 'D' or 'R')
        {
            yield return $"{before}, which decides what the checks do, was {(file.Status == 'D' ? "deleted" : "renamed")}.";
        }
        else if (before == "package.json")
        {
            if (file.Lines().Any(l => NpmTestScript.IsMatch(l.Text.Span)))
            {
                yield return "package.json: the test script was changed.";
            }
        }
        else if (Content('-') - Content('+') is var lost and > 0)
        {
            yield return $"{before}, which decides what the checks do, has {lost} fewer lines than before.";
        }

        int Content(char sign) => file.Lines().Count(l => l.Sign == sign && l.Text.Span.TrimStart() is not ([] or ['#', ..]));
    }

    private static Regex NpmTestScript { get; } = Line(@"^\s*""(?:pre|post)?test""\s*:");

    private static string Short(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        return text.Length <= 80 ? text.ToString() : string.Concat(text[..80], "…");
    }

    private static Regex Line(string expression) => new(expression, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    private sealed class Language(string[] extensions, string comment, string declares, string skips)
    {
        private readonly Regex _declares = Line(declares);
        private readonly Regex _skips = Line(skips);

        public bool Has(string path) => extensions.Any(e => path.EndsWith(e, StringComparison.OrdinalIgnoreCase));

        public int CountDeclared(DiffFile file, char sign) => file.Lines().Count(l => l.Sign == sign && !IsComment(l.Text.Span) && _declares.IsMatch(l.Text.Span));

        /// <summary>The last added marker, when the file has more of them than before.</summary>
        public DiffLine? AddedSkip(DiffFile file)
        {
            var marked = file.Lines().Where(l => !IsComment(l.Text.Span) && _skips.IsMatch(l.Text.Span)).ToList();
            var added = marked.Where(l => l.Sign == '+').ToList();
            return added.Count > marked.Count - added.Count ? added[^1] : null;
        }

        private bool IsComment(ReadOnlySpan<char> line)
        {
            line = line.TrimStart();
            return (line.StartsWith(comment) && !line.StartsWith("//go:build")) || line.StartsWith("/*") || line.StartsWith("*");
        }
    }
}
