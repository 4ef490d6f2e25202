using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ClaudeManager.Tests.Shared.Models;

/// <summary>One block of a message of the model: text, or the use of a tool.</summary>
public abstract record ModelBlock
{
    private ModelBlock()
    {
    }

    public sealed record Text(string Value) : ModelBlock;

    public sealed record ToolUse(string Tool, JsonObject Input) : ModelBlock;
}

/// <summary>What the model does with one request.</summary>
public abstract record ModelTurn
{
    private ModelTurn()
    {
    }

    /// <summary>A complete message; with a tool use in it the client works and comes back.</summary>
    public sealed record Message(IReadOnlyList<ModelBlock> Blocks, int InputTokens = 1_000, int OutputTokens = 50) : ModelTurn;

    /// <summary>An HTTP error in the API's own shape.</summary>
    public sealed record Error(int Status, string Type, string Text, IReadOnlyDictionary<string, string> Headers) : ModelTurn;

    /// <summary>Begins to speak, then only pings for ever.</summary>
    public sealed record NeverEnding(string Beginning) : ModelTurn;

    /// <summary>The connection is reset in the middle of a sentence, at once or when <paramref name="When"/> completes.</summary>
    public sealed record CutOff(string Beginning, Task? When = null) : ModelTurn;

    /// <summary>Goes on only when <paramref name="Until"/> completes: a test says when, instead of guessing a delay.</summary>
    public sealed record Held(Task Until, ModelTurn Then) : ModelTurn;

    public static ModelTurn Say(string text) => new Message([new ModelBlock.Text(text)]);

    /// <summary>Uses a tool of the client, named and shaped as the client offers it.</summary>
    public static ModelTurn Use(string tool, object input, string? say = null)
    {
        var use = new ModelBlock.ToolUse(tool, JsonSerializer.SerializeToNode(input)!.AsObject());
        return new Message(say is null ? [use] : [new ModelBlock.Text(say), use]);
    }

    public static ModelTurn Fail(int status, string type, string text, params (string Name, string Value)[] headers)
        => new Error(status, type, text, headers.ToDictionary(h => h.Name, h => h.Value, StringComparer.OrdinalIgnoreCase));

    public static ModelTurn Overloaded() => Fail(529, "overloaded_error", "Overloaded");

    public static ModelTurn Unauthorized() => Fail(401, "authentication_error", "invalid x-api-key");

    /// <summary>The usage limit of an account: not worth another try before <paramref name="resetsAt"/>.</summary>
    public static ModelTurn UsageLimit(DateTimeOffset resetsAt) => Fail(
        429,
        "rate_limit_error",
        "This request would exceed your account's rate limit.",
        ("x-should-retry", "false"),
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-reset", resetsAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)),
        ("anthropic-ratelimit-unified-representative-claim", "five_hour"));
}
