using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>One event: words in full, tool calls and output folded to a line.</summary>
public sealed partial class TranscriptEntry
{
    private const int LongestLine = 300;
    private const int LongestBody = 50_000;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private bool _open;

    [Parameter, EditorRequired]
    public required RunEventDto Event { get; set; }

    private string Kind => Event.Kind switch
    {
        "tool_use" => "tool",
        "tool_result" => "answer",
        _ => Event.Kind.Replace('_', ' '),
    };

    private string FirstLine
    {
        get
        {
            var line = Event.Text.AsSpan().TrimStart();
            var end = line.IndexOfAny('\r', '\n');
            line = end < 0 ? line : line[..end];
            return Visible.Text((line.Length > LongestLine ? line[..LongestLine] : line).ToString());
        }
    }

    private string Body
    {
        get
        {
            var text = Event is { Kind: "tool_use", Data: { } data } ? JsonSerializer.Serialize(data, s_indented) : Event.Text;
            return Visible.Text(text.Length > LongestBody ? $"{text[..LongestBody]}\n… {Words.Count(text.Length - LongestBody)} characters more" : text);
        }
    }

    private void Toggle() => _open = !_open;
}
