using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Api.Tests;

public sealed class EventTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_Connects_SaysHelloAtOnceAndThenWhatChanges()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        await using var feed = api.Client.ReadEventsAsync(null, Ct).GetAsyncEnumerator(Ct);

        Assert.Equal("hello", (await NextAsync(feed)).Type);
        await api.Client.PinAsync(item.Id, new PinRequest(item.Version, true), Ct);

        var change = await NextAsync(feed);
        Assert.Equal(("work_item.changed", "work_item", item.Id, "proposed"), (change.Type, change.SubjectType, change.SubjectId, change.State));
    }

    [Fact]
    public async Task Read_WithTheLastId_GivesEverythingAfterItOnceAndInOrder()
    {
        await using var api = await TestApi.StartAsync();
        var item = await api.ItemAsync();
        string last;
        await using (var feed = api.Client.ReadEventsAsync(null, Ct).GetAsyncEnumerator(Ct))
        {
            last = (await NextAsync(feed)).Id;
        }

        var pinned = await api.Client.PinAsync(item.Id, new PinRequest(item.Version, true), Ct);
        await api.Client.PinAsync(item.Id, new PinRequest(pinned.Item.Version, false), Ct);
        await api.ApproveAsync(item.Id);

        await using var resumed = api.Client.ReadEventsAsync(last, Ct).GetAsyncEnumerator(Ct);
        Assert.Equal(("hello", last), (await NextAsync(resumed) is var hello ? hello.Type : "", hello.Id));
        var states = new List<string?>();
        while (states.LastOrDefault() != "queued")
        {
            var change = await NextAsync(resumed);
            if (change.Type == "work_item.changed")
            {
                states.Add(change.State);
            }
        }

        Assert.Equal(["proposed", "proposed", "approved", "queued"], states);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("0.999999999")]
    [InlineData("-1.-1")]
    [InlineData("18446744073709551616.1")]
    public async Task Read_WithAnIdThatIsNotOurs_StartsWithAReset(string id)
    {
        await using var api = await TestApi.StartAsync();
        await api.ItemAsync();
        await using var feed = api.Client.ReadEventsAsync(id, Ct).GetAsyncEnumerator(Ct);

        Assert.Equal("reset", (await NextAsync(feed)).Type);
    }

    [Fact]
    public async Task Read_ServerStops_EndsByItself()
    {
        var api = await TestApi.StartAsync();
        await using var feed = api.Client.ReadEventsAsync(null, Ct).GetAsyncEnumerator(Ct);
        await NextAsync(feed);

        var stopped = api.Get<Microsoft.Extensions.Hosting.IHostApplicationLifetime>();
        stopped.StopApplication();

        Assert.False(await feed.MoveNextAsync());
        await api.DisposeAsync();
    }

    private static async Task<ChangeEventDto> NextAsync(IAsyncEnumerator<ChangeEventDto> feed)
    {
        do
        {
            Assert.True(await feed.MoveNextAsync());
        }
        while (feed.Current.Type == "heartbeat");
        return feed.Current;
    }
}
