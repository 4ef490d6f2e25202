using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.RateLimiting;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Tests.Shared.Faults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ClaudeManager.Tests.Shared.Persistence;

/// <summary>A store of one's own, migrated: a SQLite file, or a database on the throw-away server that <c>eng/test.sh</c> starts.</summary>
public sealed class TestStore : IAsyncDisposable
{
    /// <summary>Connection string of a PostgreSQL server where databases may be made.</summary>
    public const string PostgresVariable = "CM_TEST_POSTGRES";

    private readonly ServiceProvider _services;
    private readonly Func<Task> _drop;

    private TestStore(ServiceProvider services, StoreTarget target, Func<Task> drop) => (_services, Target, _drop) = (services, target, drop);

    public static OperationContext Operation { get; } = OperationContext.Create("test", "local:tester");

    public StoreTarget Target { get; }

    public Store Store => _services.GetRequiredService<Store>();

    public EventSignal Signal => _services.GetRequiredService<EventSignal>();

    public DatabaseAdministration Administration => _services.GetRequiredService<DatabaseAdministration>();

    public IDbContextFactory<ManagerDbContext> Contexts => _services.GetRequiredService<IDbContextFactory<ManagerDbContext>>();

    public CurrentConfiguration Configuration => _services.GetRequiredService<CurrentConfiguration>();

    public ApprovalSeal Seal => _services.GetRequiredService<ApprovalSeal>();

    public RunQueue Queue => _services.GetRequiredService<RunQueue>();

    public T Get<T>()
        where T : notnull
        => _services.GetRequiredService<T>();

    /// <summary>A way to the PostgreSQL server that a test can spoil; null where there is none.</summary>
    public static FaultProxy? WayToPostgres()
    {
#pragma warning disable RS0030 // The test run's own setting, not the product's.
        var server = Environment.GetEnvironmentVariable(PostgresVariable);
#pragma warning restore RS0030
        return string.IsNullOrEmpty(server) ? null : FaultProxy.Start(new NpgsqlConnectionStringBuilder(server).Port);
    }

    /// <param name="provider"><c>sqlite</c> or <c>postgresql</c>.</param>
    /// <param name="way">To the PostgreSQL server, by which the store goes once its database is made.</param>
    /// <returns>Null where there is no PostgreSQL server to test with.</returns>
    public static async Task<TestStore?> CreateAsync(string provider, CancellationToken ct, TimeProvider? time = null, Action<IServiceCollection>? more = null, FaultProxy? way = null)
    {
        var directory = Directory.CreateTempSubdirectory("claude-manager-test-").FullName;
        StoreTarget target;
        Func<Task> drop;
        if (provider == "sqlite")
        {
            target = new StoreTarget.Sqlite(Path.Combine(directory, "test.db"));
            drop = () => Task.CompletedTask;
        }
        else
        {
#pragma warning disable RS0030 // The test run's own setting, not the product's.
            var server = Environment.GetEnvironmentVariable(PostgresVariable);
#pragma warning restore RS0030
            if (string.IsNullOrEmpty(server))
            {
                return null;
            }

            var name = "cm_" + Guid.CreateVersion7().ToString("N");
            await ExecuteAsync(server, $"CREATE DATABASE {name}", ct).ConfigureAwait(false);
            var address = new NpgsqlConnectionStringBuilder(server) { Database = name, MaxPoolSize = 30 };
            address.Port = way?.Port ?? address.Port;
            target = DatabaseAddress.Resolve(new DatabaseConfiguration { ConnectionString = new SecretString(address.ConnectionString) }, "");
            drop = () => ExecuteAsync(server, $"DROP DATABASE {name} WITH (FORCE)", CancellationToken.None);
        }

        var services = new ServiceCollection();
        if (time is not null)
        {
            services.AddSingleton(time);
        }

        services.AddLogging();
        services.AddMetrics();
        services.AddManagerStore(target);
        services.AddSingleton(new DataDirectory(directory));
        services.AddSingleton(new CurrentConfiguration(ManagerConfiguration.Default));
        services.AddSingleton(p => MasterKey.Load(null, p.GetRequiredService<DataDirectory>(), "development", NullLogger.Instance));
        services.AddSingleton(InstanceIdentity.Create("test", TimeProvider.System));
        services.AddSingleton<InstanceRegistry>();
        services.AddRateLimiting(new RedisConfiguration());
        services.AddGitHub(token: null);
        services.AddSingleton<RepositorySource>();
        services.AddSingleton<AgentCatalog>();
        services.AddSingleton<ApprovalSeal>();
        services.AddSingleton<RunQueue>();
        services.AddSingleton<LeaseKeeper>();
        services.AddSingleton<EventFeedReader>();
        more?.Invoke(services);
        var store = new TestStore(services.BuildServiceProvider(), target, async () =>
        {
            await drop().ConfigureAwait(false);
            Directory.Delete(directory, recursive: true);
        });
        await store.Administration.MigrateAsync(ct).ConfigureAwait(false);
        return store;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync().ConfigureAwait(false);
        if (Target is StoreTarget.Sqlite)
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        }
        else
        {
            NpgsqlConnection.ClearAllPools();
        }

        await _drop().ConfigureAwait(false);
    }

    private static async Task ExecuteAsync(string server, string sql, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync(ct).ConfigureAwait(false);
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // A name made above.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }
}
