using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ClaudeManager.Tests.Shared.Models;

/// <summary>What the model answers to a request. It is asked once for every request, retries of the client included.</summary>
public delegate ModelTurn ModelScenario(ModelRequest request);

/// <summary>
/// A loopback stand-in of the Anthropic Messages API, true enough on the wire to drive the real <c>claude</c> binary: server-sent events, several turns, tool use, the API's errors.
/// Point <c>ANTHROPIC_BASE_URL</c> at <see cref="BaseAddress"/>.
/// </summary>
public sealed class MessagesApi : IAsyncDisposable
{
    private const int ChunkLength = 24;

    private readonly WebApplication _app;
    private readonly ModelScenario _scenario;
    private readonly TimeSpan _pace;
    private readonly ConcurrentQueue<ModelRequest> _requests = new();
    private readonly Channel<ModelRequest> _arrivals = Channel.CreateUnbounded<ModelRequest>();
    private readonly CancellationTokenSource _closing = new();
    private int _ids;

    private MessagesApi(ModelScenario scenario, int port, TimeSpan pace)
    {
        _scenario = scenario;
        _pace = pace;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddRoutingCore();
        _app = builder.Build();
        _app.MapPost("/v1/messages", AnswerAsync);
        _app.MapPost("/v1/messages/count_tokens", context => JsonAsync(context, 200, new JsonObject { ["input_tokens"] = 100 }));
    }

    public Uri BaseAddress => new(_app.Urls.Single());

    /// <summary>Every request for a message so far.</summary>
    public IReadOnlyCollection<ModelRequest> Requests => _requests;

    /// <summary>An answer has ended, in whatever way.</summary>
    public event Action? Ended;

    /// <param name="port">0 takes a free one.</param>
    /// <param name="pace">Wait before each piece of a streamed answer, to watch it grow.</param>
    public static async Task<MessagesApi> StartAsync(ModelScenario scenario, int port = 0, TimeSpan pace = default, CancellationToken ct = default)
    {
        var api = new MessagesApi(scenario, port, pace);
        await api._app.StartAsync(ct);
        return api;
    }

    /// <summary>The next request nobody waited for yet.</summary>
    public ValueTask<ModelRequest> NextRequestAsync(CancellationToken ct) => _arrivals.Reader.ReadAsync(ct);

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _app.DisposeAsync();
        _closing.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _closing.Token);
        var ct = either.Token;
        try
        {
            var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: ct);
            var request = new ModelRequest(
                context.Request.Path + context.Request.QueryString.ToString(),
                context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
                body.RootElement);
            _requests.Enqueue(request);
            _arrivals.Writer.TryWrite(request);
            await PlayAsync(context, request, _scenario(request), ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            context.Abort();
        }
        finally
        {
            Ended?.Invoke();
        }
    }

    private async Task PlayAsync(HttpContext context, ModelRequest request, ModelTurn turn, CancellationToken ct)
    {
        switch (turn)
        {
            case ModelTurn.Held held:
                await held.Until.WaitAsync(ct);
                await PlayAsync(context, request, held.Then, ct);
                break;
            case ModelTurn.Error error:
                foreach (var (name, value) in error.Headers)
                {
                    context.Response.Headers[name] = value;
                }

                await JsonAsync(context, error.Status, new JsonObject
                {
                    ["type"] = "error",
                    ["error"] = new JsonObject { ["type"] = error.Type, ["message"] = error.Text },
                    ["request_id"] = NextId("req"),
                });
                break;
            case ModelTurn.Message message when !request.Streams:
                await JsonAsync(context, 200, Envelope(request, message, [.. message.Blocks.Select(Finished)], StopReason(message)));
                break;
            case ModelTurn.Message message:
                var stream = new EventStream(context.Response);
                await BeginAsync(stream, request, message, ct);
                for (var i = 0; i < message.Blocks.Count; i++)
                {
                    await BlockAsync(stream, i, message.Blocks[i], ct);
                }

                await stream.SendAsync("message_delta", new JsonObject
                {
                    ["delta"] = new JsonObject { ["stop_reason"] = StopReason(message), ["stop_sequence"] = null },
                    ["usage"] = new JsonObject { ["output_tokens"] = message.OutputTokens },
                }, ct);
                await stream.SendAsync("message_stop", [], ct);
                break;
            case ModelTurn.NeverEnding never:
                stream = new EventStream(context.Response);
                await BeginAsync(stream, request, new ModelTurn.Message([]), ct);
                await OpenTextAsync(stream, never.Beginning, ct);
                using (var ticks = new PeriodicTimer(TimeSpan.FromSeconds(1), TimeProvider.System))
                {
                    while (await ticks.WaitForNextTickAsync(ct))
                    {
                        await stream.SendAsync("ping", [], ct);
                    }
                }

                break;
            case ModelTurn.CutOff cut:
                stream = new EventStream(context.Response);
                await BeginAsync(stream, request, new ModelTurn.Message([]), ct);
                await OpenTextAsync(stream, cut.Beginning, ct);
                await (cut.When ?? Task.CompletedTask).WaitAsync(ct);
                context.Abort();
                break;
            default:
                throw new InvalidOperationException($"Unknown turn {turn.GetType().Name}.");
        }
    }

    private Task BeginAsync(EventStream stream, ModelRequest request, ModelTurn.Message message, CancellationToken ct)
        => stream.SendAsync("message_start", new JsonObject { ["message"] = Envelope(request, message with { OutputTokens = 1 }, [], null) }, ct);

    private static async Task OpenTextAsync(EventStream stream, string text, CancellationToken ct)
    {
        await stream.SendAsync("content_block_start", new JsonObject { ["index"] = 0, ["content_block"] = new JsonObject { ["type"] = "text", ["text"] = "" } }, ct);
        await stream.SendAsync("content_block_delta", new JsonObject { ["index"] = 0, ["delta"] = new JsonObject { ["type"] = "text_delta", ["text"] = text } }, ct);
    }

    private async Task BlockAsync(EventStream stream, int index, ModelBlock block, CancellationToken ct)
    {
        var (start, kind, field, whole) = block switch
        {
            ModelBlock.Text text => (new JsonObject { ["type"] = "text", ["text"] = "" }, "text_delta", "text", text.Value),
            ModelBlock.ToolUse use => (Finished(use with { Input = [] }), "input_json_delta", "partial_json", use.Input.ToJsonString()),
            _ => throw new InvalidOperationException($"Unknown block {block.GetType().Name}."),
        };
        await stream.SendAsync("content_block_start", new JsonObject { ["index"] = index, ["content_block"] = start }, ct);
        foreach (var chunk in whole.EnumerateRunes().Chunk(ChunkLength))
        {
            if (_pace > TimeSpan.Zero)
            {
                await Task.Delay(_pace, TimeProvider.System, ct);
            }

            await stream.SendAsync("content_block_delta", new JsonObject { ["index"] = index, ["delta"] = new JsonObject { ["type"] = kind, [field] = string.Concat(chunk) } }, ct);
        }

        await stream.SendAsync("content_block_stop", new JsonObject { ["index"] = index }, ct);
    }

    private JsonObject Finished(ModelBlock block) => block switch
    {
        ModelBlock.Text text => new JsonObject { ["type"] = "text", ["text"] = text.Value },
        ModelBlock.ToolUse use => new JsonObject { ["type"] = "tool_use", ["id"] = NextId("toolu"), ["name"] = use.Tool, ["input"] = use.Input.DeepClone() },
        _ => throw new InvalidOperationException($"Unknown block {block.GetType().Name}."),
    };

    private JsonObject Envelope(ModelRequest request, ModelTurn.Message message, JsonNode[] content, string? stopReason) => new()
    {
        ["id"] = NextId("msg"),
        ["type"] = "message",
        ["role"] = "assistant",
        ["model"] = request.Model,
        ["content"] = new JsonArray(content),
        ["stop_reason"] = stopReason,
        ["stop_sequence"] = null,
        ["usage"] = new JsonObject { ["input_tokens"] = message.InputTokens, ["output_tokens"] = message.OutputTokens },
    };

    private static string StopReason(ModelTurn.Message message) => message.Blocks.OfType<ModelBlock.ToolUse>().Any() ? "tool_use" : "end_turn";

    private string NextId(string prefix) => $"{prefix}_standin{Interlocked.Increment(ref _ids):D6}";

    private static async Task JsonAsync(HttpContext context, int status, JsonObject body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }

    /// <summary>Server-sent events, each flushed as it is written.</summary>
    private sealed class EventStream
    {
        private readonly HttpResponse _response;

        public EventStream(HttpResponse response)
        {
            _response = response;
            response.ContentType = "text/event-stream; charset=utf-8";
            response.Headers.CacheControl = "no-cache";
        }

        public async Task SendAsync(string type, JsonObject data, CancellationToken ct)
        {
            data["type"] = type;
            await _response.Body.WriteAsync(Encoding.UTF8.GetBytes($"event: {type}\ndata: {data.ToJsonString()}\n\n"), ct);
            await _response.Body.FlushAsync(ct);
        }
    }
}
