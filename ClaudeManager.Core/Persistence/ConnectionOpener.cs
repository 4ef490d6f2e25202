using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Resilience.Pipelines;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ClaudeManager.Core.Persistence;

/// <summary>
/// Opens the connection of a context through the <c>database</c> pipeline: what follows on it is not tried again, because nobody knows how far it came. A file needs no pipeline.
/// </summary>
internal sealed class ConnectionOpener(StoreTarget target, UpstreamPipelines pipelines)
{
    private readonly string? _host = target is StoreTarget.Postgres postgres ? HostOf(postgres.ConnectionString) : null;

    /// <exception cref="CircuitOpenException">The database has not been answering; it was not asked.</exception>
    /// <exception cref="DatabaseUnavailableException">It was asked, and did not answer.</exception>
    public async ValueTask OpenAsync(ManagerDbContext db, CancellationToken ct)
    {
        if (_host is null)
        {
            return;
        }

        try
        {
            await pipelines.Of(Upstreams.Database, _host).ExecuteAsync(static async (context, token) =>
            {
                await context.Database.OpenConnectionAsync(token).ConfigureAwait(false);
                return true;
            }, db, repeatable: true, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not ClaudeManagerException && Failures.Classify(e) == FailureClass.Transient)
        {
            throw new DatabaseUnavailableException(e);
        }
    }

    private static string HostOf(string connectionString)
    {
        var connection = new NpgsqlConnectionStringBuilder(connectionString);
        return string.Create(CultureInfo.InvariantCulture, $"{connection.Host}:{connection.Port}");
    }
}
