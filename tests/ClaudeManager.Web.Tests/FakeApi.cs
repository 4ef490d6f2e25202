using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Json;

namespace ClaudeManager.Web.Tests;

/// <summary>A loopback server that speaks the API's contracts over a few records, so that the pages can be seen and tried without Api.</summary>
internal sealed class FakeApi : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Guid, Channel<ChangeEventDto>> _readers = new();
    private WebApplication _app;
    private bool _stopped;
    private long _eventId;
    private int _previews;

    private FakeApi(SampleData data)
    {
        Data = data;
        _app = Build(0);
    }

    public SampleData Data { get; }

    public Uri Address { get; private set; } = null!;

    /// <summary>Headers of the last request to <c>/api/v1/echo</c>.</summary>
    public IReadOnlyDictionary<string, string> LastHeaders { get; private set; } = new Dictionary<string, string>();

    /// <summary>Completes a read of the feed once per reader that connects.</summary>
    public Channel<string?> Connections { get; } = Channel.CreateUnbounded<string?>();

    public static async Task<FakeApi> StartAsync(SampleData data)
    {
        var api = new FakeApi(data);
        await api._app.StartAsync();
        api.Address = new Uri(api._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return api;
    }

    public async Task StopAsync()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        foreach (var reader in _readers.Values)
        {
            reader.Writer.TryComplete();
        }

        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>Dry runs of registered repositories are answered once this is done.</summary>
    public Task MayPreview { get; set; } = Task.CompletedTask;

    /// <summary>How many were asked for.</summary>
    public int Previews => Volatile.Read(ref _previews);

    /// <summary>Comes back at the same address, as a restarted Api does.</summary>
    public Task RestartAsync()
    {
        _stopped = false;
        _app = Build(Address.Port);
        return _app.StartAsync();
    }

    public void Publish(string type, string? subjectType = null, long? subjectId = null)
    {
        var change = new ChangeEventDto(Interlocked.Increment(ref _eventId).ToString(), type, subjectType, subjectId, null, SampleData.Now);
        foreach (var reader in _readers.Values)
        {
            reader.Writer.TryWrite(change);
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private WebApplication Build(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(options => options.Listen(IPAddress.Loopback, port));
        builder.Services.Configure<JsonOptions>(options => ManagerJson.Configure(options.SerializerOptions));
        var app = builder.Build();
        Map(app.MapGroup("/api/v1"));
        return app;
    }

    private void Map(RouteGroupBuilder api)
    {
        api.MapGet("/overview", () => Data.Overview());
        api.MapGet("/repositories", (int skip, int take) => new Page<RepositoryDto>([.. Data.Repositories.Skip(skip).Take(take)], Data.Repositories.Count));
        api.MapPost("/repositories", (AddRepositoryRequest request) => Data.Add(request));
        api.MapPost("/repositories/sample", () => Data.AddSample());
        api.MapPost("/repositories/preview", (AddRepositoryRequest request) => request.Path.StartsWith('/')
            ? Results.Ok(SampleData.Preview(request.Path))
            : Problem(400, "invalid_path", "The path is not a git repository.", $"There is no git repository at '{request.Path}'."));
        api.MapGet("/repositories/{id:long}", (long id) => Found(Data.Repositories.FirstOrDefault(r => r.Id == id)));
        api.MapGet("/repositories/{id:long}/preview", async (long id) =>
        {
            Interlocked.Increment(ref _previews);
            await MayPreview;
            return SampleData.Preview(Data.Repositories.Single(r => r.Id == id).Location);
        });
        api.MapPost("/repositories/{id:long}/accept", (long id) => Data.Accept(id));
        api.MapPost("/repositories/{id:long}/scan", (long id) => Data.Scan(id));
        api.MapDelete("/repositories/{id:long}", (long id) => Data.Repositories.RemoveAll(r => r.Id == id));
        api.MapGet("/work-items", (HttpContext context, long? repository, string? search, string? sort, int skip, int take)
            => take is < 1 or > 500 ? Results.Problem("take is between 1 and 500.", statusCode: 400) : Results.Ok(Data.WorkItems([.. context.Request.Query["state"].OfType<string>()], repository, search, sort, skip, take)));
        api.MapGet("/fleet", () => Data.Fleet);
        api.MapPost("/fleet/breakers/isolate", (IsolateBreakerRequest request) => Data.Breaker(request.Name, CircuitPosition.Isolated, request.Reason));
        api.MapPost("/fleet/breakers/reset", (ResetBreakerRequest request) => Data.Breaker(request.Name, CircuitPosition.Closed, null));
        api.MapPost("/outbox/retry", () => Data.Outbox = Data.Outbox with { Blocked = 0 });
        api.MapGet("/work-items/{id:long}", (long id) => Found(Data.WorkItem(id)));
        api.MapGet("/work-items/{id:long}/approval", (long id, string? agent) => Data.PreviewApproval(id, agent));
        api.MapPost("/work-items/{id:long}/approval", (long id, ApproveRequest request) => Versioned(id, request.Version, () => Data.Approve(id, request)));
        api.MapGet("/work-items/approvals", (long[] id, string? agent) => id.Select(one => Data.PreviewOneOf(one, agent)));
        api.MapPost("/work-items/approvals", (BulkApproveRequest request) => Many(request.Items, i => i.Id, i => i.Approval.Version, i => Data.Approve(i.Id, i.Approval)));
        api.MapPost("/work-items/rejections", (BulkRejectRequest request) => Many(request.Items, i => i.Id, i => i.Version, i => Data.Change(i.Id, w => w with { State = WorkItemState.Rejected, StateReason = request.Reason })));
        api.MapPost("/work-items/snoozes", (BulkSnoozeRequest request) => Many(request.Items, i => i.Id, i => i.Version, i => Data.Change(i.Id, w => w with { State = WorkItemState.Snoozed, SnoozedUntil = request.Until })));
        api.MapPost("/work-items/{id:long}/reject", (long id, RejectRequest request) => Versioned(id, request.Version, () => Data.Change(id, i => i with { State = WorkItemState.Rejected, StateReason = request.Reason })));
        api.MapPost("/work-items/{id:long}/snooze", (long id, SnoozeRequest request) => Versioned(id, request.Version, () => Data.Change(id, i => i with { State = WorkItemState.Snoozed, SnoozedUntil = request.Until })));
        api.MapPost("/work-items/{id:long}/pin", (long id, PinRequest request) => Versioned(id, request.Version, () => Data.Change(id, i => i with { Pinned = request.Pinned })));
        api.MapPost("/work-items/{id:long}/reopen", (long id) => Data.Change(id, i => i with { State = WorkItemState.Proposed, StateReason = null }));
        api.MapGet("/runs/{id:long}", (long id) => Found(Data.Run(id)));
        api.MapGet("/runs/{id:long}/events", (long id, long after, int take) => Data.RunEvents.GetValueOrDefault(id, []).Where(e => e.Seq > after).Take(take));
        api.MapGet("/runs/{id:long}/patch", (long id) => Results.Text(Data.Patch(id), "text/x-patch"));
        api.MapPost("/runs/{id:long}/cancel", (long id) => Data.Cancel(id));
        api.MapGet("/events", StreamAsync);
        api.Map("/echo", (HttpContext context) =>
        {
            LastHeaders = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString());
            context.Response.Cookies.Append("api", "secret");
            return "echo";
        });
    }

    private BulkResultDto Many<T>(IReadOnlyList<T> items, Func<T, long> idOf, Func<T, int> versionOf, Func<T, WorkItemDetailDto> act)
    {
        List<BulkOutcomeDto> outcomes = [];
        foreach (var item in items)
        {
            var stale = Data.Item(idOf(item)).Version != versionOf(item);
            var now = stale ? Data.Item(idOf(item)) : act(item).Item;
            outcomes.Add(new BulkOutcomeDto(now.Id, now.Title, now.State, stale ? new BulkRefusalDto("stale_version", "The work item has changed since you saw it.", "Look at it again, then decide.") : null));
        }

        return new BulkResultDto(outcomes.Count(o => o.Refusal is null), outcomes.Count(o => o.Refusal is not null), outcomes);
    }

    private IResult Versioned(long id, int version, Func<WorkItemDetailDto> act) => Data.Item(id).Version == version
        ? Results.Ok(act())
        : Problem(409, "stale_version", "The work item has changed.", $"You saw version {version}, it is at {Data.Item(id).Version}.");

    private static IResult Found<T>(T? value) => value is null ? Problem(404, "not_found", "There is no such thing.", null) : Results.Ok(value);

    private static IResult Problem(int status, string code, string title, string? detail)
        => Results.Problem(title: title, detail: detail, statusCode: status, extensions: new Dictionary<string, object?> { ["code"] = code, ["traceId"] = "4bf92f3577b34da6a3ce929d0e0e4736" });

    private async Task StreamAsync(HttpContext context)
    {
        var id = Guid.CreateVersion7();
        var changes = Channel.CreateUnbounded<ChangeEventDto>();
        _readers[id] = changes;
        context.Response.ContentType = "text/event-stream";
        changes.Writer.TryWrite(new ChangeEventDto(Interlocked.Read(ref _eventId).ToString(), "hello", null, null, null, SampleData.Now));
        await Connections.Writer.WriteAsync(context.Request.Headers["Last-Event-ID"].FirstOrDefault());
        try
        {
            await foreach (var change in changes.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync($"id: {change.Id}\ndata: {JsonSerializer.Serialize(change, ManagerJson.Options)}\n\n", context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            // The reader is gone.
        }
        finally
        {
            _readers.TryRemove(id, out _);
        }
    }
}
