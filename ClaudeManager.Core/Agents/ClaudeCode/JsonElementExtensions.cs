using System.Text.Json;

namespace ClaudeManager.Core.Agents.ClaudeCode;

/// <summary>Looks into JSON that may have any shape: what is not there, or is something else, is null.</summary>
internal static class JsonElementExtensions
{
    public static JsonElement? At(this JsonElement element, string name)
        => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? Text(this JsonElement element, string name)
        => element.At(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static long? Number(this JsonElement element, string name)
        => element.At(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    public static decimal? Amount(this JsonElement element, string name)
        => element.At(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetDecimal(out var amount) ? amount : null;

    public static bool IsTrue(this JsonElement element, string name) => element.At(name) is { ValueKind: JsonValueKind.True };

    public static IEnumerable<JsonElement> Items(this JsonElement element, string name)
        => element.At(name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];
}
