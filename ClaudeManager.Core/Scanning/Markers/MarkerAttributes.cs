using System.Globalization;
using System.Text.RegularExpressions;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>What people write in the parentheses of a marker: <c>TODO(alice, #123, P1, 2027-01-31)</c>.</summary>
internal sealed partial record MarkerAttributes(string? Owner, string? IssueReference, string? Priority, DateOnly? DueOn)
{
    public static readonly MarkerAttributes None = new(null, null, null, null);

    private static readonly string[] s_dateFormats = ["yyyy-MM-dd", "yyyy/MM/dd", "yyyy.MM.dd", "yyyy-M-d"];

    public bool IsEmpty => this == None;

    /// <returns>Null where the parentheses hold prose: then they belong to the text.</returns>
    public static MarkerAttributes? Parse(string inner)
    {
        var result = None;
        foreach (var part in inner.Split((char[]?)[',', ';', ' ', '|'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var label = Label().Match(part);
            var value = label.Success ? part[label.Length..] : part;
            var next = (label.Success ? label.Groups[1].Value.ToLowerInvariant() : "", value) switch
            {
                ("due" or "by" or "before" or "until" or "", _) when AsDate(value) is { } date => result with { DueOn = date },
                ("p" or "prio" or "priority" or "", _) when PriorityWord().IsMatch(value) => result with { Priority = value.ToLowerInvariant() },
                ("issue" or "ticket" or "bug" or "", _) when result.IssueReference is null && Issue().IsMatch(value) => result with { IssueReference = value },
                ("owner" or "assignee" or "author" or "", _) when result.Owner is null && OwnerName().IsMatch(value) => result with { Owner = value.TrimStart('@') },
                // A first and a last name.
                ("", _) when result.Owner is { } first && char.IsUpper(first[0]) && !first.Contains(' ') && char.IsUpper(value[0]) && OwnerName().IsMatch(value) => result with { Owner = $"{first} {value}" },
                _ => null,
            };
            if (next is null)
            {
                return null;
            }

            result = next;
        }

        return result;
    }

    /// <summary>What stands at the beginning of the text instead: <c>TODO: [P1] …</c>, <c>TODO #12 …</c>, <c>TODO @alice …</c>.</summary>
    public static MarkerAttributes ParseLeading(string text)
    {
        var leading = Leading().Match(text);
        return leading.Success && Parse(leading.Groups[1].Success ? leading.Groups[1].Value : leading.Value) is { } found && (found.Owner is null || text[0] == '@') ? found : None;
    }

    private static DateOnly? AsDate(string text) => DateOnly.TryParseExact(text, s_dateFormats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;

    [GeneratedRegex(@"^(due|by|before|until|p|prio|priority|issue|ticket|bug|owner|assignee|author)[:=]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Label();

    [GeneratedRegex(@"^(?:[Pp][0-9]|critical|blocker|urgent|high|medium|low|major|minor|trivial)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex PriorityWord();

    [GeneratedRegex(@"^(?:[\w.-]+/[\w.-]+#\d+|#\d+|!\d+|[A-Za-z]+/\d+|[A-Z][A-Z0-9]+-\d+|\d{1,9}|https?://\S{1,110})$", RegexOptions.CultureInvariant)]
    private static partial Regex Issue();

    [GeneratedRegex(@"^@?[\p{L}\d][\p{L}\d._+@/-]{0,63}$", RegexOptions.CultureInvariant)]
    private static partial Regex OwnerName();

    [GeneratedRegex(@"^(?:[\[(]([^\])]{1,60})[\])]|#\d{1,9}\b|@[A-Za-z\d][\w-]{0,38})", RegexOptions.CultureInvariant)]
    private static partial Regex Leading();
}
