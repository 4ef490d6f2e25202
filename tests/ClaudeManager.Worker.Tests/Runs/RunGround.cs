using ClaudeManager.Core;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>
/// A real repository with one TODO and a check of its own, and the service's real parts around it: what a test adds is the agent, a shell script that is started as agent <c>command:test</c>.
/// </summary>
internal sealed class RunGround : IAsyncDisposable
{
    public const string Agent = "command:test";

    /// <summary>What a good agent does here.</summary>
    public const string Fix = "sed -i 's/# TODO: add both numbers/# Adds both numbers./' src/sum.sh";

    private readonly TestStore _store;
    private readonly TemporaryDirectory _directory;
    private readonly ServiceProvider _services;

    private RunGround(TestStore store, TemporaryDirectory directory, ServiceProvider services, TestRepository project, ShiftedTime time)
        => (_store, _directory, _services, Project, Time) = (store, directory, services, project, time);

    /// <summary>The user's own repository.</summary>
    public TestRepository Project { get; }

    public ShiftedTime Time { get; }

    /// <summary>A folder beside everything: what an agent writes there, it wrote outside its workspace.</summary>
    public string Outside => _directory.Combine("outside");

    public DataDirectory Data => Get<DataDirectory>();

    /// <summary>The SQLite file, where there is one.</summary>
    public string DatabaseFile => ((StoreTarget.Sqlite)_store.Target).File;

    public string Boot => Get<InstanceIdentity>().BootId;

    /// <summary>Files of the user's repository, by path.</summary>
    public static (string Path, string Content)[] Files { get; } =
    [
        ("src/sum.sh", "#!/bin/sh\n# TODO: add both numbers\necho 0\n"),
        ("tests/run.sh", "#!/bin/sh\ntest \"$(sh src/sum.sh)\" = 0\n"),
        ("tests/more.sh", "#!/bin/sh\ntest_more() {\n  true\n}\n"),
        ("README.md", "# Sums\n"),
    ];

    /// <param name="script">Run by <c>sh -c</c> in the workspace; <c>$OUTSIDE</c> names <see cref="Outside"/>.</param>
    /// <param name="clock">Instead of <see cref="Time"/>: one whose timers a test moves on too.</param>
    /// <param name="model">With it the agent is the real <c>claude</c>, which talks to this model.</param>
    /// <param name="maxStoredBytes">Instead of the 64 MB of a run's work and session that the store takes.</param>
    public static async Task<RunGround> StartAsync(
        string script, Func<ExecutorConfiguration, ExecutorConfiguration>? executor = null, string provider = "sqlite", TimeProvider? clock = null, Uri? model = null, long? maxStoredBytes = null)
    {
        var ct = TestContext.Current.CancellationToken;
        var store = await TestStore.CreateAsync(provider, ct);
        if (store is null)
        {
            Assert.Skip($"There is no PostgreSQL server ({TestStore.PostgresVariable} is not set).");
        }

        var directory = new TemporaryDirectory();
        var outside = Directory.CreateDirectory(directory.Combine("outside")).FullName;
        var configured = new ExecutorConfiguration
        {
            DefaultExecutor = model is null ? Agent : "claude-code",
            Sandbox = "off",
            Commands = new Dictionary<string, CommandAgentConfiguration>
            {
                ["test"] = new() { Program = "sh", Args = ["-c", script], Environment = new Dictionary<string, string> { ["OUTSIDE"] = outside } },
            },
            Verify = new Dictionary<string, IReadOnlyList<IReadOnlyList<string>>> { ["*"] = [["sh", "tests/run.sh"]] },
        };
        var settings = new StartupSettings
        {
            Data = new DataDirectory(directory.Combine("data")),
            Store = store.Target,
            Configuration = ManagerConfiguration.Default with { Executor = executor?.Invoke(configured) ?? configured },
            Report = new ConfigurationReport([]),
            ConfigurationFile = null,
            Model = model is null ? new ModelCredentials(null, null, ModelCredentials.Anthropic) : new ModelCredentials(new SecretString("a-key-of-the-model"), null, model),
            GitHubToken = null,
            MasterKey = null,
            KnownSecrets = [],
        };
        var time = new ShiftedTime();
        var services = new ServiceCollection();
        services.AddSingleton(clock ?? time);
        services.AddLogging();
        services.AddMetrics();
        services.AddManagerCore(settings, InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(Exclusive: true));
        services.AddSingleton(p => new ContainedProcess(p.GetRequiredService<Sandbox>(), p.GetRequiredService<HostEnvironment>(), p.GetRequiredService<CurrentConfiguration>(), TimeProvider.System, p.GetRequiredService<ILogger<ContainedProcess>>())
        {
            Graces = new StopGraces { Finish = TimeSpan.FromMilliseconds(500), Interrupt = TimeSpan.FromMilliseconds(500), Terminate = TimeSpan.FromMilliseconds(500) },
        });
        if (maxStoredBytes is { } most)
        {
            services.AddSingleton(p => new WorkspaceStore(p.GetRequiredService<DataDirectory>(), p.GetRequiredService<TimeProvider>()) { MaxBundleBytes = most });
        }

        var ground = new RunGround(store, directory, services.BuildServiceProvider(), await TestRepository.CreateAsync(ct, Files), time);
        if (model is not null)
        {
            await ground.Get<ModelGateway>().StartAsync(ct);
        }

        return ground;
    }

    public T Get<T>()
        where T : notnull
        => _services.GetRequiredService<T>();

    /// <summary>Registers and scans the repository and approves its one TODO.</summary>
    public async Task<WorkItemDetailDto> ApproveAsync()
    {
        var ct = TestContext.Current.CancellationToken;
        var repository = Good(await Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest(Project.Path, Propose: true), ct));
        var scan = Good(await Get<ScanService>().ScanAsync(TestStore.Operation, repository.Id, full: false, propose: null, ct));
        Assert.Null(scan.Error);
        var item = Assert.Single((await Get<WorkItemService>().ListAsync([], null, null, null, 0, 10, ct)).Items);
        return await ApproveAsync(item.Id);
    }

    public async Task<WorkItemDetailDto> ApproveAsync(long itemId)
    {
        var ct = TestContext.Current.CancellationToken;
        var agent = Get<CurrentConfiguration>().Value.Executor.DefaultExecutor;
        var preview = Good(await Get<WorkItemService>().PreviewApprovalAsync(itemId, agent, ct));
        return Good(await Get<WorkItemService>().ApproveAsync(TestStore.Operation, itemId, new ApproveRequest(preview.Version, preview.PromptSha256, agent), ct));
    }

    /// <summary>Commits a second TODO and approves it; the id of its work item.</summary>
    public async Task<long> ApproveAnotherAsync(WorkItemDetailDto first)
    {
        var ct = TestContext.Current.CancellationToken;
        await Project.Write("src/difference.sh", "#!/bin/sh\n# TODO: subtract both numbers\necho 0\n").CommitAsync("More", ct);
        Assert.Null(Good(await Get<ScanService>().ScanAsync(TestStore.Operation, first.Item.RepositoryId, full: false, propose: null, ct)).Error);
        var item = Assert.Single((await Get<WorkItemService>().ListAsync([WorkItemState.Proposed], null, null, null, 0, 10, ct)).Items);
        await ApproveAsync(item.Id);
        return item.Id;
    }

    public async Task<ClaimedRun?> ClaimAsync()
        => (await Get<RunQueue>().ClaimAsync(TestStore.Operation, Boot, 1, name => Get<AgentCatalog>().Find(name) is not null, [], TestContext.Current.CancellationToken)).SingleOrDefault();

    /// <summary>Claims the next run and carries it out as far as it goes.</summary>
    public async Task<RunDetailDto> RunAsync()
    {
        var claim = await ClaimAsync();
        Assert.NotNull(claim);
        await ExecuteAsync(claim);
        return await RunOfAsync(claim.Run.Id);
    }

    public Task ExecuteAsync(ClaimedRun claim) => Get<RunExecutor>().ExecuteAsync(TestStore.Operation, claim, TestContext.Current.CancellationToken);

    public async Task<RunDetailDto> RunOfAsync(long id) => Good(await Get<RunService>().GetAsync(id, TestContext.Current.CancellationToken));

    public async Task<WorkItemDto> ItemAsync()
        => Assert.Single((await Get<WorkItemService>().ListAsync([], null, null, null, 0, 10, TestContext.Current.CancellationToken)).Items);

    public async Task<IReadOnlyList<RunEventDto>> EventsAsync(long run) => await Get<RunService>().EventsAsync(run, 0, 5000, TestContext.Current.CancellationToken);

    public Task<T> ReadAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read) => Get<Store>().ReadAsync(read, TestContext.Current.CancellationToken);

    /// <summary>Waits until the store says so; woken by every commit.</summary>
    public async Task UntilAsync(Func<ManagerDbContext, CancellationToken, Task<bool>> condition)
    {
        var ct = TestContext.Current.CancellationToken;
        using var listener = Get<EventSignal>().Listen();
        while (!await ReadAsync(condition))
        {
            await listener.WaitAsync(TimeSpan.FromSeconds(1), TimeProvider.System, ct);
        }
    }

    /// <summary>Waits until the agent has printed a line.</summary>
    public Task UntilSaidAsync(long run, string line) => UntilAsync((db, ct) => db.RunEvents.AnyAsync(e => e.RunId == run && e.Text == line, ct));

    /// <summary>How a run ended, where its item stands, and that nothing of it is left on the machine.</summary>
    public async Task AssertEndedAsync(RunDetailDto run, RunEndReason reason, WorkItemState item)
    {
        Assert.True(run.Run.EndReason == reason, $"{run.Run.State} {run.Run.EndReason}: {run.Run.EndDetail}");
        Assert.Equal(RunState.Ended, run.Run.State);
        Assert.Equal(item, (await ItemAsync()).State);
        Assert.Single(run.History, h => h.Action == "run." + ManagerJson.Name(reason));
        await AssertNothingLeftAsync(run);
        if (reason != RunEndReason.Completed)
        {
            Assert.Null(run.Run.Branch);
            Assert.Equal("main", await Project.GitAsync(TestContext.Current.CancellationToken, "for-each-ref", "--format=%(refname:short)"));
        }
    }

    public async Task AssertNothingLeftAsync(RunDetailDto run)
    {
        Assert.False(Directory.Exists(Data.RunDirectory(run.Run.Id)), "The workspace is still there.");
        Assert.Empty(Processes());
        Assert.All(await ReadAsync((db, ct) => db.RunProcesses.Where(p => p.RunId == run.Run.Id).ToListAsync(ct)), p => Assert.NotNull(p.EndedAt));
        Assert.Null(await ReadAsync((db, ct) => db.Runs.Where(r => r.Id == run.Run.Id).Select(r => r.LeaseOwner).SingleAsync(ct)));
        Assert.Equal("", await Project.GitAsync(TestContext.Current.CancellationToken, "status", "--porcelain"));
        Assert.Equal("main", await Project.GitAsync(TestContext.Current.CancellationToken, "symbolic-ref", "--short", "HEAD"));
    }

    /// <summary>Processes that carry the marker of a run of this ground.</summary>
    public IReadOnlyList<int> Processes()
    {
        var found = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc").Where(d => Path.GetFileName(d).All(char.IsAsciiDigit)))
        {
            try
            {
                if (File.ReadAllText(Path.Combine(directory, "environ")).Contains(Boot, StringComparison.Ordinal))
                {
                    found.Add(int.Parse(Path.GetFileName(directory), System.Globalization.CultureInfo.InvariantCulture));
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile, or is another user's.
            }
        }

        return found;
    }

    /// <summary>Paths that a published branch changes against <c>main</c>'s base of it.</summary>
    public async Task<IReadOnlyList<string>> PublishedPathsAsync(RunDetailDto run)
    {
        Assert.NotNull(run.Run.Branch);
        var ct = TestContext.Current.CancellationToken;
        Assert.Equal(run.BaseCommit, await Project.GitAsync(ct, "rev-parse", run.Run.Branch + "^"));
        return (await Project.GitAsync(ct, "diff", "--name-only", run.BaseCommit, run.Run.Branch)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>git in the service's own object store of the repository.</summary>
    public async Task<GitResult> StoreGitAsync(RunDetailDto run, params string[] arguments)
        => await GitCommand.TryAsync(Data.ObjectStore(run.Run.RepositoryId), arguments, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await Project.DisposeAsync();
        await _store.DisposeAsync();
        _directory.Dispose();
    }

    internal static T Good<T>(Outcome<T> outcome)
    {
        Assert.True(outcome.Refusal is null, outcome.Refusal?.Message);
        return outcome.Value!;
    }
}

/// <summary>The system's clock, moved on at will: waiting times pass without anybody waiting, while timers run as ever.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    private long _ticks;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public void Skip(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
