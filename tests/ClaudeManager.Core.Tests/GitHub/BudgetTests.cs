using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.RateLimiting;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>Several processes spend from one credential's budgets, by lanes: together they stay within GitHub's limits, and an approval waits behind no scan.</summary>
public sealed class BudgetTests
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private static readonly Marker s_marker = Marker.Of("item", "1");

    [Theory]
    [InlineData("core", 900)]
    [InlineData("graphql", 2_000)]
    public void PointLimit_TwoBurstsAndAProcessNobodyKnowsYet_AreWithinGitHubsMinute(string resource, int gitHub)
    {
        var limit = PointLimit.Of(resource);
        // A minute and a second; a heartbeat in which a new process and the old ones each count for all, and one in which the old ones still do.
        var seconds = 61 + (1.5 * InstanceRegistry.Heartbeat.TotalSeconds);

        Assert.InRange((2 * limit.AtOnce) + (limit.PerMinute * seconds / 60), gitHub * 0.75, gitHub);
    }

    [Fact]
    public async Task Points_TwoProcessesWithoutRedis_StayWithinOneMinutesLimit()
    {
        await using var ground = await Ground.StartAsync();
        ground.Processes = 2;

        await Task.WhenAll(new[] { ground.Process, ground.NewProcess() }.SelectMany(process => Enumerable.Range(0, 500).Select(_ => process.Gateway.Within(TimeSpan.FromHours(1)).GetPermissionAsync(App, "ana", Ct))));

        Assert.Equal(1_000, ground.Ledger.Requests.Count);
        Assert.Empty(ground.Ledger.Limited);
        Assert.InRange(ground.Ledger.Peak(s_minute, r => r.Resource == "core", r => r.Points), 1, 710);
    }

    [Fact]
    public async Task Points_TwoProcessesOnOneRedis_SpendFromOneAccount()
    {
        await using var ground = await Ground.StartAsync(TimeProvider.System);
        await using var redis = new SharedRedis();
        var began = TimeProvider.System.GetTimestamp();

        var sent = await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
        {
            var gateway = ground.NewProcess(limiter: redis.Connect()).Gateway.Within(TimeSpan.Zero);
            var admitted = 0;
            for (var i = 0; i < 150; i++)
            {
                admitted += await IsSentAsync(() => gateway.GetPermissionAsync(App, "ana", Ct)) ? 1 : 0;
            }

            return admitted;
        }));

        Assert.Equal(sent.Sum(), ground.Ledger.Requests.Count);
        // Each alone could have sent 100 and more.
        Assert.InRange(sent.Sum(), 100, 100 + (10 * TimeProvider.System.GetElapsedTime(began).TotalSeconds) + 1);
    }

    [Fact]
    public async Task Places_OnOneRedis_AreSharedAndGivenBack()
    {
        await using var ground = await Ground.StartAsync(TimeProvider.System);
        await using var redis = new SharedRedis();
        var (limiter, process) = (redis.Connect(), ground.NewProcess(limiter: redis.Connect()));
        var places = process.Limits.PlaceOf(process.Credential.Name, GitHubLane.Interactive);
        for (var i = 0; i < places.Slots - 5; i++)
        {
            Assert.True((await limiter.EnterAsync(places, $"another-{i}", Ct)).Taken);
        }

        var held = new TaskCompletionSource();
        ground.GitHub.Limits = new() { Concurrent = 5 };
        var plan = ground.GitHub.Fail("GET", "*/permission", new GitHubFault.Held(held.Task, AfterEffect: false), times: 5);
        var calls = Task.WhenAll(Enumerable.Range(0, 20).Select(_ => process.Gateway.Within(TimeSpan.FromMinutes(5)).GetPermissionAsync(App, "ana", Ct)));
        await plan.ReachedAll;
        Assert.False((await limiter.EnterAsync(places, "probe", Ct)).Taken);
        held.SetResult();
        await calls;

        Assert.Equal(20, ground.Ledger.Requests.Count);
        Assert.Empty(ground.Ledger.Limited);
        Assert.True((await limiter.EnterAsync(places, "probe", Ct)).Taken);
    }

    [Fact]
    public async Task RetryAfter_ToldToOneProcess_TheOtherSendsNothingUntilItIsOver()
    {
        await using var ground = await Ground.StartAsync();
        var (told, other) = (ground.Gateway, ground.NewGateway());
        // Both have just looked at what is stored.
        await told.GetPermissionAsync(App, "ana", Ct);
        await other.GetPermissionAsync(App, "ana", Ct);
        ground.GitHub.Fail("GET", "/repos/*/issues/*", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(2)));
        await Assert.ThrowsAsync<GitHubException>(() => told.GetIssueAsync(App, 7, Ct));
        var until = ground.Time.GetUtcNow().AddMinutes(2);

        var refused = await Assert.ThrowsAsync<GitHubException>(() => other.GetPermissionAsync(App, "ana", Ct));
        Assert.Equal((until, 3), (refused.ClearsAt, ground.Ledger.Requests.Count));
        await Task.WhenAll(new[] { told, other }.SelectMany(gateway => Enumerable.Range(0, 10).Select(_ => gateway.Within(TimeSpan.FromMinutes(10)).GetPermissionAsync(App, "ana", Ct))));

        Assert.Equal(23, ground.Ledger.Requests.Count);
        Assert.All(ground.Ledger.Requests.Skip(3), r => Assert.True(r.At >= until));
        Assert.Empty(ground.Ledger.Impatient);
    }

    [Fact]
    public async Task RetryAfter_TwoProcessesOnOneRedis_NeitherSendsUntilItIsOver()
    {
        await using var ground = await Ground.StartAsync(TimeProvider.System);
        await using var redis = new SharedRedis();
        GitHubGateway[] gateways = [ground.NewProcess(limiter: redis.Connect()).Gateway, ground.NewProcess(limiter: redis.Connect()).Gateway];
        ground.GitHub.Fail("GET", "/repos/*/issues/*", GitHubFault.SecondaryLimit(TimeSpan.FromSeconds(2)));
        await Assert.ThrowsAsync<GitHubException>(() => gateways[0].Within(TimeSpan.Zero).GetIssueAsync(App, 7, Ct));

        await Task.WhenAll(gateways.SelectMany(gateway => Enumerable.Range(0, 10).Select(_ => gateway.Within(TimeSpan.FromMinutes(5)).GetPermissionAsync(App, "ana", Ct))));

        Assert.Equal(21, ground.Ledger.Requests.Count);
        Assert.Empty(ground.Ledger.Impatient);
    }

    [Fact]
    public async Task Approval_BehindAHundredScans_GoesFirst()
    {
        await using var ground = await Ground.StartAsync();
        var held = new TaskCompletionSource();
        ground.GitHub.Fail("GET", "/repos/*/issues/*", new GitHubFault.Held(held.Task, AfterEffect: false), times: 100);
        var scans = Task.WhenAll(Enumerable.Range(0, 100).Select(i => InAsync(GitHubLane.Scan, () => ground.Gateway.Within(TimeSpan.FromHours(1)).GetIssueAsync(App, i + 1, Ct))));
        await Eventually.SeeAsync(() => ground.Ledger.Requests.Count, count => count >= 8, "scans are under way", Ct);

        await ground.Gateway.GetPermissionAsync(App, "ana", Ct).WaitAsync(Eventually.Patience, Ct);

        Assert.Equal(9, ground.Ledger.Requests.Count);
        held.SetResult();
        await scans;
        Assert.Equal(101, ground.Ledger.Requests.Count);
    }

    [Fact]
    public async Task Points_LowerLanesHaveSpentTheirPart_TheRestIsForApprovals()
    {
        await using var ground = await Ground.StartAsync();
        var sent = new List<int>();
        foreach (var lane in new[] { GitHubLane.Scan, GitHubLane.Propose, GitHubLane.Interactive })
        {
            sent.Add(await SentAsync(lane, () => ground.Gateway.Within(TimeSpan.Zero).GetPermissionAsync(App, "ana", Ct)));
        }

        Assert.Equal([80, 10, 10], sent);
    }

    [Fact]
    public async Task Points_ScansOfOneProcessSpentTheirs_AnApprovalOfAnotherHasItsOwn()
    {
        await using var redis = new SharedRedis();
        var (scans, approvals) = (redis.Connect(), redis.Connect());
        Assert.True(await SpendAsync(scans, GitHubLane.Scan, 80));

        // What was spent takes ten seconds to grow back.
        Assert.False(await SpendAsync(scans, GitHubLane.Scan, 80));
        Assert.True(await SpendAsync(approvals, GitHubLane.Interactive, 20));

        static async Task<bool> SpendAsync(IRateLimiter limiter, GitHubLane lane, int points) => (await limiter.AcquireAsync(PointLimit.Rest.Scopes("token-a", lane, points), Ct)).Allowed;
    }

    [Fact]
    public async Task Primary_LowerLanesHaveSpentTheirPart_TheRestIsForApprovals()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new() { Core = 20 };
        var sent = new List<int>();
        foreach (var lane in new[] { GitHubLane.Scan, GitHubLane.Propose, GitHubLane.Interactive })
        {
            sent.Add(await SentAsync(lane, () => ground.Gateway.GetPermissionAsync(App, "ana", Ct)));
        }

        Assert.Equal([16, 2, 2], sent);
        Assert.Empty(ground.Ledger.Limited);
    }

    [Fact]
    public async Task Primary_SpentByOneProcess_IsNotSpentAgainByANewOne()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new() { Core = 20 };
        var scanned = await SentAsync(GitHubLane.Scan, () => ground.Gateway.GetPermissionAsync(App, "ana", Ct));
        var another = ground.NewGateway();

        Assert.Equal(0, await SentAsync(GitHubLane.Scan, () => another.GetPermissionAsync(App, "ana", Ct)));
        Assert.Equal(scanned, ground.Ledger.Requests.Count);
        Assert.True(await IsSentAsync(() => another.GetPermissionAsync(App, "ana", Ct)));
    }

    [Fact]
    public async Task Primary_OfThousands_IsToldOthersByTheHundred()
    {
        await using var ground = await Ground.StartAsync();
        var remaining = new HashSet<int?>();
        for (var i = 0; i < 250; i++)
        {
            await ground.Gateway.Within(TimeSpan.FromHours(1)).GetPermissionAsync(App, "ana", Ct);
            remaining.Add(await ground.Store.Store.ReadAsync((db, _) => Task.FromResult(db.GitHubLimits.Single(l => l.Resource == "core").Remaining), Ct));
        }

        Assert.Equal([4_999, 4_899, 4_799], remaining);
    }

    [Fact]
    public async Task Moments_TwoHundredProposalsWant_AreTakenTwoSecondsAheadAtMost()
    {
        await using var ground = await Ground.StartAsync();
        var schedule = new WriteSchedule(ground.Store.Store);
        var taken = 0;
        for (var i = 0; i < 200; i++)
        {
            taken += (await schedule.ReserveAsync("token-a", createsContent: true, GitHubLane.Propose, WriteSchedule.Ahead(GitHubLane.Propose), Ct)).Taken ? 1 : 0;
        }

        Assert.Equal(3, taken);
        Assert.Equal((TimeSpan.FromSeconds(3), true), await schedule.ReserveAsync("token-a", createsContent: true, GitHubLane.Interactive, WriteSchedule.Ahead(GitHubLane.Interactive), Ct));
    }

    [Fact]
    public async Task Comment_WhileAnotherProcessProposesTwoHundred_WaitsForTheSpacingOnly()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T");
        var (batch, publisher) = (ground.Gateway.Within(TimeSpan.FromHours(2)), ground.NewGateway());
        var held = new TaskCompletionSource();
        var plan = ground.GitHub.Fail("POST", "/repos/*/issues", new GitHubFault.Held(held.Task, AfterEffect: true));
        var proposals = Task.WhenAll(Enumerable.Range(0, 200).Select(i => InAsync(GitHubLane.Propose, () => batch.CreateIssueAsync(App, $"Proposal {i}", "B", [], Marker.Of("finding", $"{i}"), Ct))));
        await plan.Reached;
        var asked = ground.Time.GetUtcNow();

        await publisher.CreateCommentAsync(App, issue.Number, "Done", s_marker, Ct).WaitAsync(Eventually.Patience, Ct);

        var comment = ground.Ledger.Requests.Single(r => r.Path.EndsWith("/comments", StringComparison.Ordinal));
        Assert.InRange(comment.At - asked, TimeSpan.Zero, WriteSchedule.Ahead(GitHubLane.Propose) + WriteSchedule.Spacing);
        held.SetResult();
        await proposals;
        Assert.Equal(1, ground.Ledger.Peak(TimeSpan.FromSeconds(1), r => r.CreatesContent));
        Assert.Empty(ground.Ledger.Limited);
    }

    [Fact]
    public async Task Content_ProposalsHaveTheirPartOfTheHour_AResultIsSentAllTheSame()
    {
        await using var ground = await Ground.StartAsync();
        var name = ground.Process.Credential.Name;
        await ground.Store.Store.WriteAsync(TestStore.Operation, (tx, _) =>
        {
            tx.Db.GitHubWrites.AddRange(Enumerable.Range(0, 450).Select(i => new GitHubWriteEntity { Credential = name, At = tx.Now.AddSeconds(i - 1_000), CreatesContent = true }));
            return Task.CompletedTask;
        }, Ct);
        var issue = ground.Repository.Issue("T");

        Assert.False(await InAsync(GitHubLane.Propose, () => IsSentAsync(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct))));
        Assert.True(await IsSentAsync(() => ground.Gateway.CreateCommentAsync(App, issue.Number, "Done", s_marker, Ct)));
        Assert.Equal(49, Assert.Single(await ground.Process.Limits.ReadAsync(Ct)).ContentLeft);
    }

    [Fact]
    public async Task Unchanged_IsFreeOfThePrimaryBudgetAndCounted()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        for (var i = 0; i < 20; i++)
        {
            await ground.Gateway.ListIssuesAsync(App, null, Ct);
        }

        var core = Assert.Single(await ground.Process.Limits.ReadAsync(Ct));
        Assert.Equal(("core", 5_000, 4_999, 20L, 19L), (core.Resource, core.Limit, core.Remaining, core.Requests, core.NotModified));
        Assert.Equal(1, ground.Ledger.Charged("core"));
    }

    [Fact]
    public async Task Snapshot_OfAProcess_SaysHowItsBudgetsStand()
    {
        await using var ground = await Ground.StartAsync();
        var identity = InstanceIdentity.Create("worker", ground.Time);
        var limiter = new InProcessRateLimiter(ground.Time, telemetry: null);
        var snapshots = new InstanceSnapshots(ground.Store.Store, identity, limiter, ground.Breakers, new ErrorTracker(new Redactor(), ground.Time), ground.Store.Signal, ground.Process.Limits);
        Assert.Empty(Assert.Single((await snapshots.ReadAsync(0, Ct)).Instances).GitHub);
        await ground.Gateway.GetPermissionAsync(App, "ana", Ct);
        await ground.Gateway.GetStatesAsync([App], Ct);
        ground.GitHub.Fail("GET", "/repos/*/issues/*", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(2)));
        await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetIssueAsync(App, 7, Ct));

        var budgets = Assert.Single((await snapshots.ReadAsync(0, Ct)).Instances).GitHub;

        Assert.Equal(["core", "graphql"], budgets.Select(b => b.Resource));
        Assert.Equal((98, 100, 500, 2L), (budgets[0].PointsLeft, budgets[0].PointsAtOnce, budgets[0].ContentLeft, budgets[0].Requests));
        Assert.Equal((199, 200, null, 4_999), (budgets[1].PointsLeft, budgets[1].PointsAtOnce, budgets[1].ContentLeft, budgets[1].Remaining));
        Assert.All(budgets, b => Assert.Equal(ground.Time.GetUtcNow().AddMinutes(2), b.BlockedUntil));
    }

    [Fact]
    public async Task Forecast_OfReads_IsWhenTheyAreDone()
        => await ForecastHoldsAsync(new GitHubBatch(0, Reads: 300), GitHubLane.Scan, new(), (gateway, _) => gateway.GetPermissionAsync(App, "ana", Ct));

    [Fact]
    public async Task Forecast_BeyondThePrimaryBudget_WaitsForItsReset()
        => await ForecastHoldsAsync(new GitHubBatch(0, Reads: 70), GitHubLane.Scan, new() { Core = 50 }, (gateway, _) => gateway.GetPermissionAsync(App, "ana", Ct));

    [Fact]
    public async Task Forecast_OfMoreContentThanAnHourAllows_WaitsForTheNext()
        => await ForecastHoldsAsync(
            new GitHubBatch(460), GitHubLane.Propose, new(), (gateway, i) => gateway.CreateIssueAsync(App, $"Proposal {i}", "B", [], Marker.Of("finding", $"{i}"), Ct));

    [Fact]
    public async Task Forecast_WhileBlocked_BeginsAfterIt()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues/*", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(10)));
        await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetIssueAsync(App, 7, Ct));

        var forecast = await ground.Gateway.ForecastAsync(new GitHubBatch(10, Writes: 3, Reads: 4), GitHubLane.Propose, Ct);

        Assert.Equal((17, 69, ground.Time.GetUtcNow().AddMinutes(10).AddSeconds(12)), (forecast.Requests, forecast.Points, forecast.DoneAt));
    }

    private static async Task ForecastHoldsAsync(GitHubBatch batch, GitHubLane lane, ClaudeManager.Tests.Shared.GitHub.GitHubLimits limits, Func<GitHubGateway, int, Task> send)
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = limits;
        // So that the primary budget is known.
        await ground.Gateway.GetPermissionAsync(App, "ana", Ct);
        ground.Ledger.Clear();
        var forecast = await ground.Gateway.ForecastAsync(batch, lane, Ct);
        using (GitHubLanes.Begin(lane))
        {
            for (var i = 0; i < batch.Requests; i++)
            {
                await send(ground.Gateway.Within(TimeSpan.FromHours(3)), i);
            }
        }

        Assert.Equal((ground.Ledger.Requests.Count, ground.Ledger.Requests.Sum(r => r.Points)), (forecast.Requests, forecast.Points));
        Assert.InRange(ground.Time.GetUtcNow() - forecast.DoneAt, TimeSpan.FromSeconds(-5), TimeSpan.FromSeconds(5));
        Assert.Empty(ground.Ledger.Limited);
    }

    private static async Task<T> InAsync<T>(GitHubLane lane, Func<Task<T>> call)
    {
        using (GitHubLanes.Begin(lane))
        {
            return await call();
        }
    }

    /// <summary>Whether it was sent, and not refused by a limit before.</summary>
    private static async Task<bool> IsSentAsync(Func<Task> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (GitHubException refused) when (refused.Problem == GitHubProblem.Limited)
        {
            Assert.Null(refused.Status);
            return false;
        }
    }

    /// <summary>How many are sent until the first is refused.</summary>
    private static async Task<int> SentAsync(GitHubLane lane, Func<Task> call)
    {
        using (GitHubLanes.Begin(lane))
        {
            var sent = 0;
            while (await IsSentAsync(call))
            {
                sent++;
            }

            return sent;
        }
    }

    /// <summary>The limiter of several processes on one Redis.</summary>
    private sealed class SharedRedis : IAsyncDisposable
    {
        private readonly string _prefix = $"budget-{Guid.CreateVersion7():N}";
        private readonly List<RedisRateLimiter> _limiters = [];

        public SharedRedis() => Assert.SkipWhen(RedisServer.Shared is null, RedisServer.Missing);

        public IRateLimiter Connect()
        {
            _limiters.Add(new RedisRateLimiter(RedisRateLimiter.Options(RedisServer.Shared!), _prefix, TimeProvider.System));
            return _limiters[^1];
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var limiter in _limiters)
            {
                await limiter.DisposeAsync();
            }
        }
    }
}
