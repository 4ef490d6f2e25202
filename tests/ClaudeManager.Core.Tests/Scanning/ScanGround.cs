using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ClaudeManager.Core.Tests.Scanning;

/// <summary>The scan service and the registry over a real store in a temporary folder.</summary>
internal sealed class ScanGround : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ServiceProvider _services;

    private ScanGround(ManagerConfiguration configuration, IReadOnlyList<IScanner> scanners)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddManagerStore(new StoreTarget.Sqlite(_directory.Combine("test.db")));
        services.AddSingleton(new CurrentConfiguration(configuration));
        services.AddSingleton(new DataDirectory(_directory.Combine("data")));
        services.AddSingleton(InstanceIdentity.Create("test", TimeProvider.System));
        services.AddMetrics();
        services.AddSingleton<InstanceRegistry>();
        services.AddRateLimiting(new RedisConfiguration());
        services.AddGitHub(token: null);
        services.AddSingleton<RepositorySource>();
        foreach (var scanner in scanners)
        {
            services.AddSingleton(scanner);
        }

        services.AddSingleton<ScanService>();
        services.AddSingleton<RepositoryRegistry>();
        _services = services.BuildServiceProvider();
        Store = _services.GetRequiredService<Store>();
        Configuration = _services.GetRequiredService<CurrentConfiguration>();
        Scans = _services.GetRequiredService<ScanService>();
        Registry = _services.GetRequiredService<RepositoryRegistry>();
    }

    public Store Store { get; }

    public CurrentConfiguration Configuration { get; }

    public ScanService Scans { get; }

    public RepositoryRegistry Registry { get; }

    public OperationContext Operation { get; } = OperationContext.Create("test", "tester");

    public static async Task<ScanGround> CreateAsync(CancellationToken ct, ManagerConfiguration? configuration = null, params IReadOnlyList<IScanner> scanners)
    {
        var ground = new ScanGround(configuration ?? ManagerConfiguration.Default, scanners.Count == 0 ? [new TodoCommentsScanner()] : scanners);
        await ground._services.GetRequiredService<DatabaseAdministration>().MigrateAsync(ct);
        return ground;
    }

    public async Task<long> AddAsync(TestRepository repository, CancellationToken ct, bool propose = true)
    {
        var added = await Registry.AddAsync(Operation, new Contracts.AddRepositoryRequest(repository.Path, Propose: propose), ct);
        Assert.Null(added.Refusal);
        return added.Value!.Id;
    }

    public async Task<Contracts.ScanResultDto> ScanAsync(long id, CancellationToken ct, bool full = false, bool? propose = null)
    {
        var scanned = await Scans.ScanAsync(Operation, id, full, propose, ct);
        Assert.Null(scanned.Refusal);
        return scanned.Value!;
    }

    /// <summary>Rows of every table a scan could write.</summary>
    public Task<int> CountRowsAsync(CancellationToken ct)
        => Store.ReadAsync(async (db, token) => await db.Repositories.CountAsync(token) + await db.Findings.CountAsync(token) + await db.Scans.CountAsync(token) + await db.WorkItems.CountAsync(token) + await db.AuditEntries.CountAsync(token) + await db.Events.CountAsync(token), ct);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _directory.Dispose();
    }
}
