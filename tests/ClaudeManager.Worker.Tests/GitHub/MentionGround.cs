using System.Net.Http.Headers;
using System.Net.Http.Json;
using ClaudeManager.Core;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Agents.Mention;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Repositories;
using ClaudeManager.Worker.Tests.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using GitHubComment = ClaudeManager.Tests.Shared.GitHub.GitHubComment;
using GitHubIssue = ClaudeManager.Tests.Shared.GitHub.GitHubIssue;

namespace ClaudeManager.Worker.Tests.GitHub;

/// <summary>
/// The service's real parts and a loopback GitHub, where <c>helper</c> (or its App's bot) answers to a mention on <c>acme/manager</c> with a pull request to <c>acme/app</c>; <c>mallory</c> may do the
/// same. One item is approved for <c>mention</c>.
/// </summary>
internal sealed class MentionGround : IAsyncDisposable
{
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly TestStore _store;
    private readonly TemporaryDirectory _directory;
    private readonly StartupSettings _settings;
    private ServiceProvider _services;

    private MentionGround(TestStore store, LoopbackGitHub github, ShiftedTime time, string handle)
    {
        (_store, GitHub, Time, _directory) = (store, github, time, new TemporaryDirectory());
        foreach (var repository in new[] { "acme/manager", "acme/app" })
        {
            github.Repository(repository).Collaborator("service", GitHubRole.Write).Collaborator("helper", GitHubRole.Write).Collaborator("mallory", GitHubRole.Write);
            github.User("helper[bot]", GitHubUserType.Bot);
            github.Repository(repository).Collaborator("helper[bot]", GitHubRole.Write);
        }

        _settings = new StartupSettings
        {
            Data = new DataDirectory(_directory.Combine("data")),
            Store = store.Target,
            Configuration = ManagerConfiguration.Default with
            {
                GitHub = new GitHubConfiguration { BaseUrl = github.BaseAddress, ManagerRepo = "acme/manager" },
                Executor = new ExecutorConfiguration { DefaultExecutor = MentionRunner.Name, TerragonUsername = handle, Sandbox = "off" },
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

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public LoopbackGitHub GitHub { get; }

    public ShiftedTime Time { get; }

    public GitHubIssue Issue => Assert.Single(GitHub.Repository("acme/manager").Issues);

    public GitHubComment Mention => Assert.Single(Issue.Comments, c => c.Author?.Login == "service");

    /// <summary>With the item's run in the queue.</summary>
    public static async Task<MentionGround> StartAsync(string handle = "@helper", string provider = "sqlite")
    {
        var time = new ShiftedTime();
        var store = await TestStore.CreateAsync(provider, Ct, time);
        Assert.SkipWhen(store is null, $"{TestStore.PostgresVariable} names no PostgreSQL server.");
        var ground = new MentionGround(store, await LoopbackGitHub.StartAsync(Ct, time), time, handle);
        var app = ground.GitHub.Repository("acme/app");
        var commit = await app.CommitAsync("First", [("README.md", "# Sums\n")], Ct);
        var id = await ground.WriteAsync(async (tx, ct) =>
        {
            var repository = new RepositoryEntity
            {
                Name = "acme/app",
                Location = "acme/app",
                Kind = RepositoryKind.GitHub,
                GitHubId = app.Id,
                DefaultBranch = "main",
                Accepted = true,
                ScannedCommit = commit,
                CreatedAt = tx.Now,
                UpdatedAt = tx.Now,
            };
            tx.Db.Repositories.Add(repository);
            await tx.Db.SaveChangesAsync(ct);
            var item = new WorkItemEntity
            {
                RepositoryId = repository.Id,
                Fingerprint = new string('f', 64),
                Title = "Add both numbers",
                Body = "Ask @mallory, see #7.\n```\n- - -",
                State = WorkItemState.Proposed,
                ScoreTerms = "[]",
                Labels = System.Text.Json.JsonSerializer.Serialize<string[]>([GitHubGateway.ProposalLabel]),
                CorrelationId = tx.Operation.CorrelationId,
                CreatedAt = tx.Now,
            };
            WorkItemStateMachine.Touch(tx, item);
            tx.Db.WorkItems.Add(item);
            await tx.Db.SaveChangesAsync(ct);
            return item.Id;
        });
        await ground.PostAsync();
        var items = ground.Get<WorkItemService>();
        var preview = RunGround.Good(await items.PreviewApprovalAsync(id, MentionRunner.Name, Ct));
        RunGround.Good(await items.ApproveAsync(TestStore.Operation, id, new ApproveRequest(preview.Version, preview.PromptSha256, MentionRunner.Name), Ct));
        return ground;
    }

    public T Get<T>()
        where T : notnull
        => _services.GetRequiredService<T>();

    /// <summary>Carries out what is due, until nothing is.</summary>
    public async Task PostAsync()
    {
        while (true)
        {
            while (await Get<OutboxDispatcher>().DispatchAsync(TestStore.Operation, Ct))
            {
            }

            var next = await ReadAsync((db, ct) => db.Outbox.Where(o => o.State == OutboxStates.Pending).OrderBy(o => o.NotBefore).Select(o => o.NotBefore).FirstOrDefaultAsync(ct));
            if (next is null)
            {
                return;
            }

            SkipTo(next.Value);
        }
    }

    /// <summary>The next look, at its time.</summary>
    public async Task<RunEntity> LookAsync()
    {
        var run = await RunAsync();
        if (run.NotBefore is { } next)
        {
            SkipTo(next);
        }

        if (run.State == RunState.Parked && _store.Target is StoreTarget.Postgres)
        {
            // Whose clock nobody can skip: a person asks for it.
            RunGround.Good(await Get<RunService>().AgainAsync(TestStore.Operation, run.Id, resume: true, Ct));
        }

        var claim = await ClaimAsync();
        Assert.NotNull(claim);
        await Get<RunExecutor>().ExecuteAsync(TestStore.Operation, claim, Ct);
        return await RunAsync();
    }

    public async Task<ClaimedRun?> ClaimAsync()
        => (await Get<RunQueue>().ClaimAsync(TestStore.Operation, Get<InstanceIdentity>().BootId, 1, name => Get<AgentCatalog>().Find(name) is not null, [], Ct)).SingleOrDefault();

    /// <summary>Until the mention stands on the issue and has been seen there.</summary>
    public async Task<RunEntity> MentionedAsync()
    {
        await LookAsync();
        await PostAsync();
        return await LookAsync();
    }

    public Task<RunEntity> RunAsync() => ReadAsync((db, ct) => db.Runs.Include(r => r.WorkItem).SingleAsync(ct));

    public Task<List<string>> StagesAsync() => ReadAsync((db, ct) => db.RunEvents.Where(e => e.Kind == "stage").OrderBy(e => e.Seq).Select(e => e.Text).ToListAsync(ct));

    /// <summary>What is left after <c>kill -9</c>: the store and GitHub.</summary>
    public async Task RestartAsync()
    {
        await _services.DisposeAsync();
        Time.Skip(OutboxDispatcher.LeaseDuration + TimeSpan.FromSeconds(1));
        _services = Start();
    }

    /// <summary>What people do to issues, found and decided on.</summary>
    public Task PollAsync()
    {
        var poll = Get<ProposalPoll>();
        Time.Skip(poll.Interval);
        return poll.PollAsync(TestStore.Operation, Ct);
    }

    public Task EditMentionAsync(string body) => AsAsync("service", HttpMethod.Patch, $"repos/acme/manager/issues/comments/{Mention.Id}", new { body });

    public Task DeleteMentionAsync() => AsAsync("service", HttpMethod.Delete, $"repos/acme/manager/issues/comments/{Mention.Id}", new { });

    public Task ReactAsync(string login) => AsAsync(login, HttpMethod.Post, $"repos/acme/manager/issues/comments/{Mention.Id}/reactions", new { content = "eyes" });

    public async Task OpenPullRequestAsync(string login, string branch = "sums")
    {
        await GitHub.Repository("acme/app").CommitAsync("Add both numbers", [("sums.md", branch)], Ct, branch);
        await AsAsync(login, HttpMethod.Post, "repos/acme/app/pulls", new { title = "Add both numbers", head = branch, @base = "main", body = $"Closes acme/manager#{Issue.Number}" });
    }

    public Task<T> ReadAsync<T>(Func<ManagerDbContext, CancellationToken, Task<T>> read) => _store.Store.ReadAsync(read, Ct);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await GitHub.DisposeAsync();
        await _store.DisposeAsync();
        _directory.Dispose();
        _http.Dispose();
    }

    private Task<T> WriteAsync<T>(Func<StoreTransaction, CancellationToken, Task<T>> write) => _store.Store.WriteAsync(TestStore.Operation, write, Ct);

    private void SkipTo(DateTimeOffset time)
    {
        if (time - Time.GetUtcNow() + TimeSpan.FromSeconds(1) is { Ticks: > 0 } left)
        {
            Time.Skip(left);
        }
    }

    private async Task AsAsync(string login, HttpMethod method, string path, object body)
    {
        using var request = new HttpRequestMessage(method, new Uri(GitHub.BaseAddress, path)) { Content = JsonContent.Create(body) };
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("tests", "1"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", GitHub.Token(login));
        using var answer = await _http.SendAsync(request, Ct);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Ct));
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
