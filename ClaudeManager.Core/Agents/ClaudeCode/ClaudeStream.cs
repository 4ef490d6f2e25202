using System.Globalization;
using System.Text.Json;

namespace ClaudeManager.Core.Agents.ClaudeCode;

/// <summary>What the CLI said at the end.</summary>
/// <param name="Subtype"><c>success</c>, <c>error_max_turns</c>, <c>error_max_budget_usd</c>, <c>error_during_execution</c>, …</param>
/// <param name="ApiStatus">HTTP status of the model API when that ended it.</param>
/// <param name="FromApi">The model API ended it, with or without a status.</param>
internal sealed record ClaudeResult(string Subtype, bool IsError, string Text, int? ApiStatus, bool FromApi, int Turns);

/// <summary>
/// Reads the CLI's stream-json output, line by line. Nothing in it is trusted to have the shape it should: what does not parse is kept as it is, what is unknown is kept with its name, and neither stops the run.
/// </summary>
internal sealed class ClaudeStream(string workspace)
{
    private const int MaxText = 400;
    private const int MaxData = 64 * 1024;

    private readonly Dictionary<string, (long Input, long Output)> _usageByMessage = new(StringComparer.Ordinal);
    private string? _messageId;

    /// <summary>Version of the CLI; set once it has begun its session.</summary>
    public string? Version { get; private set; }

    public ClaudeResult? Result { get; private set; }

    /// <summary>The API's own name of its error, e.g. <c>overloaded_error</c>, <c>billing_error</c>.</summary>
    public string? ApiErrorType { get; private set; }

    /// <summary>Totals so far. While it works they are summed over the messages; the result replaces them, because only it knows the cost.</summary>
    public AgentUsage Usage { get; private set; } = new(null, null, null, null);

    public IEnumerable<AgentEvent> Read(string line)
    {
        if (string.IsNullOrWhiteSpace(line))
        {
            return [];
        }

        JsonElement root;
        try
        {
            root = JsonElement.Parse(line);
        }
        catch (JsonException)
        {
            return [new AgentEvent("unparsed", OneLine(line))];
        }

        return (root.Text("type"), root.Text("subtype")) switch
        {
            (null, _) => [new AgentEvent("unparsed", OneLine(line))],
            ("stream_event", _) => Streamed(root),
            ("assistant", _) => Assistant(root),
            ("user", _) => User(root),
            ("result", _) => Ended(root),
            ("system", "init") => Began(root),
            ("system", "api_retry") => [Event("retry", root, Retry(root))],
            ("system", "permission_denied") => [Event("notice", root, $"Not allowed: {root.Text("tool_name") ?? "a tool"}")],
            ("rate_limit_event", _) => [Event("rate_limit", root, $"Rate limit: {root.At("rate_limit_info")?.Text("status") ?? "unknown"}")],
            ("tool_progress", _) or ("system", "ui_invalidate") or ("system", "status") => [],
            var (type, subtype) => [Event("notice", root, subtype is null ? type : $"{type}: {subtype}")],
        };
    }

    private IEnumerable<AgentEvent> Began(JsonElement root)
    {
        Version = root.Text("claude_code_version") ?? "unknown";
        return [Event("init", root, $"Claude Code {Version}, model {root.Text("model") ?? "unknown"}")];
    }

    private IEnumerable<AgentEvent> Assistant(JsonElement root)
    {
        ApiErrorType = root.Text("api_error_type") ?? root.Text("error") ?? ApiErrorType;
        if (root.At("message") is { } message)
        {
            if (message.Text("id") is { } id)
            {
                Count(id, message.At("usage"));
            }

            foreach (var block in message.Items("content"))
            {
                var agentEvent = block.Text("type") switch
                {
                    "text" => Event("message", block, block.Text("text") ?? ""),
                    "thinking" => Event("thinking", block, block.Text("thinking") ?? ""),
                    "tool_use" => Event("tool_use", block, ToolUse(block)),
                    _ => null,
                };
                if (agentEvent is not null)
                {
                    yield return agentEvent;
                }
            }
        }
    }

    private static IEnumerable<AgentEvent> User(JsonElement root)
    {
        foreach (var block in (root.At("message") ?? default).Items("content"))
        {
            if (block.Text("type") == "tool_result")
            {
                var content = block.At("content") is { ValueKind: JsonValueKind.String } text
                    ? text.GetString()!
                    : string.Join('\n', block.Items("content").Select(part => part.Text("text")));
                yield return Event("tool_result", block, block.IsTrue("is_error") ? "Failed: " + content : content);
            }
        }
    }

    /// <summary>Pieces of a message are not kept (the whole follows), but they carry the only true count of output tokens while it works.</summary>
    private IEnumerable<AgentEvent> Streamed(JsonElement root)
    {
        if (root.At("event") is { } piece)
        {
            switch (piece.Text("type"))
            {
                case "message_start" when piece.At("message") is { } message:
                    _messageId = message.Text("id");
                    break;
                case "message_delta" when _messageId is not null:
                    Count(_messageId, piece.At("usage"));
                    break;
                default:
                    break;
            }
        }

        return [];
    }

    private IEnumerable<AgentEvent> Ended(JsonElement root)
    {
        var errors = string.Join("; ", root.Items("errors").Select(e => e.ValueKind == JsonValueKind.String ? e.GetString() : null).OfType<string>());
        var text = root.Text("result") ?? errors;
        var turns = (int)Math.Clamp(root.Number("num_turns") ?? 0, 0, int.MaxValue);
        Result = new ClaudeResult(
            root.Text("subtype") ?? "unknown",
            root.IsTrue("is_error") || root.Text("subtype") != "success",
            text,
            root.Number("api_error_status") is { } status and >= 100 and < 600 ? (int)status : null,
            root.Text("terminal_reason") == "api_error",
            turns);
        Usage = UsageOf(root, turns);
        return [Event("result", root, text)];
    }

    /// <summary>
    /// Of this call alone. <c>usage</c> leaves subagents out, <c>modelUsage</c> does not; but in a resumed session that and <c>total_cost_usd</c> go on from the earlier calls, where the CLI is
    /// new enough to remember them, and then it also says what came since.
    /// </summary>
    private AgentUsage UsageOf(JsonElement result, int turns)
    {
        var since = result.At("model_usage_since_last_result");
        if ((since ?? result.At("modelUsage")) is not { ValueKind: JsonValueKind.Object } models)
        {
            return Usage with { CostUsd = result.Amount("total_cost_usd"), Turns = turns };
        }

        var all = models.EnumerateObject().Select(model => model.Value).ToArray();
        return new AgentUsage(
            since is null ? result.Amount("total_cost_usd") : all.Sum(m => m.Amount("costUSD") ?? 0),
            all.Sum(m => (m.Number("inputTokens") ?? 0) + (m.Number("cacheReadInputTokens") ?? 0) + (m.Number("cacheCreationInputTokens") ?? 0)),
            all.Sum(m => m.Number("outputTokens") ?? 0),
            turns);
    }

    /// <summary>One message comes in several lines, each with the usage so far: the largest counts, once.</summary>
    private void Count(string messageId, JsonElement? usage)
    {
        if (usage is not { } counts)
        {
            return;
        }

        var input = (counts.Number("input_tokens") ?? 0) + (counts.Number("cache_read_input_tokens") ?? 0) + (counts.Number("cache_creation_input_tokens") ?? 0);
        var output = counts.Number("output_tokens") ?? 0;
        var known = _usageByMessage.GetValueOrDefault(messageId);
        _usageByMessage[messageId] = (Math.Max(known.Input, input), Math.Max(known.Output, output));
        Usage = new AgentUsage(null, _usageByMessage.Values.Sum(u => u.Input), _usageByMessage.Values.Sum(u => u.Output), _usageByMessage.Count);
    }

    private string ToolUse(JsonElement block)
    {
        var tool = block.Text("name") ?? "a tool";
        string[] telling = ["file_path", "command", "pattern", "path", "url", "description"];
        var input = block.At("input") ?? default;
        return telling.Select(name => input.Text(name)).FirstOrDefault(value => value is not null) is { } said
            ? $"{tool} {said.Replace(workspace + "/", "", StringComparison.Ordinal)}"
            : tool;
    }

    private static string Retry(JsonElement root) => string.Create(
        CultureInfo.InvariantCulture,
        $"Model API: {root.Text("error") ?? "error"}{(root.Number("error_status") is { } status ? $" ({status})" : "")}, retry {root.Number("attempt")} of {root.Number("max_retries")} in {(root.Number("retry_delay_ms") ?? 0) / 1000.0:0.#} s");

    private static AgentEvent Event(string kind, JsonElement data, string text) => new(kind, kind is "message" or "result" ? Cut(text, 10 * MaxText) : OneLine(text), Bounded(data));

    private static JsonElement Bounded(JsonElement data)
    {
        var raw = data.GetRawText();
        return raw.Length <= MaxData ? data : JsonSerializer.SerializeToElement(new { truncated = true, length = raw.Length, head = Cut(raw, MaxData) });
    }

    private static string OneLine(string text) => Cut(string.Join(' ', Cut(text, 4 * MaxText).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), MaxText);

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)] + "…";
}
