using System.Net;
using System.Net.Sockets;
using ClaudeManager.Api;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Runs;
using ClaudeManager.ServiceDefaults;
using ClaudeManager.Web;
using ClaudeManager.Worker;
using Microsoft.AspNetCore.DataProtection;

namespace ClaudeManager.Cli.Start;

/// <param name="Ownership">Of the data directory; the host gives it up when it has stopped.</param>
internal sealed record AllInOneOptions(StartupSettings Startup, DataDirectoryLock Ownership, LogLevel LogLevel)
{
    /// <summary>Claims and runs approved work, scans on schedule, reaps.</summary>
    public bool Runs { get; init; }

    /// <summary>Carries out on GitHub what was decided, and nothing else; <see cref="Runs"/> does too.</summary>
    public bool Effects { get; init; }

    /// <summary>Where the dashboard listens; null for none.</summary>
    public IPEndPoint? Dashboard { get; init; }

    /// <summary>Takes the next free port where the dashboard's is taken.</summary>
    public bool AnyPort { get; init; }
}

/// <summary>
/// Api, Worker and Web in one process. Api and Worker share one container (one limiter, one wake-up, one context factory); Web has its own
/// and reaches Api as it would anywhere, over HTTP. What a process has once is made once: telemetry and log pipeline belong to the
/// first, signals to <see cref="TerminationSignals"/>, and the schema is up to date before anything starts.
/// </summary>
internal sealed class AllInOneHost : IAsyncDisposable
{
    private const int PortsTried = 50;

    private readonly AllInOneOptions _options;
    private readonly List<WebApplication> _started = [];
    private bool _published;

    private AllInOneHost(AllInOneOptions options) => _options = options;

    /// <summary>Where this process's Api answers.</summary>
    public Uri ApiAddress { get; private set; } = null!;

    /// <summary>Where people and other processes are to go.</summary>
    public Uri Address { get; private set; } = null!;

    public static async Task<AllInOneHost> StartAsync(AllInOneOptions options, CancellationToken ct)
    {
        var host = new AllInOneHost(options);
        try
        {
            await host.StartAsync(ct).ConfigureAwait(false);
            return host;
        }
        catch
        {
            await host.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends when a host stops by itself, which none does while all is well.</summary>
    public Task WaitForFailureAsync(CancellationToken ct) => Task.WhenAny(_started.Select(app => app.WaitForShutdownAsync(ct)));

    public async ValueTask DisposeAsync()
    {
        if (_published)
        {
            File.Delete(_options.Startup.Data.ServerFile);
        }

        // The last one first: Web is gone before the Api it talks to.
        foreach (var app in Enumerable.Reverse(_started))
        {
            await app.StopAsync(CancellationToken.None).ConfigureAwait(false);
            await app.DisposeAsync().ConfigureAwait(false);
        }

        _options.Ownership.Dispose();
    }

    private async Task StartAsync(CancellationToken ct)
    {
        // First of all, so that a taken port is known before anything has begun.
        var dashboard = _options.Dashboard is { } wanted ? FindFree(wanted) : null;
        var core = CreateCore();
        _started.Add(core);
        // Built beside the store's preparation: on a cold start both are mostly compilation, and there is more than one core.
        var web = dashboard is not null ? Task.Run(() => CreateWeb(dashboard, core.Services.GetRequiredService<ILoggerFactory>()), ct) : null;
        await core.Services.PrepareManagerAsync(migrate: true, ct).ConfigureAwait(false);
        await core.StartAsync(ct).ConfigureAwait(false);
        ApiAddress = AddressOf(core);
        Address = web is not null ? await StartWebAsync(await web.ConfigureAwait(false), ct).ConfigureAwait(false) : ApiAddress;

        // A command that only reads is gone too soon to be found by others.
        if (_options.Runs)
        {
            _published = true;
            await ServerFile.OfThisProcess(Address).WriteAsync(_options.Startup.Data, ct).ConfigureAwait(false);
        }
    }

    private IPEndPoint FindFree(IPEndPoint wanted)
    {
        var ports = _options.AnyPort ? Enumerable.Range(wanted.Port, PortsTried) : [wanted.Port];
        return ports.Where(port => port <= IPEndPoint.MaxPort).Select(port => new IPEndPoint(wanted.Address, port)).FirstOrDefault(IsFree)
            ?? throw new CommandFailedException(ExitCode.Unavailable, $"Port {wanted.Port} is taken. Choose another with --port, or the next free one with --any-port.");
    }

    private static bool IsFree(IPEndPoint endpoint)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endpoint);
            return true;
        }
        catch (SocketException fault) when (fault.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }

    private WebApplication CreateCore()
    {
        var builder = CreateBuilder(new IPEndPoint(IPAddress.Loopback, 0));
        builder.Logging.ClearProviders().SetMinimumLevel(_options.LogLevel);
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
        });
        builder.Logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (_options.LogLevel == LogLevel.Information)
        {
            builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning).AddFilter("Yarp", LogLevel.Warning).AddFilter("Polly", LogLevel.Warning);
        }

        // Says only that the key ring in the data directory is plain files; so is everything else that protects it there.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection.KeyManagement.XmlKeyManager", LogLevel.Error);
        builder.AddServiceDefaults();
        // Only a store inside the directory is ours alone with the lock; a PostgreSQL may serve others on this machine.
        var ownership = new DataDirectoryOwnership(Exclusive: _options.Startup.Store is StoreTarget.Sqlite);
        builder.Services.AddManagerCore(_options.Startup, InstanceIdentity.Create(_options.Runs ? "all-in-one" : "cli", TimeProvider.System), ownership);
        builder.AddApi();
        if (_options.Runs)
        {
            builder.AddWorker();
        }
        else if (_options.Effects)
        {
            builder.AddOutbox();
        }

        var app = builder.Build();
        app.MapDefaultEndpoints();
        app.MapApi();
        return app;
    }

    private async Task<Uri> StartWebAsync(WebApplication web, CancellationToken ct)
    {
        _started.Add(web);
        await web.StartAsync(ct).ConfigureAwait(false);
        return AddressOf(web);
    }

    private WebApplication CreateWeb(IPEndPoint endpoint, ILoggerFactory logging)
    {
        var builder = CreateBuilder(endpoint);
        builder.Services.AddSingleton(logging);
        builder.AddServiceDefaults(telemetry: false);
        builder.Services.AddDataProtection().SetApplicationName("claude-manager").PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(_options.Startup.Data.Root, "keys")));
        builder.AddWeb(new WebSettings(() => ApiAddress));

        var app = builder.Build();
        app.MapDefaultEndpoints();
        app.MapWeb();
        return app;
    }

    private static WebApplicationBuilder CreateBuilder(IPEndPoint endpoint)
    {
        // The content root is where the program lies, not where it was started: published assets are found there. How ASP.NET
        // behaves does not depend on the machine's environment variables; how the product behaves is configuration.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, EnvironmentName = Environments.Production });
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(endpoint));
        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
        return builder;
    }

    private static Uri AddressOf(WebApplication app) => new(app.Urls.Single());

    /// <summary>The default lifetime would listen for signals in each host; whoever starts this one says when it ends.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
