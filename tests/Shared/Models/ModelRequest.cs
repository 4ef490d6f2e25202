using System.Text;
using System.Text.Json;

namespace ClaudeManager.Tests.Shared.Models;

/// <summary>A finished tool call as the client reported it.</summary>
public sealed record ModelToolResult(string Tool, JsonElement Input, string Content, bool IsError);

/// <summary>One request as it arrived, with the questions a scenario asks of it.</summary>
public sealed class ModelRequest
{
    internal ModelRequest(string path, IReadOnlyDictionary<string, string> headers, JsonElement body)
    {
        Path = path;
        Headers = headers;
        Body = body;
        (Prompts, Results) = ReadConversation(body);
    }

    /// <summary>Path and query.</summary>
    public string Path { get; }

    public IReadOnlyDictionary<string, string> Headers { get; }

    public JsonElement Body { get; }

    /// <summary>What the user asked, oldest first, without what the client adds around it.</summary>
    public IReadOnlyList<string> Prompts { get; }

    public string Prompt => Prompts is [.., var last] ? last : "";

    /// <summary>The tool calls done since <see cref="Prompt"/>, in order: their number is the step a scenario is at.</summary>
    public IReadOnlyList<ModelToolResult> Results { get; }

    public bool Streams => Body.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True;

    public string Model => Body.TryGetProperty("model", out var model) ? model.GetString()! : "";

    private static (IReadOnlyList<string> Prompts, IReadOnlyList<ModelToolResult> Results) ReadConversation(JsonElement body)
    {
        var prompts = new List<string>();
        var calls = new Dictionary<string, JsonElement>();
        var results = new List<ModelToolResult>();
        if (!body.TryGetProperty("messages", out var messages))
        {
            return (prompts, results);
        }

        foreach (var message in messages.EnumerateArray())
        {
            var role = message.GetProperty("role").GetString();
            foreach (var (type, block) in BlocksOf(message.GetProperty("content")))
            {
                switch (type)
                {
                    case "tool_use":
                        calls[block.GetProperty("id").GetString()!] = block;
                        break;
                    case "tool_result" when calls.TryGetValue(block.GetProperty("tool_use_id").GetString()!, out var call):
                        results.Add(new ModelToolResult(
                            call.GetProperty("name").GetString()!,
                            call.GetProperty("input"),
                            TextOf(block),
                            block.TryGetProperty("is_error", out var error) && error.ValueKind == JsonValueKind.True));
                        break;
                    case "text" when role == "user" && !IsAddedByClient(block.GetProperty("text").GetString()!):
                        prompts.Add(block.GetProperty("text").GetString()!);
                        results.Clear();
                        break;
                    default:
                        break;
                }
            }
        }

        return (prompts, results);
    }

    private static bool IsAddedByClient(string text) => text.StartsWith("<system-reminder>", StringComparison.Ordinal);

    private static IEnumerable<(string Type, JsonElement Block)> BlocksOf(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            yield return ("text", JsonSerializer.SerializeToElement(new { type = "text", text = content.GetString() }));
            yield break;
        }

        foreach (var block in content.EnumerateArray())
        {
            yield return (block.GetProperty("type").GetString()!, block);
        }
    }

    private static string TextOf(JsonElement toolResult)
    {
        if (!toolResult.TryGetProperty("content", out var content))
        {
            return "";
        }

        var text = new StringBuilder();
        foreach (var (type, block) in BlocksOf(content))
        {
            if (type == "text")
            {
                text.Append(block.GetProperty("text").GetString());
            }
        }

        return text.ToString();
    }
}
