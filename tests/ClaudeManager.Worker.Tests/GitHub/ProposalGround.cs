using ClaudeManager.Core;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.Tests.GitHub;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using GitHubIssue = ClaudeManager.Tests.Shared.GitHub.GitHubIssue;

namespace ClaudeManager.Worker.Tests.GitHub;

/// <summary>
/// The service's real parts, a store, and a loopback GitHub with the manager repository <c>acme/manager</c>: <c>service</c> is our account, <c>alice</c> may write, <c>trudy</c> has the role of triage,
/// <c>rita</c> reads. Waits are over at once.
/// </summary>
internal sealed class ProposalGround : IAsyncDisposable
{
    public const string Manager = "acme/manager";

    private readonly string _provider;
    private readonly TemporaryDirectory _directory;
    private TestStore _store;
    private StartupSettings _settings;
    private ServiceProvider _services;

    private ProposalGround(string provider, TestStore store, TemporaryDirectory directory, LoopbackGitHub github, SkippingTime time, string grouping)
    {
        (_provider, _store, _directory, GitHub, Time) = (provider, store, directory, github, time);
        github.Repository(Manager).Collaborator("service", GitHubRole.Write).Collaborator("alice", GitHubRole.Write).Collaborator("trudy", GitHubRole.Triage).Collaborator("rita", GitHubRole.Read);
        github.User("robot", GitHubUserType.Bot);
        github.Repository(Manager).Collaborator("robot", GitHubRole.Write);
        _settings = new StartupSettings
        {
            Data = new DataDirectory(directory.Combine("data")),
            Store = store.Target,
            Configuration = ManagerConfiguration.Default with
            {
                GitHub = new GitHubConfiguration { BaseUrl = github.BaseAddress, ManagerRepo = Manager },
                Analyzer = new AnalyzerConfiguration { GroupProposals = grouping },
                Executor = new ExecutorConfiguration
                {
                    DefaultExecutor = "command:test",
                    Sandbox = "off",
                    Commands = new Dictionary<string, CommandAgentConfiguration> { ["test"] = new() { Program = "sh", Args = ["-c", "true"] } },
                },
            },
            Report = new ConfigurationReport([]),
            ConfigurationFile = null,
            Model = new ModelCredentials(null, null, ModelCredentials.Anthropic),
            GitHubToken = new SecretString(github.Token("service")),
            MasterKey = null,
            KnownSecrets = [],
        };
        _services = Start();
    }

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public LoopbackGitHub GitHub { get; }

    public SkippingTime Time { get; }

    public GitHubRepository Repository => GitHub.Repository(Manager);

    /// <summary>The one issue there is.</summary>
    public GitHubIssue Issue => Assert.Single(Repository.Issues);

    /// <param name="provider">A PostgreSQL server measures leases and write slots by a clock of its own, which does not skip: what waits for one of those is a test of SQLite.</param>
    /// <returns>Skips the test where there is no such database.</returns>
    public static async Task<ProposalGround> StartAsync(string provider = "sqlite", string grouping = ProposalGroups.None)
    {
        var time = new SkippingTime();
        var store = await TestStore.CreateAsync(provider, Ct, time);
        Assert.SkipWhen(store is null, $"{TestStore.PostgresVariable} is not set.");
        return new ProposalGround(provider, store, new TemporaryDirectory(), await LoopbackGitHub.StartAsync(Ct, time), time, grouping);
    }

    public T Get<T>()
        where T : notnull
        => _services.GetRequiredService<T>();

    /// <summary>What is left after <c>kill -9</c>: the store and GitHub. Leases of the dead have run out.</summary>
    public async Task RestartAsync()
    {
        await _services.DisposeAsync();
        Time.Advance(OutboxDispatcher.LeaseDuration + TimeSpan.FromSeconds(1));
        _services = Start();
    }

    /// <summary>What a job has that starts with an empty data directory: GitHub, and nothing else.</summary>
    public async Task ForgetAsync()
    {
        await _services.DisposeAsync();
        await _store.DisposeAsync();
        _store = (await TestStore.CreateAsync(_provider, Ct, Time))!;
        _settings = _settings with { Store = _store.Target, Data = new DataDirectory(_directory.Combine("another")) };
        _services = Start();
    }

    /// <summary>Commits, scans, and carries out what follows.</summary>
    public async Task ScanAsync(params (string Path, string? Text)[] files)
    {
        if (files.Length > 0)
        {
            await GitHub.Repository("acme/app").Collaborator("service", GitHubRole.Write).CommitAsync("Change", files, Ct);
        }

        var known = await ReadAsync((db, ct) => db.Repositories.Select(r => (long?)r.Id).FirstOrDefaultAsync(ct));
        var id = known ?? RunGround.Good(await Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest("acme/app", Propose: true), Ct)).Id;
        Assert.Null(RunGround.Good(await Get<ScanService>().ScanAsync(TestStore.Operation, id, full: false, propose: null, Ct)).Error);
        await DrainAsync();
        Time.Advance(TimeSpan.FromMinutes(1));
    }

    /// <summary>A repository with one TODO, scanned and proposed.</summary>
    public async Task<GitHubIssue> ScannedAsync(bool first = true)
    {
        if (first)
        {
            var app = GitHub.Repository("acme/app").Collaborator("service", GitHubRole.Write);
            await app.CommitAsync("First", [("src/sum.sh", "#!/bin/sh\n# TODO: add both numbers\necho 0\n")], Ct);
        }

        var repository = RunGround.Good(await Get<RepositoryRegistry>().AddAsync(TestStore.Operation, new AddRepositoryRequest("acme/app", Propose: true), Ct));
        Assert.Null(RunGround.Good(await Get<ScanService>().ScanAsync(TestStore.Operation, repository.Id, full: false, propose: null, Ct)).Error);
        await DrainAsync();
        Time.Advance(TimeSpan.FromMinutes(1));
        return Issue;
    }

    /// <summary>A proposal of a repository on GitHub, as a scan leaves it.</summary>
    public async Task<WorkItemEntity> ProposeAsync(string text = "add both numbers", params string[] labels)
        => await WriteAsync(async (tx, ct) =>
        {
            var repository = await tx.Db.Repositories.FirstOrDefaultAsync(r => r.Location == "acme/app", ct);
            if (repository is null)
            {
                repository = new RepositoryEntity
                {
                    Name = "acme/app",
                    Location = "acme/app",
                    Kind = RepositoryKind.GitHub,
                    GitHubId = 4711,
                    DefaultBranch = "main",
                    Accepted = true,
                    ScannedCommit = new string('a', 40),
                    CreatedAt = tx.Now,
                    UpdatedAt = tx.Now,
                };
                tx.Db.Repositories.Add(repository);
                await tx.Db.SaveChangesAsync(ct);
            }

            var item = new WorkItemEntity
            {
                RepositoryId = repository.Id,
                Fingerprint = Guid.CreateVersion7().ToString("N") + Guid.CreateVersion7().ToString("N"),
                Title = $"Address TODO in src/{text.Length}.sh:2",
                Body = $"A `TODO` comment asks for work: `{text}`\n\n**Repository:** acme/app",
                State = WorkItemState.Proposed,
                ScoreTerms = "[]",
                Labels = System.Text.Json.JsonSerializer.Serialize<string[]>([GitHubGateway.ProposalLabel, .. labels]),
                CorrelationId = tx.Operation.CorrelationId,
                CreatedAt = tx.Now,
            };
            WorkItemStateMachine.Touch(tx, item);
            tx.Db.WorkItems.Add(item);
            await tx.Db.SaveChangesAsync(ct);
            return item;
        });

    /// <summary>The same with its issue filed.</summary>
    public async Task<(WorkItemEntity Item, GitHubIssue Issue)> ProposedAsync(params string[] labels)
    {
        var item = await ProposeAsync("add both numbers", labels);
        await DrainAsync();
        Time.Advance(TimeSpan.FromMinutes(1));
        return (item, Repository.IssueNumbered((await ProposalAsync(item.Id))!.Number)!);
    }

    /// <summary>Carries out what is due, until nothing is.</summary>
    public Task DrainAsync() => Drain.AllAsync(_services, Time, Ct);

    /// <summary>The next round of the poll, and what it decides is carried out.</summary>
    public async Task PollAsync()
    {
        Time.Advance(Get<ProposalPoll>().Interval);
        await Get<ProposalPoll>().PollAsync(TestStore.Operation, Ct);
        await DrainAsync();
    }

    public Task MoveAsync(long itemId, WorkItemState to, string? reason = null, Action<WorkItemEntity>? change = null)
        => WriteAsync(async (tx, ct) =>
        {
            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == itemId, ct);
            change?.Invoke(item);
            if (item.State == to)
            {
                WorkItemStateMachine.Touch(tx, item);
            }
            else
            {
                WorkItemStateMachine.Move(tx, item, to, reason);
            }

            return true;
        });

    /// <summary>As if its run had been claimed.</summary>
    public Task RunAsync(long itemId)
        => WriteAsync(async (tx, ct) =>
        {
            var run = await tx.Db.Runs.AsTracking().SingleAsync(r => r.WorkItemId == itemId && r.State == RunState.Queued, ct);
            run.LeaseOwner = "somebody";
            Core.Runs.RunStateMachine.Move(tx, run, RunState.Preparing);
            WorkItemStateMachine.Move(tx, await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == itemId, ct), WorkItemState.Running, null);
            return true;
        });

    public Task<WorkItemEntity> ItemAsync(long id) => ReadAsync((db, ct) => db.WorkItems.SingleAsync(w => w.Id == id, ct));

    public Task<ProposalIssueEntity?> ProposalAsync(long id) => ReadAsync((db, ct) => db.ProposalIssues.FirstOrDefaultAsync(p => p.WorkItemId == id, ct));

    public Task<ApprovalEntity> ApprovalAsync(long id) => ReadAsync((db, ct) => db.Approvals.OrderByDescending(a => a.Id).FirstAsync(a => a.WorkItemId == id, ct));

    public Task<List<OutboxEntity>> OutboxAsync() => ReadAsync((db, ct) => db.Outbox.OrderBy(o => o.Id).ToListAsync(ct));

    public Task<T> ReadAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read) => _store.Store.ReadAsync(read, Ct);

    public Task<T> WriteAsync<T>(Func<StoreTransaction, CancellationToken, Task<T>> write) => _store.Store.WriteAsync(TestStore.Operation, write, Ct);

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
        services.AddManagerCore(_settings, InstanceIdentity.Create("worker", TimeProvider.System), new DataDirectoryOwnership(Exclusive: true));
        return services.BuildServiceProvider();
    }
}
