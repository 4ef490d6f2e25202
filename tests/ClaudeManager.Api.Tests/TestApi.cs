using ClaudeManager.Api.Operations;
using ClaudeManager.Core;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Runs;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Api.Tests;

/// <summary>The real Api on a free loopback port, over a store of its own, without a worker: what is queued stays queued.</summary>
internal sealed class TestApi : IAsyncDisposable
{
    /// <summary>An agent that is there.</summary>
    public const string Agent = "command:test";

    /// <summary>One whose program is not installed.</summary>
    public const string MissingAgent = "command:missing";

    private readonly WebApplication _app;
    private readonly TemporaryDirectory _directory;
    private readonly List<TestRepository> _repositories = [];

    private TestApi(WebApplication app, TemporaryDirectory directory)
    {
        (_app, _directory) = (app, directory);
        Http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.Single()) };
        Client = new ManagerApiClient(Http);
    }

    public HttpClient Http { get; }

    public ManagerApiClient Client { get; }

    public string DatabaseFile => Get<DataDirectory>().DatabaseFile;

    /// <summary>Everything that answers, whatever its address.</summary>
    public IReadOnlyList<RouteEndpoint> AllEndpoints => [.. Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()];

    /// <summary>Every endpoint of <c>/api/v1</c>.</summary>
    public IReadOnlyList<RouteEndpoint> Endpoints
        => [.. AllEndpoints.Where(e => e.RoutePattern.RawText!.StartsWith("/api/v1/", StringComparison.Ordinal))];

    public static async Task<TestApi> StartAsync(Func<ManagerConfiguration, ManagerConfiguration>? configure = null, Authentication? authenticate = null)
    {
        var ct = TestContext.Current.CancellationToken;
        var directory = new TemporaryDirectory();
        var data = new DataDirectory(directory.Combine("data"));
        var configuration = ManagerConfiguration.Default with
        {
            Executor = new ExecutorConfiguration
            {
                DefaultExecutor = Agent,
                Sandbox = "off",
                Commands = new Dictionary<string, CommandAgentConfiguration>
                {
                    ["test"] = new() { Program = "sh", Args = ["-c", "true"] },
                    ["missing"] = new() { Program = "no-such-program-anywhere" },
                },
            },
        };
        var settings = new StartupSettings
        {
            Data = data,
            Store = new StoreTarget.Sqlite(data.DatabaseFile),
            Configuration = configure?.Invoke(configuration) ?? configuration,
            Report = new ConfigurationReport([]),
            ConfigurationFile = null,
            Model = new ModelCredentials(null, null, ModelCredentials.Anthropic),
            GitHubToken = null,
            MasterKey = null,
            KnownSecrets = [],
        };
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, EnvironmentName = Environments.Production });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddManagerCore(settings, InstanceIdentity.Create("api", TimeProvider.System), new DataDirectoryOwnership(Exclusive: true));
        builder.AddApi();
        if (authenticate is not null)
        {
            builder.Services.AddSingleton(authenticate);
        }

        var app = builder.Build();
        app.MapApi();
        await app.Services.PrepareManagerAsync(migrate: true, ct);
        await app.StartAsync(ct);
        return new TestApi(app, directory);
    }

    public T Get<T>()
        where T : notnull
        => _app.Services.GetRequiredService<T>();

    public async Task<TestRepository> NewRepositoryAsync(params (string Path, string Content)[] files)
    {
        var repository = await TestRepository.CreateAsync(TestContext.Current.CancellationToken, files);
        _repositories.Add(repository);
        return repository;
    }

    /// <summary>A registered and scanned repository whose findings are proposed.</summary>
    public async Task<(TestRepository Files, RepositoryDto Repository)> ProposedAsync(params (string Path, string Content)[] files)
    {
        var ct = TestContext.Current.CancellationToken;
        var made = await NewRepositoryAsync(files);
        var added = await Client.AddRepositoryAsync(new AddRepositoryRequest(made.Path, Propose: true), ct);
        Assert.Null((await Client.ScanRepositoryAsync(added.Id, full: false, propose: null, ct)).Error);
        return (made, await Client.GetRepositoryAsync(added.Id, ct));
    }

    /// <summary>The one item of a repository with one TODO.</summary>
    public async Task<WorkItemDto> ItemAsync()
    {
        await ProposedAsync(("a.py", "# TODO: tidy up\nx = 1\n"));
        return await OnlyAsync();
    }

    public async Task<WorkItemDto> OnlyAsync() => Assert.Single((await Client.ListWorkItemsAsync([], null, null, null, 0, 50, TestContext.Current.CancellationToken)).Items);

    /// <summary>Approves an item as a person would who has just seen it.</summary>
    public async Task<WorkItemDetailDto> ApproveAsync(long item, Func<ApproveRequest, ApproveRequest>? change = null)
    {
        var ct = TestContext.Current.CancellationToken;
        var preview = await Client.PreviewApprovalAsync(item, null, ct);
        var request = new ApproveRequest(preview.Version, preview.PromptSha256);
        return await Client.ApproveAsync(item, change?.Invoke(request) ?? request, ct);
    }

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        foreach (var repository in _repositories)
        {
            await repository.DisposeAsync();
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _directory.Dispose();
    }
}
