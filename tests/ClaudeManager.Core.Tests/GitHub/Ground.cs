using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Network;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using Limits = ClaudeManager.Core.GitHub.Limits.GitHubLimits;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>The loopback GitHub with <c>acme/app</c>, our account <c>manager</c> that may write there, a store, and a gateway between them. Waits are over at once.</summary>
internal sealed class Ground : IAsyncDisposable
{
    private readonly List<IDisposable> _made = [];

    private Ground(LoopbackGitHub github, TestStore store, SkippingTime time)
    {
        (GitHub, Store, Time) = (github, store, time);
        Configuration = new CurrentConfiguration(ManagerConfiguration.Default with { GitHub = new GitHubConfiguration { BaseUrl = github.BaseAddress } });
        Breakers = new CircuitBreakers(Configuration, time, NullLogger<CircuitBreakers>.Instance);
        Pipelines = new UpstreamPipelines(Configuration, Breakers, time, new Random(11), NullLogger<UpstreamPipelines>.Instance);
        github.Repository(App.ToString()).Collaborator("manager", GitHubRole.Write);
        Token = github.Token("manager");
        Gateway = NewGateway();
    }

    public static RepositoryName App { get; } = RepositoryName.Parse("acme/app");

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public LoopbackGitHub GitHub { get; }

    public TestStore Store { get; }

    public SkippingTime Time { get; }

    public CurrentConfiguration Configuration { get; }

    public CircuitBreakers Breakers { get; }

    public UpstreamPipelines Pipelines { get; }

    public string Token { get; }

    public GitHubGateway Gateway { get; }

    public ClaudeManager.Tests.Shared.GitHub.GitHubRepository Repository => GitHub.Repository(App.ToString());

    public GitHubLedger Ledger => GitHub.Ledger;

    public static async Task<Ground> StartAsync()
    {
        var time = new SkippingTime();
        var store = await TestStore.CreateAsync("sqlite", Ct, time);
        return new Ground(await LoopbackGitHub.StartAsync(Ct, time), store!, time);
    }

    public GitHubCredential Credential(string? token = null) => new TokenCredential(new SecretString(token ?? Token));

    /// <summary>What another process, or this one after a restart, would have: nothing in memory, the same store.</summary>
    public GitHubGateway NewGateway(GitHubCredential? credential = null)
    {
        var who = credential ?? Credential();
        var limits = new Limits(Store.Store, Time, NullLogger<Limits>.Instance);
        var transport = OutboundTransport.Create(Configuration.Value.Network);
        var http = new GitHubHttp(who, limits, transport, Configuration, Pipelines, Store.Store, Time, NullLogger<GitHubHttp>.Instance);
        _made.AddRange([http, transport, limits]);
        return new GitHubGateway(http, limits, who, Configuration, Time);
    }

    public GitHubRemote Remote(GitHubCredential? credential = null) => new(credential ?? Credential(), InstanceIdentity.Create("worker", TimeProvider.System), Configuration, Pipelines);

    public async ValueTask DisposeAsync()
    {
        foreach (var made in _made)
        {
            made.Dispose();
        }

        await GitHub.DisposeAsync();
        await Store.DisposeAsync();
    }
}
