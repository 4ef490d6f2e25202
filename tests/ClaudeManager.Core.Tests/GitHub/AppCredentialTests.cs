using System.Security.Cryptography;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.GitHub;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>An App's installation: its token is asked for when needed, renewed in time, and never seen.</summary>
public sealed class AppCredentialTests
{
    private const string TokenRoute = "POST /app/installations/{installation_id}/access_tokens";

    [Fact]
    public async Task Calls_ByAnInstallation_ShareOneTokenUntilItNearsItsEnd()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);
        ground.Repository.Issue("T");
        var gateway = ground.NewGateway(made.Credential);

        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => gateway.GetIssueAsync(App, 1, Ct)));
        var fewer = ground.Ledger.Count(TokenRoute);
        ground.Time.Advance(TimeSpan.FromMinutes(49));
        await gateway.GetIssueAsync(App, 1, Ct);
        var before = ground.Ledger.Count(TokenRoute);
        ground.Time.Advance(TimeSpan.FromMinutes(2));
        await gateway.GetIssueAsync(App, 1, Ct);

        Assert.Equal((1, 1, 2), (fewer, before, ground.Ledger.Count(TokenRoute)));
    }

    [Fact]
    public async Task Read_AfterTheTokenWasRenewed_StillCostsNothingWhereGitHubHasDates()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);
        ground.Repository.Issue("T");
        var gateway = ground.NewGateway(made.Credential);
        await gateway.GetIssueAsync(App, 1, Ct);

        ground.Time.Advance(TimeSpan.FromHours(2));
        var issue = await gateway.GetIssueAsync(App, 1, Ct);

        Assert.Equal("T", issue!.Title);
        Assert.Equal((304, true), (ground.Ledger.Requests[^1].Status, ground.Ledger.Requests[^1].IsConditional));
        Assert.Equal(1, ground.Ledger.Requests.Where(r => r.Route != TokenRoute).Sum(r => r.Charged));
    }

    [Fact]
    public async Task List_AfterTheTokenWasRenewed_IsReadAnewAndRight()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);
        ground.Repository.Issue("T");
        var gateway = ground.NewGateway(made.Credential);
        await gateway.ListIssuesAsync(App, null, Ct);

        ground.Time.Advance(TimeSpan.FromHours(2));
        ground.Repository.Issues[0].Edit("ana", title: "New");

        Assert.Equal("New", Assert.Single((await gateway.ListIssuesAsync(App, null, Ct)).Items).Title);
        Assert.Equal("New", Assert.Single((await gateway.ListIssuesAsync(App, null, Ct)).Items).Title);
        Assert.Equal(304, ground.Ledger.Requests[^1].Status);
    }

    [Fact]
    public async Task GetOwnAccount_OfAnApp_IsItsBot()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);

        var self = await ground.NewGateway(made.Credential).GetOwnAccountAsync(Ct);

        Assert.Equal(("our-app[bot]", GitHubAccountKind.Bot), (self.Login, self.Kind));
    }

    [Fact]
    public async Task Token_Revoked_IsAskedForAgainAtTheNextCall()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);
        var gateway = ground.NewGateway(made.Credential);
        await gateway.GetIssueAsync(App, 1, Ct);
        ground.GitHub.Revoke((await made.Credential.AuthorizeAsync(Ct)).Token.Reveal());

        var fault = await Assert.ThrowsAsync<GitHubException>(() => gateway.GetIssueAsync(App, 2, Ct));
        await gateway.GetIssueAsync(App, 2, Ct);

        Assert.Equal(GitHubProblem.Unauthorized, fault.Problem);
        Assert.Equal(2, ground.Ledger.Count(TokenRoute));
    }

    [Fact]
    public async Task Token_IsLearntByTheRedactorAndInNoName()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);

        var authorization = await made.Credential.AuthorizeAsync(Ct);
        var token = authorization.Token.Reveal();

        Assert.DoesNotContain(token, made.Redactor.Redact($"Authorization: Bearer {token}"), StringComparison.Ordinal);
        Assert.DoesNotContain(token, $"{made.Credential.Name} {authorization}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_RefusedOrUnreadable_SaysWhatToCheck()
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);
        using var stranger = RSA.Create(2048);
        using var wrongKey = made.With(stranger.ExportRSAPrivateKeyPem());
        using var noKey = made.With("-----BEGIN RSA PRIVATE KEY-----\nsecretsecret\n-----END RSA PRIVATE KEY-----");

        var refused = await Assert.ThrowsAsync<CredentialException>(async () => await wrongKey.AuthorizeAsync(Ct));
        var unreadable = await Assert.ThrowsAsync<CredentialException>(async () => await noKey.AuthorizeAsync(Ct));

        Assert.Contains("401", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secretsecret", unreadable.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("<html>")]
    [InlineData("{\"token\":\"\",\"expires_at\":\"2027-01-01T00:00:00Z\"}")]
    public async Task Token_AnswerOfAnotherShape_IsMalformed(string body)
    {
        await using var ground = await Ground.StartAsync();
        using var made = new Installation(ground);
        ground.GitHub.Fail("POST", "/app/installations/*/access_tokens", new GitHubFault.Answer(201, body, "application/json", new Dictionary<string, string>()));

        var fault = await Assert.ThrowsAsync<GitHubException>(async () => await made.Credential.AuthorizeAsync(Ct));

        Assert.Equal(GitHubProblem.Malformed, fault.Problem);
        await made.Credential.AuthorizeAsync(Ct);
    }

    /// <summary>The App <c>our-app</c>, installed for <c>acme</c>.</summary>
    private sealed class Installation : IDisposable
    {
        private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { AllowAutoRedirect = false });
        private readonly Ground _ground;
        private readonly long _app;
        private readonly long _installation;

        public Installation(Ground ground)
        {
            _ground = ground;
            using var key = RSA.Create(2048);
            var app = ground.GitHub.App("our-app", key.ExportSubjectPublicKeyInfoPem());
            _app = app.Id;
            _installation = ground.GitHub.Install(app, "acme", new Dictionary<string, string> { ["issues"] = "write", ["contents"] = "write", ["metadata"] = "read" }).Id;
            Credential = With(key.ExportRSAPrivateKeyPem());
        }

        public AppCredential Credential { get; }

        public Redactor Redactor { get; } = new();

        public AppCredential With(string privateKey)
            => new(_app, _installation, new SecretString(privateKey), GitHubAddress.Of(_ground.GitHub.BaseAddress), _http, Redactor, _ground.Time);

        public void Dispose()
        {
            Credential.Dispose();
            _http.Dispose();
        }
    }
}
