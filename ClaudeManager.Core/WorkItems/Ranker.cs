using System.Globalization;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.WorkItems;

/// <summary>What the score looks at.</summary>
/// <param name="History">What was decided on each kind in this repository so far.</param>
/// <param name="Kind">Null: what marker and text say.</param>
public sealed record RankInput(
    string Marker,
    string Text,
    string? Path,
    string? Priority,
    DateOnly? DueOn,
    DateTimeOffset? AuthoredAt,
    IReadOnlyList<string> Labels,
    IReadOnlyDictionary<WorkKind, KindHistory>? History = null,
    WorkKind? Kind = null);

/// <param name="Accepted">Items whose result went into the repository.</param>
/// <param name="Declined">Items a person said no to.</param>
public sealed record KindHistory(int Accepted, int Declined);

public sealed record Ranking(double Score, WorkKind Kind, IReadOnlyList<ScoreTermDto> Terms)
{
    /// <summary>≥ 8 Very High, ≥ 6 High, ≥ 4 Medium, else Low.</summary>
    public static string Level(double score) => score switch
    {
        >= 8 => "Very High",
        >= 6 => "High",
        >= 4 => "Medium",
        _ => "Low",
    };
}

/// <summary>A score from 1 to 10 of which every term is shown: 1 + 9 × (weighted sum ÷ sum of weights). Pure, so that the same facts always rank the same.</summary>
public static partial class Ranker
{
    private static readonly (WorkKind Kind, double Value, string[] Words)[] s_kinds =
    [
        (WorkKind.Security, 1.0, ["security", "vulnerab", "injection", "xss", "csrf", "credential", "password", "secret", "auth", "encrypt", "sanitiz", "sanitis", "exploit", "unsafe"]),
        (WorkKind.Bug, 0.85, ["bug", "fix", "broken", "crash", "error", "fail", "wrong", "incorrect", "leak", "race", "deadlock", "null", "overflow", "off by one", "regression"]),
        (WorkKind.Performance, 0.7, ["performance", "slow", "optimi", "cache", "latency", "memory", "n+1", "quadratic", "allocation"]),
        (WorkKind.Testing, 0.55, ["test", "coverage", "assert", "mock", "flaky"]),
        (WorkKind.Feature, 0.5, ["implement", "support", "add ", "feature", "extend", "allow", "missing"]),
        (WorkKind.Documentation, 0.3, ["document", "docs", "comment", "readme", "example", "typo"]),
        (WorkKind.Cleanup, 0.25, ["remove", "delete", "clean", "unused", "dead code", "deprecated", "rename"]),
        (WorkKind.Refactoring, 0.4, ["refactor", "simplif", "extract", "duplicate", "restructure", "split", "move ", "hack", "workaround"]),
    ];

    public static Ranking Rank(RankInput input, RankingConfiguration weights, DateTimeOffset now)
    {
        var text = (input.Text + ' ' + string.Join(' ', input.Labels)).ToLowerInvariant();
        var (kind, kindValue, kindWhy) = input.Kind is { } given ? (given, s_kinds.First(k => k.Kind == given).Value, $"{given}: that is what was looked for.") : Classify(input.Marker, text);
        var (impact, impactWhy) = Impact(input.Path, text);
        var (urgency, urgencyWhy) = Urgency(input, text, now);
        var (ease, easeWhy) = Ease(input.Text, text);
        var (history, historyWhy) = History(input.History?.GetValueOrDefault(kind));
        (string Name, double Weight, double Value, string Why)[] terms =
        [
            ("kind", weights.KindWeight, kindValue, kindWhy),
            ("impact", weights.ImpactWeight, impact, impactWhy),
            ("urgency", weights.UrgencyWeight, urgency, urgencyWhy),
            ("complexity", weights.ComplexityWeight, ease, easeWhy),
            ("history", weights.HistoryWeight, history, historyWhy),
        ];
        var total = terms.Sum(t => t.Weight);
        var parts = terms.Select(t => new ScoreTermDto(t.Name, total <= 0 ? 0 : Math.Round(9 * t.Weight * t.Value / total, 3), t.Why)).ToList();
        parts.Insert(0, new ScoreTermDto("base", 1, "Every item starts at 1."));
        return new Ranking(Math.Round(Math.Clamp(parts.Sum(p => p.Value), 1, 10), 2), kind, parts);
    }

    private static (WorkKind Kind, double Value, string Why) Classify(string marker, string text)
    {
        foreach (var (kind, value, words) in s_kinds)
        {
            if (words.FirstOrDefault(w => StartsWord(text, w)) is { } word)
            {
                return (kind, value, $"{kind}: the text says '{word.Trim()}'.");
            }
        }

        return marker.ToUpperInvariant() switch
        {
            "BUG" or "FIXME" => (WorkKind.Bug, 0.85, $"Bug: marked {marker}."),
            "HACK" => (WorkKind.Refactoring, 0.4, "Refactoring: marked HACK."),
            _ => (WorkKind.Refactoring, 0.4, $"Refactoring: {(marker.Length == 0 ? "nothing" : "marked " + marker + ", and nothing")} says otherwise."),
        };
    }

    private static (double Value, string Why) Impact(string? path, string text)
    {
        if (path is null)
        {
            return (0.5, "No file: middling impact.");
        }

        var lower = path.ToLowerInvariant();
        var depth = lower.Count(c => c == '/');
        if (TestPath().IsMatch(lower))
        {
            return (0.25, "In a test file.");
        }

        if (DocumentationPath().IsMatch(lower))
        {
            return (0.2, "In documentation or an example.");
        }

        if (CorePath().Match(lower) is { Success: true } core)
        {
            return (0.9, $"In a central place ('{core.Value.Trim('/')}').");
        }

        if (StartsWord(text, "all users") || StartsWord(text, "production") || StartsWord(text, "data loss") || StartsWord(text, "breaking"))
        {
            return (0.85, "The text speaks of a wide effect.");
        }

        var value = Math.Max(0.4, 0.7 - (0.05 * depth));
        return (value, string.Create(CultureInfo.InvariantCulture, $"An ordinary source file, {depth} folders deep."));
    }

    internal static bool IsTest(string path) => TestPath().IsMatch(path.ToLowerInvariant());

    internal static bool IsDocumentation(string path) => DocumentationPath().IsMatch(path.ToLowerInvariant());

    private static (double Value, string Why) Urgency(RankInput input, string text, DateTimeOffset now)
    {
        if (input.DueOn is { } due)
        {
            var days = due.DayNumber - DateOnly.FromDateTime(now.UtcDateTime).DayNumber;
            return days < 0 ? (1, $"Due {due:yyyy-MM-dd}, {-days} days ago.") : (days <= 30 ? 0.9 : 0.6, $"Due {due:yyyy-MM-dd}, in {days} days.");
        }

        if (input.Priority is { Length: > 0 } priority && PriorityValue(priority) is { } given)
        {
            return (given, $"Priority '{priority}' in the marker.");
        }

        if (UrgentWords().Match(text) is { Success: true } word)
        {
            return (0.9, $"The text says '{word.Value}'.");
        }

        var marked = input.Marker.ToUpperInvariant() switch
        {
            "BUG" => 0.75,
            "FIXME" => 0.65,
            "HACK" => 0.45,
            _ => 0.35,
        };
        if (input.AuthoredAt is { } authored)
        {
            var days = (now - authored).TotalDays;
            var value = Math.Min(1, marked + Math.Clamp(days / 365, 0, 2) * 0.1);
            return (value, string.Create(CultureInfo.InvariantCulture, $"{Marked(input.Marker)}, {days:0} days old."));
        }

        return (marked, $"{Marked(input.Marker)}; its age is not known.");

        static string Marked(string marker) => marker.Length == 0 ? "No marker" : "Marked " + marker;
    }

    /// <summary>Small, well-described work is worth doing first: the value is high when the work looks easy.</summary>
    private static (double Value, string Why) Ease(string original, string text)
    {
        if (HardWords().Match(text) is { Success: true } word)
        {
            return (0.2, $"Looks large: the text says '{word.Value}'.");
        }

        return original.Length switch
        {
            < 12 => (0.3, "The text is too short to say what to do."),
            <= 200 => (0.9, "Short and to the point."),
            <= 600 => (0.6, "A longer description."),
            _ => (0.4, "A very long description."),
        };
    }

    private static (double Value, string Why) History(KindHistory? history)
        => history is null or { Accepted: 0, Declined: 0 }
            ? (0.5, "Nothing of this kind was decided in this repository yet.")
            : ((history.Accepted + 1.0) / (history.Accepted + history.Declined + 2.0), $"{history.Accepted} of this kind accepted, {history.Declined} declined in this repository.");

    private static double? PriorityValue(string priority) => priority.ToUpperInvariant() switch
    {
        "P0" or "CRITICAL" or "BLOCKER" or "URGENT" => 1,
        "P1" or "HIGH" => 0.9,
        "P2" or "MEDIUM" => 0.6,
        "P3" or "LOW" => 0.3,
        "P4" => 0.2,
        _ => null,
    };

    private static bool StartsWord(string text, string word)
    {
        for (var at = text.IndexOf(word, StringComparison.Ordinal); at >= 0; at = text.IndexOf(word, at + 1, StringComparison.Ordinal))
        {
            if (at == 0 || !char.IsLetterOrDigit(text[at - 1]))
            {
                return true;
            }
        }

        return false;
    }

    [GeneratedRegex(@"(^|/)(tests?|specs?|__tests__|fixtures?)/|[._-](test|spec)s?\.[a-z]+$|(^|/)test_", RegexOptions.CultureInvariant)]
    private static partial Regex TestPath();

    [GeneratedRegex(@"(^|/)(docs?|examples?|samples?|demo)/|\.(md|rst|txt|adoc)$", RegexOptions.CultureInvariant)]
    private static partial Regex DocumentationPath();

    [GeneratedRegex(@"(^|/)(core|auth|security|api|server|kernel|database|db|payments?|billing)(/|\.)|(^|/)(main|program|index|app)\.[a-z]+$", RegexOptions.CultureInvariant)]
    private static partial Regex CorePath();

    [GeneratedRegex(@"\b(urgent|asap|critical|immediately|blocker|before release|data loss|security)\b", RegexOptions.CultureInvariant)]
    private static partial Regex UrgentWords();

    [GeneratedRegex(@"\b(rewrite|redesign|rearchitect|migrate|overhaul|from scratch|entire|everywhere)\b", RegexOptions.CultureInvariant)]
    private static partial Regex HardWords();
}
