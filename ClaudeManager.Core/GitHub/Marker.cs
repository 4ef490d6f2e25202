using System.Text.RegularExpressions;

namespace ClaudeManager.Core.GitHub;

/// <summary>
/// Hidden in what we write to GitHub (<c>&lt;!-- claude-manager item:12/fingerprint --&gt;</c>), so that it is found again before it is written a second time. Anybody can write one into a text
/// of theirs: it counts only in texts of our own account.
/// </summary>
public readonly partial record struct Marker
{
    private Marker(string kind, string key) => (Kind, Key) = (kind, key);

    /// <summary>What was written, e.g. <c>item</c>, <c>result</c>.</summary>
    public string Kind { get; }

    public string Key { get; }

    public static Marker Of(string kind, string key)
    {
        var marker = new Marker(kind, key);
        return Find(marker.ToString()) == marker ? marker : throw new ArgumentException($"'{kind}:{key}' cannot be a marker: use letters, digits and . _ / - only.", nameof(key));
    }

    /// <summary>The first marker in a text.</summary>
    public static Marker? Find(string text) => Pattern().Match(text) is { Success: true } match ? new Marker(match.Groups["kind"].Value, match.Groups["key"].Value) : null;

    /// <summary>The last one: in a text that quotes others', ours, which is at its end.</summary>
    public static Marker? FindLast(string text) => Pattern().Matches(text) is [.., var match] ? new Marker(match.Groups["kind"].Value, match.Groups["key"].Value) : null;

    public bool IsIn(string text) => text.Contains(ToString(), StringComparison.Ordinal);

    /// <summary>The text with the marker at its end, once.</summary>
    public string AppendTo(string text) => IsIn(text) ? text : $"{text}\n\n{this}";

    public override string ToString() => $"<!-- claude-manager {Kind}:{Key} -->";

    [GeneratedRegex(@"<!-- claude-manager (?<kind>[a-z-]{1,32}):(?<key>[A-Za-z0-9._/-]{1,200}) -->", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
