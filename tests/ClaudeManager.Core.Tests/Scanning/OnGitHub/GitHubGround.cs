using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.Tests.GitHub;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using GitHubRepository = ClaudeManager.Tests.Shared.GitHub.GitHubRepository;

namespace ClaudeManager.Core.Tests.Scanning.OnGitHub;

/// <summary>The product's own services over a store, a data directory and a loopback GitHub where <c>manager</c> is our account and <c>acme/manager</c> takes the issues. Waits are over at once.</summary>
internal sealed class GitHubGround : IAsyncDisposable
{
    public const string Manager = "acme/manager";

    private readonly string _provider;
    private readonly TemporaryDirectory _directory = new();
    private TestStore _store;
    private ServiceProvider _services;
    private string? _token;

    private GitHubGround(string provider, TestStore store, LoopbackGitHub github, SkippingTime time, Func<ManagerConfiguration, ManagerConfiguration>? configure)
    {
        (_provider, _store, GitHub, Time) = (provider, store, github, time);
        github.Repository(Manager).Collaborator("manager", GitHubRole.Write);
        _token = github.Token("manager");
        var configuration = ManagerConfiguration.Default with { GitHub = new GitHubConfiguration { BaseUrl = github.BaseAddress, ManagerRepo = Manager } };
        Configuration = configure?.Invoke(configuration) ?? configuration;
        _services = Start();
    }

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static OperationContext Context { get; } = OperationContext.Create("test", "tester");

    public LoopbackGitHub GitHub { get; }

    public SkippingTime Time { get; }

    public ManagerConfiguration Configuration { get; }

    public DataDirectory Data => Get<DataDirectory>();

    public RepositoryRegistry Registry => Get<RepositoryRegistry>();

    public ScanService Scans => Get<ScanService>();

    public IReadOnlyList<ClaudeManager.Tests.Shared.GitHub.GitHubIssue> Issues => GitHub.Repository(Manager).Issues;

    /// <returns>Skips the test where there is no such database.</returns>
    public static async Task<GitHubGround> StartAsync(string provider, Func<ManagerConfiguration, ManagerConfiguration>? configure = null)
    {
        var time = new SkippingTime();
        var store = await TestStore.CreateAsync(provider, Ct, time);
        Assert.SkipWhen(store is null, $"{TestStore.PostgresVariable} is not set.");
        return new GitHubGround(provider, store, await LoopbackGitHub.StartAsync(Ct, time), time, configure);
    }

    public T Get<T>()
        where T : notnull
        => _services.GetRequiredService<T>();

    /// <summary>A repository in which we may write, with one commit of these files.</summary>
    public async Task<GitHubRepository> RepositoryAsync(string fullName, params (string Path, string? Content)[] files)
    {
        var repository = GitHub.Repository(fullName).Collaborator("manager", GitHubRole.Write);
        await repository.CommitAsync("first", files, Ct);
        return repository;
    }

    public async Task<RepositoryDto> AddAsync(string fullName, bool propose = true)
    {
        var added = await Registry.AddAsync(Context, new AddRepositoryRequest(fullName, Propose: propose), Ct);
        Assert.Null(added.Refusal);
        return added.Value!;
    }

    /// <summary>One round over everything registered.</summary>
    public Task<IReadOnlyList<ScanResultDto>> ScanAllAsync(bool? propose = null) => Registry.ScanAllAsync(Context, full: false, propose, Ct);

    public async Task<RepositoryDto> GetAsync(long id) => (await Registry.GetAsync(id, Ct)).Value!;

    /// <summary>Carries out what was decided, until nothing is left.</summary>
    public Task DrainAsync() => Drain.AllAsync(_services, Time, Ct);

    public Task<List<WorkItemEntity>> ItemsAsync() => Get<Store>().ReadAsync((db, token) => db.WorkItems.OrderBy(w => w.Id).ToListAsync(token), Ct);

    public Task<T> ReadAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read) => Get<Store>().ReadAsync(read, Ct);

    /// <summary>Another process over the same store, by another token of the same account.</summary>
    public async Task RestartAsync(bool withToken = true)
    {
        _token = withToken ? GitHub.Token("manager") : null;
        await _services.DisposeAsync();
        _services = Start();
    }

    /// <summary>Store and mirrors are lost; what is on GitHub stays.</summary>
    public async Task ForgetAsync()
    {
        await _services.DisposeAsync();
        await _store.DisposeAsync();
        Directory.Delete(_directory.Combine("data"), recursive: true);
        _store = (await TestStore.CreateAsync(_provider, Ct, Time))!;
        _services = Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await GitHub.DisposeAsync();
        await _store.DisposeAsync();
        _directory.Dispose();
    }

    private ServiceProvider Start()
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Time);
        services.AddLogging();
        services.AddMetrics();
        var settings = new StartupSettings
        {
            Data = new DataDirectory(_directory.Combine("data")),
            Store = _store.Target,
            Configuration = Configuration,
            Report = new ConfigurationReport([]),
            ConfigurationFile = null,
            Model = new ModelCredentials(null, null, ModelCredentials.Anthropic),
            GitHubToken = _token is null ? null : new SecretString(_token),
            MasterKey = null,
            KnownSecrets = [],
        };
        services.AddManagerCore(settings, InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(Exclusive: true));
        return services.BuildServiceProvider();
    }
}
