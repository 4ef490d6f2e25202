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
                return Refusal.Invalid("state", $"There is no state '{(name.Length > 40 ? name[..40] : name)}'.", $"Use one of {string.Join(", ", known.Keys)}.");
            }

            states.Add(state);
        }

        return new Outcome<IReadOnlyList<T>>(states, null);
    }
}
