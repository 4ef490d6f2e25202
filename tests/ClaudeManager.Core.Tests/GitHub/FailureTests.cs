using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Tests.Shared.GitHub;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>Every kind of trouble has one kind of fault, and no write is ever sent twice.</summary>
public sealed class FailureTests
{
    private const string Create = "POST /repos/{owner}/{repo}/issues";
    private const string List = "GET /repos/{owner}/{repo}/issues";
    private static readonly Marker s_marker = Marker.Of("item", "1");

    [Theory]
    [InlineData(400, GitHubProblem.Refused, FailureClass.Policy)]
    [InlineData(401, GitHubProblem.Unauthorized, FailureClass.Configuration)]
    [InlineData(403, GitHubProblem.Forbidden, FailureClass.Configuration)]
    [InlineData(404, GitHubProblem.NotFound, FailureClass.Policy)]
    [InlineData(409, GitHubProblem.Refused, FailureClass.Policy)]
    [InlineData(410, GitHubProblem.Gone, FailureClass.Policy)]
    [InlineData(422, GitHubProblem.Refused, FailureClass.Policy)]
    [InlineData(451, GitHubProblem.Gone, FailureClass.Policy)]
    [InlineData(500, GitHubProblem.Unavailable, FailureClass.Transient)]
    [InlineData(502, GitHubProblem.Unavailable, FailureClass.Transient)]
    [InlineData(503, GitHubProblem.Unavailable, FailureClass.Transient)]
    public async Task Write_EveryStatus_HasItsProblemAndIsSentOnce(int status, GitHubProblem problem, FailureClass failure)
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/repos/*/issues", GitHubFault.Json(status, "Because."), times: 9);

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));

        Assert.Equal((problem, failure, (HttpStatusCode)status), (fault.Problem, fault.Failure, fault.Status));
        Assert.Contains("Because", fault.Message, StringComparison.Ordinal);
        Assert.Equal(status >= 500, fault.MayHaveHappened);
        Assert.Equal(1, ground.Ledger.Count(Create));
    }

    /// <summary>As after SIGSTOP or a suspended machine: whoever took the lease over has looked and sent meanwhile.</summary>
    [Fact]
    public async Task Write_HeldUpBeyondItsLease_IsNotSent()
    {
        await using var ground = await Ground.StartAsync();
        using (WriteDeadline.Begin(ground.Time.GetUtcNow() + TimeSpan.FromSeconds(1)))
        {
            ground.Time.Advance(TimeSpan.FromSeconds(2));
            Assert.Empty((await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items);
            await Assert.ThrowsAsync<WriteTooLateException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));
        }

        Assert.Equal(0, ground.Ledger.Count(Create));
        await ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct);
        Assert.Equal(1, ground.Ledger.Count(Create));
    }

    [Theory]
    [InlineData(502)]
    [InlineData(503)]
    public async Task Read_OfAServerThatRecovers_IsTriedAgain(int status)
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html(status), times: 2);

        Assert.Single((await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items);
        Assert.Equal(3, ground.Ledger.Count(List));
    }

    [Fact]
    public async Task Read_OfAServerThatDoesNotRecover_IsTriedThreeTimesInAll()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html(), times: 9);

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));

        Assert.Equal((GitHubProblem.Unavailable, false), (fault.Problem, fault.MayHaveHappened));
        Assert.Equal(3, ground.Ledger.Count(List));
    }

    [Fact]
    public async Task Read_WithinWorkThatIsTriedAgainAsAWhole_IsSentOnce()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html(), times: 9);

        using (RetriedByCaller.Begin())
        {
            await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));
        }

        Assert.Equal(1, ground.Ledger.Count(List));
    }

    [Fact]
    public async Task Breaker_IsOpen_NothingIsSentAndTheFaultSaysUntilWhen()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html(), times: 1_000);
        GitHubException fault;
        do
        {
            fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));
        }
        while (fault.ClearsAt is null);

        var breaker = Assert.Single(ground.Breakers.Snapshot());
        Assert.Equal(("github", ground.GitHub.BaseAddress.Authority, CircuitPosition.Open), (breaker.Upstream, breaker.Host, breaker.State));
        var sent = ground.Ledger.Count(List);
        Assert.Equal(ground.Configuration.Value.Resilience.GitHub.MinimumThroughput, sent);
        fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));
        Assert.Equal((GitHubProblem.Unavailable, false, breaker.NextTrial, sent, 0), (fault.Problem, fault.MayHaveHappened, fault.ClearsAt, ground.Ledger.Count(List), ground.Ledger.Count(Create)));

        ground.Breakers.Reset(breaker.Name);
        await ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct);
        Assert.Equal(1, ground.Ledger.Count(Create));
    }

    [Fact]
    public async Task Read_TheConnectionBreaks_IsTriedAgain()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.GitHub.Fail("GET", "/repos/*/issues", new GitHubFault.ResetBefore());
        ground.GitHub.Fail("GET", "/repos/*/issues", new GitHubFault.Cut());

        Assert.Single((await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items);
    }

    [Fact]
    public async Task Write_TheAnswerIsCut_SaysThatItMayHaveHappened()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/repos/*/issues", new GitHubFault.Cut());

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));

        Assert.Equal((GitHubProblem.Unreachable, true), (fault.Problem, fault.MayHaveHappened));
        Assert.Single(ground.Repository.Issues);
        Assert.Equal(1, ground.Ledger.Count(Create));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"id\":")]
    [InlineData("[1,2]")]
    [InlineData("{\"id\":\"x\"}")]
    [InlineData("{}")]
    [InlineData("null")]
    public async Task Read_AnAnswerThatIsNoIssue_IsMalformed(string body)
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.GitHub.Fail("GET", "/repos/*/issues/1", new GitHubFault.Garbage(body));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetIssueAsync(App, 1, Ct));

        Assert.Equal(GitHubProblem.Malformed, fault.Problem);
    }

    [Fact]
    public async Task Write_AnAnswerThatCannotBeRead_SaysThatItMayHaveHappened()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/repos/*/issues", new GitHubFault.Garbage("<html>"));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));

        Assert.Equal((GitHubProblem.Malformed, true), (fault.Problem, fault.MayHaveHappened));
    }

    [Theory]
    [InlineData("""[{"data":{}}]""")]
    [InlineData("""{"data":[]}""")]
    [InlineData("""{"data":null,"errors":[{"message":"x"}]}""")]
    [InlineData("""{"data":{"viewer":{"login":5}}}""")]
    public async Task Query_AnAnswerOfAnotherShape_IsAFaultOfOurs(string body)
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("POST", "/graphql", new GitHubFault.Answer(200, body, "application/json", new Dictionary<string, string>()), times: 9);

        await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.GetOwnAccountAsync(Ct));
    }

    [Fact]
    public async Task Read_AWebPageInsteadOfJson_IsMalformed()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", GitHubFault.Html(200));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));

        Assert.Equal(GitHubProblem.Malformed, fault.Problem);
    }

    [Fact]
    public async Task Write_NoAnswerWithinTheTimeout_TimesOut()
    {
        await using var ground = await Ground.StartAsync();
        var hole = ground.GitHub.Fail("POST", "/repos/*/issues", new GitHubFault.BlackHole());

        var creating = ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct);
        await hole.Reached;
        ground.Time.Advance(ground.Configuration.Value.GitHub.ApiTimeout);
        var fault = await Assert.ThrowsAsync<GitHubException>(() => creating);

        Assert.Equal((GitHubProblem.TimedOut, true), (fault.Problem, fault.MayHaveHappened));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(410)]
    [InlineData(451)]
    public async Task Lookup_NotThere_IsNullAndNoFault(int status)
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues/1", GitHubFault.Json(status, "No."));

        Assert.Null(await ground.Gateway.GetIssueAsync(App, 1, Ct));
        Assert.Single(ground.Ledger.ApiRequests);
    }

    [Fact]
    public async Task Read_CancelledByTheCaller_IsCancelled()
    {
        await using var ground = await Ground.StartAsync();
        using var caller = new CancellationTokenSource();
        var hole = ground.GitHub.Fail("GET", "/repos/*/issues", new GitHubFault.BlackHole());

        var reading = ground.Gateway.ListIssuesAsync(App, null, caller.Token);
        await hole.Reached;
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        Assert.Equal(1, ground.Ledger.Requests.Count + 1 - ground.Ledger.Count(List));
    }

    [Fact]
    public async Task Renamed_ReadsFollow_WritesAreSentToTheNewName()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Issue("T");
        ground.Repository.Rename("acme/renamed");

        Assert.Single((await ground.Gateway.ListIssuesAsync(App, null, Ct)).Items);
        var written = await ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct);

        Assert.Equal((2, 2), (written.Number, ground.GitHub.Repository("acme/renamed").Issues.Count));
        Assert.Equal(["/repos/acme/app/issues", "/repos/acme/renamed/issues"], ground.Ledger.Requests.Where(r => r.Method == "POST" && r.Path.EndsWith("/issues", StringComparison.Ordinal)).Select(r => r.Path));
    }

    /// <summary>A redirect names the repository by its number: a write goes to that one or nowhere.</summary>
    [Fact]
    public async Task Write_RedirectedToAnotherRepository_IsNotSent()
    {
        await using var ground = await Ground.StartAsync();
        ground.Repository.Rename("acme/renamed");
        ground.GitHub.Fail("POST", "/repos/acme/app/issues", new GitHubFault.Answer(307, "{}", "application/json", new Dictionary<string, string> { ["Location"] = new Uri(ground.GitHub.BaseAddress, "repositories/1234567/issues").AbsoluteUri }));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.CreateIssueAsync(App, "T", "B", [], s_marker, Ct));

        Assert.Equal(GitHubProblem.Moved, fault.Problem);
        Assert.Empty(ground.GitHub.Repository("acme/renamed").Issues);
    }

    [Fact]
    public async Task Read_RedirectedToAnotherHost_IsRefusedAndTheTokenStays()
    {
        await using var ground = await Ground.StartAsync();
        await using var elsewhere = await LoopbackGitHub.StartAsync(Ct);
        ground.GitHub.Fail("GET", "/repos/*/issues", new GitHubFault.Answer(301, "{}", "application/json", new Dictionary<string, string> { ["Location"] = new Uri(elsewhere.BaseAddress, "repos/acme/app/issues").AbsoluteUri }));

        await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));

        Assert.Empty(elsewhere.Ledger.Requests);
    }

    [Fact]
    public async Task Read_NextPageAtAnotherHost_IsRefusedAndTheTokenStays()
    {
        await using var ground = await Ground.StartAsync();
        await using var elsewhere = await LoopbackGitHub.StartAsync(Ct);
        ground.GitHub.Fail("GET", "/repos/*/issues", new GitHubFault.Answer(200, "[]", "application/json", new Dictionary<string, string> { ["Link"] = $"<{elsewhere.BaseAddress}repos/acme/app/issues?page=2>; rel=\"next\"" }));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));

        Assert.Equal(GitHubProblem.Malformed, fault.Problem);
        Assert.Empty(elsewhere.Ledger.Requests);
    }

    [Fact]
    public async Task Read_RedirectedWithoutEnd_Stops()
    {
        await using var ground = await Ground.StartAsync();
        ground.GitHub.Fail("GET", "/repos/*/issues", new GitHubFault.Answer(301, "{}", "application/json", new Dictionary<string, string> { ["Location"] = "/repos/acme/app/issues" }), times: 50);

        await Assert.ThrowsAsync<GitHubException>(() => ground.Gateway.ListIssuesAsync(App, null, Ct));

        Assert.Equal(4, ground.Ledger.Count(List));
    }

    [Fact]
    public async Task WithoutAToken_EveryCallSaysWhatToSet()
    {
        await using var ground = await Ground.StartAsync();
        var gateway = ground.NewGateway(new ClaudeManager.Core.GitHub.Credentials.TokenCredential(null));

        var fault = await Assert.ThrowsAsync<ClaudeManager.Core.Resilience.CredentialException>(() => gateway.GetIssueAsync(App, 1, Ct));

        Assert.Contains("GITHUB_TOKEN", fault.Fix, StringComparison.Ordinal);
    }
}
