using System.Text;

namespace ClaudeManager.Core.Configuration;

/// <summary><see cref="Error"/> and <see cref="Security"/> make a configuration invalid; the others are advice.</summary>
public enum FindingSeverity
{
    Error,
    Security,
    Warning,
    Performance,
    Suggestion,
}

/// <summary>One thing that is wrong with a configuration, or could be better. Secrets in <paramref name="Message"/> are masked.</summary>
/// <param name="Code"><c>CMnnnn</c>, listed in <c>docs/configuration.md</c>.</param>
/// <param name="Path">The key, e.g. <c>github.reposToScan[2]</c>; empty when it is about the whole file.</param>
/// <param name="Fix">What to do, concretely.</param>
public sealed record ConfigurationFinding(FindingSeverity Severity, string Code, string Path, ConfigurationOrigin Origin, string Message, string Fix)
{
    public override string ToString() => $"{Origin}: {Severity.ToString().ToLowerInvariant()} {Code}: {(Path.Length == 0 ? "" : Path + ": ")}{Message} {Fix}";
}

/// <summary>Everything found in one pass, worst first.</summary>
public sealed class ConfigurationReport(IEnumerable<ConfigurationFinding> findings)
{
    public IReadOnlyList<ConfigurationFinding> Findings { get; } =
        [.. findings.Distinct().OrderBy(f => f.Severity).ThenBy(f => f.Origin.Line).ThenBy(f => f.Origin.Column).ThenBy(f => f.Path, StringComparer.Ordinal)];

    public bool IsValid => !Findings.Any(f => f.Severity is FindingSeverity.Error or FindingSeverity.Security);

    public override string ToString() => Findings.Aggregate(new StringBuilder(), (text, finding) => text.Append(finding).Append('\n')).ToString();
}
