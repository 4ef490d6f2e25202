using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>GitHub's limits are kept, proved by its ledger; who cannot wait is told until when.</summary>
public sealed class LimitTests
{
    private static readonly Marker s_marker = Marker.Of("item", "1");

    public static TheoryData<string> Providers => ["sqlite", "postgresql"];

    [Fact]
    public async Task Writes_MoreThanAMinuteAllows_AreSpacedAndNeverRefused()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T");
        var patient = ground.Gateway.Within(TimeSpan.FromHours(1));

        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => patient.CreateCommentAsync(App, issue.Number, $"Comment {i}", s_marker, Ct)));

        Assert.Equal(100, issue.Comments.Count);
        Assert.Empty(ground.Ledger.Limited);
        Assert.Equal(WriteSchedule.ContentPerMinute, Math.Max(WriteSchedule.ContentPerMinute, ground.Ledger.PeakContent(TimeSpan.FromMinutes(1))));
        Assert.Equal(1, ground.Ledger.Peak(TimeSpan.FromSeconds(1), r => r.CreatesContent));
    }

    [Fact]
    public async Task Write_ItsTurnComesTooLate_SaysWhenInsteadOfWaiting()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T");
        var patient = ground.Gateway.Within(TimeSpan.FromMinutes(1));
        for (var i = 0; i < WriteSchedule.ContentPerMinute; i++)
        {
            await patient.CreateCommentAsync(App, issue.Number, "Comment", s_marker, Ct);
        }

        // After a second a moment is free again only once the first has left its minute; the spacing made 80 take 79 s, so a minute's patience is enough and none is not.
        var hurried = ground.NewGateway().Within(TimeSpan.Zero);
        var before = ground.Ledger.Requests.Count;
        var fault = await Assert.ThrowsAsync<GitHubException>(() => hurried.CreateCommentAsync(App, issue.Number, "Now", s_marker, Ct));

        Assert.Equal((GitHubProblem.Limited, ClaudeManager.Core.Contracts.FailureClass.Transient), (fault.Problem, fault.Failure));
        Assert.True(fault.ClearsAt > ground.Time.GetUtcNow());
        Assert.Equal(before, ground.Ledger.Requests.Count);
    }

    [Theory]
    [MemberData(nameof(Providers))]
    public async Task Reserve_ByManyProcesses_NeverExceedsMinuteOrHour(string provider)
    {
        await using var store = await TestStore.CreateAsync(provider, Ct, provider == "sqlite" ? new SkippingTime() : null);
        Assert.SkipWhen(store is null, "No PostgreSQL server: set CM_TEST_POSTGRES.");
        WriteSchedule[] processes = [new(store.Store), new(store.Store), new(store.Store)];

        await Parallel.ForEachAsync(Enumerable.Range(0, 520), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Ct }, async (i, ct) =>
        {
            var (_, taken) = await processes[i % processes.Length].ReserveAsync("token-a", createsContent: true, GitHubLane.Interactive, TimeSpan.FromDays(1), ct);
            Assert.True(taken);
        });
        var at = await store.Store.ReadAsync((db, ct) => Task.FromResult(db.GitHubWrites.Select(w => w.At).ToList()), Ct);
        at.Sort();

        Assert.Equal(520, at.Count);
        Assert.All(at.Skip(1).Zip(at), pair => Assert.True(pair.First - pair.Second >= WriteSchedule.Spacing));
        Assert.All(Enumerable.Range(0, at.Count - WriteSchedule.ContentPerMinute), i => Assert.True(at[i + WriteSchedule.ContentPerMinute] - at[i] > TimeSpan.FromMinutes(1)));
        Assert.All(Enumerable.Range(0, at.Count - WriteSchedule.ContentPerHour), i => Assert.True(at[i + WriteSchedule.ContentPerHour] - at[i] > TimeSpan.FromHours(1)));
        var (wait, _) = await processes[0].ReserveAsync("token-b", createsContent: true, GitHubLane.Interactive, TimeSpan.Zero, Ct);
        Assert.Equal(TimeSpan.Zero, wait);
    }

    [Fact]
    public async Task Reserve_BeyondThePatience_TakesNothing()
    {
        await using var ground = await Ground.StartAsync();
        var schedule = new WriteSchedule(ground.Store.Store);
        await schedule.ReserveAsync("token-a", true, GitHubLane.Interactive, TimeSpan.Zero, Ct);

        var refused = await schedule.ReserveAsync("token-a", true, GitHubLane.Interactive, TimeSpan.FromMilliseconds(500), Ct);
        var taken = await schedule.ReserveAsync("token-a", true, GitHubLane.Interactive, TimeSpan.FromSeconds(1), Ct);

        Assert.Equal((TimeSpan.FromSeconds(1), false), refused);
        Assert.Equal((TimeSpan.FromSeconds(1), true), taken);
    }

    [Fact]
    public async Task Forecast_ForManyIssues_IsWhenTheyAreThere()
    {
        await using var ground = await Ground.StartAsync();
        var issue = ground.Repository.Issue("T");
        var forecast = (await ground.Gateway.ForecastAsync(new GitHubBatch(90), GitHubLane.Interactive, Ct)).DoneAt;

        var patient = ground.Gateway.Within(TimeSpan.FromHours(1));
        for (var i = 0; i < 90; i++)
        {
            await patient.CreateCommentAsync(App, issue.Number, "Comment", s_marker, Ct);
        }

        Assert.Equal(forecast, ground.Time.GetUtcNow());
    }

    [Fact]
    public async Task Read_ToldToWait_WaitsThatLong()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.SecondaryLimit(TimeSpan.FromSeconds(20)));
        var began = ground.Time.GetUtcNow();

        Assert.Single((await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items);

        // Hardly longer: real timers may fire a moment early.
        Assert.InRange(ground.Time.GetUtcNow() - began, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20.1));
        Assert.Empty(ground.Ledger.Impatient);
    }

    [Fact]
    public async Task Read_ToldToWaitLongerThanTheCallerCan_FailsAtOnceWithTheTime()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(10)));
        var began = ground.Time.GetUtcNow();

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));

        Assert.Equal((GitHubProblem.Limited, began.AddMinutes(10)), (fault.Problem, fault.ClearsAt));
        Assert.Empty(ground.Time.Waits);
    }

    [Fact]
    public async Task Refused_NobodyElseSendsMeanwhile_AlsoAfterARestart()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/repos/*/issues", GitHubFault.SecondaryLimit(TimeSpan.FromMinutes(10)));

        var first = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));
        var other = await Assert.ThrowsAsync<GitHubException>(() => ground.NewGateway().GetStatesAsync([App], Ct));
        await ground.NewGateway().Within(TimeSpan.FromMinutes(11)).GetStatesAsync([App], Ct);

        Assert.Equal((GitHubProblem.Limited, false), (first.Problem, first.MayHaveHappened));
        Assert.Equal(first.ClearsAt, other.ClearsAt);
        Assert.Equal(2, ground.Ledger.Requests.Count);
        Assert.Empty(ground.Ledger.Impatient);
    }

    [Fact]
    public async Task Write_ToldToWait_IsNotSentAgainEvenIfTheCallerCould()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/repos/*/issues", GitHubFault.SecondaryLimit(TimeSpan.FromSeconds(5)));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));

        Assert.Equal((GitHubProblem.Limited, false), (fault.Problem, fault.MayHaveHappened));
        Assert.Equal(1, ground.Ledger.Count("POST /repos/{owner}/{repo}/issues"));
    }

    [Fact]
    public async Task Refused_WithoutATime_WaitsAMinuteThenTwo()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.SecondaryLimit(status: 429), times: 2);
        var began = ground.Time.GetUtcNow();

        var first = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));
        ground.Time.Advance(TimeSpan.FromMinutes(1));
        var second = await Assert.ThrowsAsync<GitHubException>(() => ground.NewGateway().ListIssuesAsync(App, null, Ct));
        ground.Time.Advance(TimeSpan.FromMinutes(2));
        await ground.Gateway.ListIssuesAsync(App, null, Ct);

        Assert.Equal((began.AddMinutes(1), began.AddMinutes(3)), (first.ClearsAt, second.ClearsAt));
    }

    [Fact]
    public async Task Budget_UsedUp_IsNotAskedAgainBeforeItsReset()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.GitHub.Limits = new() { Core = 2 };
        await ground.Gateway.GetIssueAsync(App, 1, Ct);
        await ground.Gateway.GetPermissionAsync(App, "ana", Ct);

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetIssueAsync(App, 7, Ct));
        await ground.Gateway.GetStatesAsync([App], Ct);
        await ground.Gateway.Within(TimeSpan.FromHours(2)).GetIssueAsync(App, 7, Ct);

        Assert.Equal(GitHubProblem.Limited, fault.Problem);
        Assert.Empty(ground.Ledger.Limited);
        Assert.Equal(4, ground.Ledger.Requests.Count);
    }

    [Theory]
    [InlineData(403)]
    [InlineData(429)]
    public async Task Budget_UsedUpByOthers_IsLearntFromTheRefusal(int status)
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new() { Core = 1, PrimaryStatus = status };
        await ground.NewGateway(ground.Credential(ground.GitHub.Token("manager"))).GetIssueAsync(App, 7, Ct);

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetIssueAsync(App, 7, Ct));
        await Assert.ThrowsAsync<GitHubException>(() => ground.NewGateway().GetIssueAsync(App, 7, Ct));
        await ground.NewGateway().GetStatesAsync([App], Ct);

        Assert.Equal(GitHubProblem.Limited, fault.Problem);
        Assert.InRange(fault.ClearsAt!.Value - ground.Time.GetUtcNow(), TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(61));
        Assert.Single(ground.Ledger.Limited);
        Assert.Empty(ground.Ledger.Impatient);
    }

    [Fact]
    public async Task Reads_MoreThanAMinuteAllows_AreHeldBelowGitHubsPoints()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new() { RestPointsPerMinute = 710 };
        var patient = ground.Gateway.Within(TimeSpan.FromHours(1));

        for (var i = 0; i < 800; i++)
        {
            await patient.GetPermissionAsync(App, "ana", Ct);
        }

        Assert.Empty(ground.Ledger.Limited);
        Assert.Equal(800, ground.Ledger.Requests.Count);
    }

    [Fact]
    public async Task Reads_AllAtOnce_AreTenAtATime()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Limits = new() { Concurrent = 10 };

        await Task.WhenAll(Enumerable.Range(0, 60).Select(i => ground.Gateway.GetIssueAsync(App, i + 1, Ct)));

        Assert.Empty(ground.Ledger.Limited);
        Assert.Equal(60, ground.Ledger.Requests.Count);
    }
}
