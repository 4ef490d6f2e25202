using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;

namespace ClaudeManager.Api.Features;

/// <summary>Bounds every list shares.</summary>
internal static class ListQuery
{
    public const int MostRows = 500;

    public static Refusal? Check(int skip, int take)
        => skip < 0 ? Refusal.Invalid("skip", "skip is 0 or more.", "Start at 0.")
            : take is < 1 or > MostRows ? Refusal.Invalid("take", $"take is between 1 and {MostRows}.", "Ask for a page of that size.")
            : null;

    /// <summary>One of the names a list can be sorted by; a leading <c>-</c> turns it round.</summary>
    public static Refusal? CheckSort(string? sort, params IReadOnlyList<string> known)
        => sort is null || known.Contains(sort.StartsWith('-') ? sort[1..] : sort)
            ? null
            : Refusal.Invalid("sort", $"A list cannot be sorted by '{Short(sort)}'.", $"Use one of {string.Join(", ", known)}, with a leading '-' the other way round.");

    /// <summary>States by their stored names.</summary>
    public static Outcome<IReadOnlyList<T>> States<T>(string[]? names)
        where T : struct, Enum
    {
        var known = Enum.GetValues<T>().ToDictionary(v => ManagerJson.Name(v));
        var states = new List<T>();
        foreach (var name in names ?? [])
        {
            if (!known.TryGetValue(name, out var state))
            {
                return Refusal.Invalid("state", $"There is no state '{Short(name)}'.", $"Use one of {string.Join(", ", known.Keys)}.");
            }

            states.Add(state);
        }

        return new Outcome<IReadOnlyList<T>>(states, null);
    }

    private static string Short(string text) => text.Length > 40 ? text[..40] : text;
}
