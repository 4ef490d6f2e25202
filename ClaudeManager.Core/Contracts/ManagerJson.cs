using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClaudeManager.Core.Contracts;

/// <summary>The one JSON dialect of the API: camelCase members, snake_case enums, nulls kept out.</summary>
public static class ManagerJson
{
    public static readonly JsonSerializerOptions Options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));

    /// <summary>Applies the dialect to options owned by a framework (minimal APIs, HTTP clients).</summary>
    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        return options;
    }

    /// <summary>An enum value as stored and sent, e.g. <c>no_changes</c>.</summary>
    public static string Name<T>(T value)
        where T : struct, Enum
        => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
