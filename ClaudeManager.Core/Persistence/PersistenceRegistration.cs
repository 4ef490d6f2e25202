using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ClaudeManager.Core.Persistence;

public static class PersistenceRegistration
{
    /// <summary>Registers <see cref="Store"/> and what it needs for one database. Consumers inject <see cref="Store"/>, or <c>IDbContextFactory&lt;ManagerDbContext&gt;</c> where they must.</summary>
    public static IServiceCollection AddManagerStore(this IServiceCollection services, StoreTarget target)
    {
        services.AddSingleton(target);
        services.TryAddSingleton<Redactor>();
        services.AddSingleton<EventSignal>();
        services.AddSingleton<AuditWriter>();
        services.AddResilience();
        services.AddSingleton<ConnectionOpener>();
        services.AddSingleton(p => new Store(
            p.GetRequiredService<IDbContextFactory<ManagerDbContext>>(),
            p.GetRequiredService<ConnectionOpener>(),
            p.GetRequiredService<WriteGate>(),
            p.GetRequiredService<AuditWriter>(),
            p.GetRequiredService<EventSignal>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<DatabaseAdministration>();
        switch (target)
        {
            case StoreTarget.Sqlite sqlite:
                services.AddPooledDbContextFactory<SqliteManagerDbContext>(o => WithoutDriftCheck(o.UseSqlite(sqlite.ConnectionString)).AddInterceptors(SqlitePragmas.Instance));
                services.AddSingleton<IDbContextFactory<ManagerDbContext>>(p => new Factory<SqliteManagerDbContext>(p.GetRequiredService<IDbContextFactory<SqliteManagerDbContext>>()));
                services.AddSingleton(new WriteGate(serial: true));
                break;
            case StoreTarget.Postgres postgres:
                services.AddPooledDbContextFactory<PostgresManagerDbContext>(o => WithoutDriftCheck(o.UseNpgsql(postgres.ConnectionString)).AddInterceptors(TransactionGuard.Instance));
                services.AddSingleton<IDbContextFactory<ManagerDbContext>>(p => new Factory<PostgresManagerDbContext>(p.GetRequiredService<IDbContextFactory<PostgresManagerDbContext>>()));
                services.AddSingleton(new WriteGate(serial: false));
                services.AddSingleton(postgres);
                services.AddHostedService<EventRelay>();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(target), target, "No provider for this target.");
        }

        return services;
    }

    /// <summary>That the migrations say the same as the model is a test's to hold; at a start, comparing the two takes longer than all else.</summary>
    private static DbContextOptionsBuilder WithoutDriftCheck(DbContextOptionsBuilder options) => options.ConfigureWarnings(w => w.Ignore(RelationalEventId.PendingModelChangesWarning));

    /// <summary>The factory interface is not covariant, so that one line of adapting is needed.</summary>
    private sealed class Factory<T>(IDbContextFactory<T> inner) : IDbContextFactory<ManagerDbContext>
        where T : ManagerDbContext
    {
        public ManagerDbContext CreateDbContext() => inner.CreateDbContext();

        public async Task<ManagerDbContext> CreateDbContextAsync(CancellationToken cancellationToken = default)
            => await inner.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
    }
}
