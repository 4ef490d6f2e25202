using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Network;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Faults;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using Limits = ClaudeManager.Core.GitHub.Limits.GitHubLimits;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>The loopback GitHub with <c>acme/app</c>, our account <c>manager</c> that may write there, a store, and a gateway between them. Waits are over at once.</summary>
internal sealed class Ground : IAsyncDisposable
{
    private readonly List<IDisposable> _made = [];
    private readonly TimeProvider _time;

    private Ground(LoopbackGitHub github, TestStore store, TimeProvider time)
    {
        (GitHub, Store, _time) = (github, store, time);
        Configuration = new CurrentConfiguration(ManagerConfiguration.Default with { GitHub = new GitHubConfiguration { BaseUrl = github.BaseAddress } });
        Breakers = new CircuitBreakers(Configuration, time, NullLogger<CircuitBreakers>.Instance);
        Pipelines = new UpstreamPipelines(Configuration, Breakers, time, new Random(11), NullLogger<UpstreamPipelines>.Instance);
        github.Repository(App.ToString()).Collaborator("manager", GitHubRole.Write);
        Token = github.Token("manager");
        Process = NewProcess();
    }

    public static RepositoryName App { get; } = RepositoryName.Parse("acme/app");

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public LoopbackGitHub GitHub { get; }

    public TestStore Store { get; }

    public SkippingTime Time => (SkippingTime)_time;

    public CurrentConfiguration Configuration { get; }

    public CircuitBreakers Breakers { get; }

    public UpstreamPipelines Pipelines { get; }

    public string Token { get; }

    public GitHubProcess Process { get; }

    public GitHubGateway Gateway => Process.Gateway;

    /// <summary>How many share the limits, as far as those know who count for themselves.</summary>
    public int Processes { get; set; } = 1;

    public ClaudeManager.Tests.Shared.GitHub.GitHubRepository Repository => GitHub.Repository(App.ToString());

    public GitHubLedger Ledger => GitHub.Ledger;

    /// <param name="clock">One on which every wait is over at once, unless given.</param>
    public static async Task<Ground> StartAsync(TimeProvider? clock = null)
    {
        var time = clock ?? new SkippingTime();
        var store = await TestStore.CreateAsync("sqlite", Ct, time);
        return new Ground(await LoopbackGitHub.StartAsync(Ct, time), store!, time);
    }

    /// <summary>On PostgreSQL, by a way that can be spoilt, and in real time.</summary>
    public static async Task<Ground> StartAsync(FaultProxy wayToStore)
    {
        var store = await TestStore.CreateAsync("postgresql", Ct, way: wayToStore);
        return new Ground(await LoopbackGitHub.StartAsync(Ct), store!, TimeProvider.System);
    }

    public GitHubCredential Credential(string? token = null) => new TokenCredential(new SecretString(token ?? Token));

    /// <summary>What another process, or this one after a restart, would have: nothing in memory, the same store.</summary>
    public GitHubGateway NewGateway(GitHubCredential? credential = null) => NewProcess(credential).Gateway;

    /// <param name="limiter">Counts for itself unless given.</param>
    public GitHubProcess NewProcess(GitHubCredential? credential = null, IRateLimiter? limiter = null)
    {
        var who = credential ?? Credential();
        var counts = limiter ?? new InProcessRateLimiter(_time, telemetry: null, () => new LiveInstances(1, Processes));
        var limits = new Limits(Store.Store, counts, Configuration, _time, NullLogger<Limits>.Instance);
        var transport = OutboundTransport.Create(Configuration.Value.Network);
        var http = new GitHubHttp(who, limits, transport, Configuration, Pipelines, Store.Store, _time, NullLogger<GitHubHttp>.Instance);
        _made.AddRange([http, transport]);
        return new GitHubProcess(new GitHubGateway(http, limits, who, Configuration, _time), limits, who);
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

/// <summary>What one process has of its own.</summary>
internal sealed record GitHubProcess(GitHubGateway Gateway, Limits Limits, GitHubCredential Credential);
