using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ClaudeManager.Core.Events;

/// <summary>
/// Carries <see cref="EventSignal"/> between the processes of one PostgreSQL database: <c>NOTIFY</c> after the commit, on a connection of its own and at most once in <see cref="Spacing"/>
/// (inside the transactions every commit would queue for the one lock of the notification queue), <c>LISTEN</c> on another. While it is cut off everyone goes on by polling.
/// </summary>
/// <remarks>Through a pooler in transaction mode <c>LISTEN</c> hears nothing; then too polling remains.</remarks>
internal sealed partial class EventRelay(StoreTarget.Postgres target, Store store, EventSignal signal, TimeProvider time, ILogger<EventRelay> logger) : BackgroundService
{
    /// <summary>A burst of commits is one notification: the first goes out at once, what follows within this time together.</summary>
    public static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(25);

    private const string Channel = "claude_manager";
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    // Tells one's own notifications from those of others.
    private readonly string _self = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(SendAsync(stoppingToken), HearAsync(stoppingToken));

    private async Task SendAsync(CancellationToken ct)
    {
        using var commits = signal.ListenHere();
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await commits.WaitAsync(ct).ConfigureAwait(false);
                await store.ReadAsync((db, token) => db.Database.ExecuteSqlAsync($"SELECT pg_notify({Channel}, {_self})", token), ct).ConfigureAwait(false);
                await Task.Delay(Spacing, time, ct).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The commit is there for whoever polls.
                LogNotSent(logger, e.GetType().Name);
            }
        }
    }

    private async Task HearAsync(CancellationToken ct)
    {
        var settings = new NpgsqlConnectionStringBuilder(target.ConnectionString) { Pooling = false, KeepAlive = 10, ApplicationName = "claude-manager listen" };
        var cutOff = false;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(settings.ConnectionString);
                await connection.OpenAsync(ct).ConfigureAwait(false);
                connection.Notification += (_, e) =>
                {
                    if (e.Payload != _self)
                    {
                        signal.RaiseFromElsewhere();
                    }
                };
                await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
                {
                    await listen.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
                }

                (cutOff, signal.Polling) = (false, null);
                // Whatever was committed while nobody listened.
                signal.RaiseFromElsewhere();
                while (true)
                {
                    await connection.WaitAsync(ct).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (!cutOff)
                {
                    LogCutOff(logger, e.GetType().Name);
                    (cutOff, signal.Polling) = (true, new FallbackDto(Fallback.Polling, time.GetUtcNow(), e.GetType().Name));
                }

                await Task.Delay(s_pause, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(1250, LogLevel.Debug, "Other processes were not told of a commit ({Fault}); they find it by polling")]
    private static partial void LogNotSent(ILogger logger, string fault);

    [LoggerMessage(1251, LogLevel.Warning, "Commits of other processes are no longer announced ({Fault}); they are found by polling until the connection is back")]
    private static partial void LogCutOff(ILogger logger, string fault);
}
