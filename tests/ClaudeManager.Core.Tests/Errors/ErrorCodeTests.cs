using System.Text.RegularExpressions;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Tests.Errors;

/// <summary>One table, one meaning each, and a page on which people find them.</summary>
public sealed partial class ErrorCodeTests
{
    private const string Page = "docs/errors.md";

    private static readonly string s_root = FindRoot();

    [Fact]
    public void Codes_InTheTableAndAmongTheRules_AreThereOnce()
    {
        var names = ErrorCodes.All.Select(c => c.Name).Concat(ConfigurationRules.All.Select(r => r.Code)).ToList();

        Assert.Equal(names.Distinct(StringComparer.Ordinal), names);
        Assert.All(names, name => Assert.Matches("^(CM[0-9]{4}|[a-z]+(_[a-z]+)*)$", name));
    }

    [Fact]
    public void Codes_InSource_ComeFromTheTableAndAllOfItIsUsed()
    {
        var texts = Directory.EnumerateDirectories(s_root, "ClaudeManager.*").SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
            .Where(file => Path.GetFileName(file) is not ("ErrorCodes.cs" or "ConfigurationRules.cs")).Select(file => (Name: Path.GetFileName(file), Text: File.ReadAllText(file))).ToList();
        Assert.True(texts.Count > 300);

        Assert.Empty(texts.SelectMany(file => Literal().Matches(file.Text).Select(m => $"{file.Name}: {m.Value}")));
        var used = texts.SelectMany(file => Use().Matches(file.Text).Select(m => m.Groups[1].Value)).ToHashSet();
        Assert.Empty(typeof(ErrorCodes).GetFields().Select(f => f.Name).Except(used));
    }

    [Fact]
    public async Task Page_SaysOfEveryCodeWhatTheTableSays()
    {
        var ct = TestContext.Current.CancellationToken;
        var text = string.Join('\n',
            [
                "# Error codes",
                "",
                "Every fault and every refusal has one of these codes, and keeps it. The Api says it as `code` of its problem details (RFC 9457), beside `failure` (the class), `fix`, `traceId`, and `clearsAt` where it is known when to try",
                "again; it is in the log, in the audit, and in the list of errors. Only the classes `transient` and `infrastructure` are tried again by themselves.",
                "",
                "| code | class | what it means | what to do |",
                "|---|---|---|---|",
                .. ErrorCodes.All.Select(c => $"| `{c.Name}` | {ManagerJson.Name(c.Failure)} | {c.Meaning} | {c.Fix} |"),
                "",
                "## Findings of the configuration",
                "",
                "What a finding is about, and in which line, is in the report ([configuration.md](configuration.md)). Errors and findings of security stop the program (`CM1000`).",
                "",
                "| code | severity | what it means |",
                "|---|---|---|",
                .. ConfigurationRules.All.Select(r => $"| `{r.Code}` | {ManagerJson.Name(r.Severity)} | {r.Title} |"),
                "",
            ]);
        var file = Path.Combine(s_root, Page);
        if (File.Exists(file) && await File.ReadAllTextAsync(file, ct) == text)
        {
            return;
        }

        var made = Path.Combine(AppContext.BaseDirectory, "errors.md");
        await File.WriteAllTextAsync(made, text, ct);
        Assert.Fail($"The table differs from {Page}. If it is meant to, renew the file: cp {made} {file}");
    }

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "ClaudeManager.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }

    [GeneratedRegex("\"CM[0-9]{4}\"")]
    private static partial Regex Literal();

    [GeneratedRegex(@"\bErrorCodes\.(\w+)")]
    private static partial Regex Use();
}
