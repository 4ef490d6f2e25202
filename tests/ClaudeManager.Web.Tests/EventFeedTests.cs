using System.Threading.Channels;
using ClaudeManager.Web.Services;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Web.Tests;

public sealed class EventFeedTests : IAsyncLifetime
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    // What fails here fails by never being called.
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly FakeTimeProvider _time = new();
    private FakeApi _api = null!;
    private ServiceProvider _services = null!;
    private EventFeed _feed = null!;

    private CancellationToken Ct => _patience.Token;

    public async ValueTask InitializeAsync()
    {
        _patience.CancelAfter(TimeSpan.FromMinutes(2));
        _api = await FakeApi.StartAsync(SampleData.Empty());
        _services = new ServiceCollection().AddHttpClient(EventFeed.ClientName, client => client.BaseAddress = _api.Address).Services.BuildServiceProvider();
        _feed = new EventFeed(_services.GetRequiredService<IHttpClientFactory>(), _time, NullLogger<EventFeed>.Instance);
        var connected = Calls(change => change.Type == EventFeed.StateChanged);
        await _feed.StartAsync(Ct);
        await connected.ReadAsync(Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await _feed.StopAsync(CancellationToken.None);
        _feed.Dispose();
        _patience.Dispose();
        await _services.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Subscribe_ManyEventsAtOnce_CallsAtOnceAndOnceMoreAfterTheInterval()
    {
        var calls = Channel.CreateUnbounded<bool>();
        var count = 0;
        using var subscription = _feed.Subscribe(change => change.Type == "run.output", s_interval, () =>
        {
            Interlocked.Increment(ref count);
            calls.Writer.TryWrite(true);
            return Task.CompletedTask;
        });

        _api.Publish("run.output", "run", 1);
        await calls.Reader.ReadAsync(Ct);
        for (var i = 0; i < 50; i++)
        {
            _api.Publish("run.output", "run", 1);
        }

        await PassedAsync();
        Assert.Equal(1, Volatile.Read(ref count));
        await AdvanceUntilAsync(calls.Reader);
        await PassedAsync();
        Assert.Equal(2, Volatile.Read(ref count));
    }

    [Fact]
    public async Task Subscribe_EventOfAnotherSubject_DoesNotCall()
    {
        var calls = Calls(change => change.SubjectId == 1);

        _api.Publish("run.changed", "run", 2);
        await PassedAsync();

        Assert.False(calls.TryRead(out _));
    }

    [Fact]
    public async Task Subscribe_CallbackThrows_IsCalledAgainForTheNextEvent()
    {
        var calls = Channel.CreateUnbounded<bool>();
        using var subscription = _feed.Subscribe(change => change.Type == "run.changed", TimeSpan.Zero, () =>
        {
            calls.Writer.TryWrite(true);
            throw new InvalidOperationException("A page failed.");
        });

        _api.Publish("run.changed", "run", 1);
        await calls.Reader.ReadAsync(Ct);
        _api.Publish("run.changed", "run", 1);
        await AdvanceUntilAsync(calls.Reader);
    }

    [Fact]
    public async Task Connection_ApiRestarts_ResumesAfterTheLastEventAndCallsEverybody()
    {
        Assert.Null(await _api.Connections.Reader.ReadAsync(Ct));
        var unrelated = Calls(change => change.Type == "no.such.event");
        var states = Calls(change => change.Type == EventFeed.StateChanged);
        _api.Publish("run.changed", "run", 1);
        await PassedAsync();

        await _api.StopAsync();
        await states.ReadAsync(Ct);
        Assert.False(_feed.IsLive);
        await _api.RestartAsync();

        Assert.Equal("2", await AdvanceUntilAsync(_api.Connections.Reader));
        await AdvanceUntilAsync(unrelated);
        Assert.True(_feed.IsLive);
    }

    [Fact]
    public async Task Connection_FallsSilent_IsMadeAnew()
    {
        Assert.Null(await _api.Connections.Reader.ReadAsync(Ct));

        Assert.NotNull(await AdvanceUntilAsync(_api.Connections.Reader));
    }

    private ChannelReader<bool> Calls(Func<Core.Contracts.ChangeEventDto, bool> concerns)
    {
        var calls = Channel.CreateUnbounded<bool>();
        _feed.Subscribe(concerns, TimeSpan.Zero, () =>
        {
            calls.Writer.TryWrite(true);
            return Task.CompletedTask;
        });
        return calls.Reader;
    }

    /// <summary>Every event published before this has been offered to every subscription.</summary>
    private async Task PassedAsync()
    {
        var passed = new TaskCompletionSource();
        using var subscription = _feed.Subscribe(change => change.Type == "marker", TimeSpan.Zero, () =>
        {
            passed.TrySetResult();
            return Task.CompletedTask;
        });
        _api.Publish("marker");
        await passed.Task.WaitAsync(Ct);
    }

    /// <summary>Lets time pass in steps until there is something to read: a delay may start only after a step.</summary>
    private async Task<T> AdvanceUntilAsync<T>(ChannelReader<T> reader)
    {
        T? item;
        while (!reader.TryRead(out item))
        {
            _time.Advance(s_interval);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Ct);
        }

        return item;
    }
}
