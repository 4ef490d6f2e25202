using ClaudeManager.Core;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Runs.Outcomes;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using GitHubIssue = ClaudeManager.Tests.Shared.GitHub.GitHubIssue;

namespace ClaudeManager.Worker.Tests.GitHub;

/// <summary>
/// The service's real parts around a loopback GitHub with <c>acme/app</c>, which has one TODO, and <c>acme/manager</c>, where it is proposed. <c>service</c> is our account, <c>alice</c> may write.
/// What a test adds is the agent, a shell script.
/// </summary>
internal sealed class PublishGround : IAsyncDisposable
{
    public const string Branch = "claude-manager/1-address-todo-in-src-sum-sh-2";

    private readonly TestStore _store;
    private readonly TemporaryDirectory _directory;
    private readonly ServiceProvider _services;

    private PublishGround(TestStore store, TemporaryDirectory directory, LoopbackGitHub github, ServiceProvider services, ShiftedTime time)
        => (_store, _directory, GitHub, _services, Time) = (store, directory, github, services, time);

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public LoopbackGitHub GitHub { get; }

    public ShiftedTime Time { get; }

    public GitHubRepository App { get; private set; } = null!;

    public GitHubRepository Manager => GitHub.Repository("acme/manager");

    public GitHubIssue Issue => Assert.Single(Manager.Issues);

    public GitHubPull Pull => Assert.Single(App.Pulls);

    /// <summary>What the agent leaves outside its workspace.</summary>
    public string Outside => _directory.Combine("outside");

    /// <summary>With the TODO of <c>acme/app</c> proposed on GitHub and approved in the dashboard.</summary>
    public static async Task<PublishGround> StartAsync(string script = RunGround.Fix, Func<ExecutorConfiguration, ExecutorConfiguration>? executor = null, string provider = "sqlite")
    {
        var time = new ShiftedTime();
        var store = await TestStore.CreateAsync(provider, Ct);
        Assert.SkipWhen(store is null, $"{TestStore.PostgresVariable} is not set.");
        var github = await LoopbackGitHub.StartAsync(Ct, time);
        var directory = new TemporaryDirectory();
        var outside = Directory.CreateDirectory(directory.Combine("outside")).FullName;
        var configured = new ExecutorConfiguration
        {
            DefaultExecutor = RunGround.Agent,
            Sandbox = "off",
            Commands = new Dictionary<string, CommandAgentConfiguration>
            {
                ["test"] = new() { Program = "sh", Args = ["-c", $"echo x >> \"$OUTSIDE/starts\"; cat > \"$OUTSIDE/prompt\"; {script}"], Environment = new Dictionary<string, string> { ["OUTSIDE"] = outside } },
            },
            Verify = new Dictionary<string, IReadOnlyList<IReadOnlyList<string>>> { ["*"] = [["sh", "tests/run.sh"]] },
        };
        var settings = new StartupSettings
        {
            Data = new DataDirectory(directory.Combine("data")),
            Store = store.Target,
            Configuration = ManagerConfiguration.Default with
            {
                GitHub = new GitHubConfiguration { BaseUrl = github.BaseAddress, ManagerRepo = "acme/manager" },
                Executor = executor?.Invoke(configured) ?? configured,
            },
            Report = new ConfigurationReport([]),
            ConfigurationFile = null,
            Model = new ModelCredentials(null, null, ModelCredentials.Anthropic),
            GitHubToken = new SecretString(github.Token("service")),
            MasterKey = null,
            KnownSecrets = [],
        };
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(time);
        services.AddLogging();
        services.AddMetrics();
        services.AddManagerCore(settings, InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(Exclusive: true));
        var ground = new PublishGround(store, directory, github, services.BuildServiceProvider(), time) { App = github.Repository("acme/app") };
        foreach (var repository in new[] { ground.App, ground.Manager })
        {
            repository.Collaborator("service", GitHubRole.Write).Collaborator("alice", GitHubRole.Write).Collaborator("rita", GitHubRole.Read);
        }

        await ground.App.CommitAsync("Start", RunGround.Files.Select(f => (f.Path, (string?)f.Content)), Ct);
        await ground.ProposeAsync();
        return ground;
    }

    public T Get<T>()
        where T : notnull
        => _services.GetRequiredService<T>();

    public async Task<ClaimedRun> ClaimAsync()
    {
        Time.Skip(TimeSpan.FromMinutes(15));
        return Assert.Single(await Get<RunQueue>().ClaimAsync(TestStore.Operation, Get<InstanceIdentity>().BootId, 1, name => Get<AgentCatalog>().Find(name) is not null, [], Ct));
    }

    public Task ExecuteAsync(ClaimedRun claim) => Get<RunExecutor>().ExecuteAsync(TestStore.Operation, claim, Ct);

    /// <summary>The next run as far as it goes, and what it decided carried out on GitHub.</summary>
    public async Task<RunDetailDto> RunAsync()
    {
        var claim = await ClaimAsync();
        await ExecuteAsync(claim);
        await DrainAsync();
        return await RunOfAsync(claim.Run.Id);
    }

    public async Task<RunDetailDto> RunOfAsync(long id) => RunGround.Good(await Get<RunService>().GetAsync(id, Ct));

    public async Task<WorkItemDetailDto> ItemAsync() => RunGround.Good(await Get<WorkItemService>().GetAsync(1, Ct));

    public Task<int> RunsAsync() => ReadAsync((db, ct) => db.Runs.CountAsync(ct));

    /// <summary>The next look at what became of it, and what it decided carried out on GitHub.</summary>
    public async Task PollAsync()
    {
        Time.Skip(Get<OutcomePoll>().Interval);
        await Get<OutcomePoll>().PollAsync(TestStore.Operation, Ct);
        await DrainAsync();
    }

    public async Task DrainAsync()
    {
        while (await Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, Ct))
        {
        }

        Assert.Empty(await ReadAsync((db, ct) => db.Outbox.Where(o => o.State != OutboxStates.Done).Select(o => o.Kind + ": " + o.Error).ToListAsync(ct)));
    }

    public Task<T> ReadAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read) => Get<Store>().ReadAsync(read, Ct);

    public Task WriteAsync(Func<ManagerDbContext, CancellationToken, Task> write) => Get<Store>().WriteAsync(TestStore.Operation, (tx, ct) => write(tx.Db, ct), Ct);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await GitHub.DisposeAsync();
        await _store.DisposeAsync();
        _directory.Dispose();
    }

    private async Task ProposeAsync()
    {
        var repository = RunGround.Good(await Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest("acme/app", Propose: true), Ct));
        Assert.Null(RunGround.Good(await Get<ScanService>().ScanAsync(TestStore.Operation, repository.Id, full: false, propose: null, Ct)).Error);
        await DrainAsync();
        var preview = RunGround.Good(await Get<WorkItemService>().PreviewApprovalAsync(1, RunGround.Agent, Ct));
        RunGround.Good(await Get<WorkItemService>().ApproveAsync(TestStore.Operation, 1, new ApproveRequest(preview.Version, preview.PromptSha256, RunGround.Agent), Ct));
    }
}
