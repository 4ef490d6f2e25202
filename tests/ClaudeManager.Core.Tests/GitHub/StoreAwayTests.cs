using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Tests.Shared.Faults;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>The store is where all processes agree on GitHub's limits and keep its answers. While it is away nothing is sent, and nothing that was answered is lost.</summary>
public sealed class StoreAwayTests : IAsyncLifetime
{
    private static readonly Marker s_marker = Marker.Of("item", "1");

    private FaultProxy? _way;

    public ValueTask InitializeAsync()
    {
        _way = TestStore.WayToPostgres();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_way is not null)
        {
            await _way.DisposeAsync();
        }
    }

    /// <summary>A write, because nothing else would try it again.</summary>
    [Fact]
    public async Task Write_StoreAway_WaitsForItAndIsSentOnce()
    {
        Assert.SkipWhen(_way is null, $"{TestStore.PostgresVariable} names no server.");
        await using var ground = await StartAsync(_way);
        TakeAway();

        var writing = ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct);
        await Eventually.SeeAsync(() => ground.Store.Get<CircuitBreakers>().Snapshot(), all => all.Any(b => b.Failures > 0), "the store is known to be away", Ct);
        Assert.False(writing.IsFaulted);
        Assert.Empty(ground.Ledger.Requests);
        _way.Accept();

        Assert.Equal("T", (await writing).Title);
        Assert.Single(ground.Ledger.Requests);
    }

    [Fact]
    public async Task Write_StoreAwayWhenItIsAnswered_KeepsItsAnswer()
    {
        Assert.SkipWhen(_way is null, $"{TestStore.PostgresVariable} names no server.");
        await using var ground = await StartAsync(_way);
        var answer = new TaskCompletionSource();
        var held = ground.GitHub.Fail("POST", "/repos/acme/app/issues", new GitHubFault.Held(answer.Task, AfterEffect: true));
        var writing = ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct);
        await held.Reached;
        TakeAway();

        answer.SetResult();

        Assert.Equal("T", (await writing).Title);
        _way.Accept();
    }

    private void TakeAway()
    {
        _way!.Refuse();
        _way.Reset();
    }
}
