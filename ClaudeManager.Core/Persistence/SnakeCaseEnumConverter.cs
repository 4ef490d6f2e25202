using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace ClaudeManager.Core.Persistence;

/// <summary>Enums are stored as the same snake_case strings the API speaks; an unknown string is an error, not a default.</summary>
internal sealed class SnakeCaseEnumConverter<T>() : ValueConverter<T, string>(v => Name(v), v => Parse(v))
    where T : struct, Enum
{
    private static readonly Dictionary<T, string> s_names = Enum.GetValues<T>().ToDictionary(v => v, v => JsonNamingPolicy.SnakeCaseLower.ConvertName(v.ToString()));
    private static readonly Dictionary<string, T> s_values = s_names.ToDictionary(p => p.Value, p => p.Key);

    private static string Name(T value) => s_names[value];

    private static T Parse(string text) => s_values.TryGetValue(text, out var value) ? value : throw new InvalidOperationException($"'{text}' is no {typeof(T).Name}.");
}
