using System.Text;

namespace ClaudeManager.Core.Configuration;

/// <summary><c>docs/configuration.md</c>, made from the tables, so that it cannot say something else than the program does.</summary>
internal static class ConfigurationDocument
{
    private const string Introduction = """
        # Configuration

        Nothing needs to be configured to start. What an operator sets stands in one file, `config.json`: JSON, in which comments and trailing commas are allowed. The file is named by `--config`
        (`-c`), else by `CLAUDE_MANAGER_CONFIG`, else it is `./config.json` if that has a section of ours. Every key is optional unless it says otherwise; an unknown or doubled key is an error.

        A value is taken from the strongest source that has it: command line, then environment, then file, then default. Any key can be set in the environment as `ClaudeManager__section__key`
        (e.g. `ClaudeManager__analyzer__maxIssuesPerRepo=20`); lists are given as JSON or separated by commas, objects as JSON.

        Secrets never stand in the file. They come from the environment; what looks like a secret in the file stops the program.

        A file with only the sections `github`, `analyzer` and `executor` and with `executor.terragonUsername` is a Gen-1 file: it loads unchanged, and `executor.timeout` is then 300 and
        `executor.defaultExecutor` `mention` by default.

        Keys marked "later" are accepted, because existing files carry them, but this version does not act on them; a file that sets one gets a suggestion saying so.

        An invalid configuration stops the program with exit code 78 and a report of everything that is wrong, each finding with its code, place and remedy.
        Examples: [examples/config.json](examples/config.json).

        ## Keys

        """;

    public static string Render()
    {
        var text = new StringBuilder(Introduction.ReplaceLineEndings("\n"));
        foreach (var section in ConfigurationKeys.All.GroupBy(k => k.Path.Split('.')[0]))
        {
            text.Append("\n### ").Append(section.Key).Append("\n\n| key | value | default | |\n|---|---|---|---|\n");
            foreach (var key in section)
            {
                text.Append("| `").Append(key.Path.Replace(".*.", ".NAME.", StringComparison.Ordinal)).Append("` | ").Append(Cell(key.Type.Description)).Append(" | ")
                    .Append(key.Default.Length == 0 ? "" : $"`{Cell(key.Default)}`").Append(" | ").Append(Cell(key.Documentation)).Append(key.HasEffect ? "" : " *(later)*").Append(" |\n");
            }
        }

        text.Append("\n## Environment variables\n\n| variable | sets | value | default | |\n|---|---|---|---|---|\n");
        foreach (var variable in EnvironmentVariable.All)
        {
            var later = ConfigurationKeys.All.Any(k => k.Path == variable.Path && !k.HasEffect) ? " *(later)*" : "";
            text.Append("| `").Append(variable.Name).Append("` | ").Append(variable.Path is null ? "" : $"`{variable.Path}`").Append(" | ").Append(Cell(variable.Type.Description)).Append(" | ")
                .Append(variable.Default.Length == 0 ? "" : $"`{variable.Default}`").Append(" | ").Append(Cell(variable.Documentation)).Append(later).Append(" |\n");
        }

        text.Append("\n## Findings\n\nErrors and security findings make a configuration invalid.\n\n| code | severity | |\n|---|---|---|\n");
        foreach (var rule in ConfigurationRules.All)
        {
            text.Append("| ").Append(rule.Code).Append(" | ").Append(rule.Severity.ToString().ToLowerInvariant()).Append(" | ").Append(rule.Title).Append(" |\n");
        }

        return text.ToString();
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
