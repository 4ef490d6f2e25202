using ClaudeManager.Cli.Start;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Connection;

/// <summary>
/// The Api a command talks to: the server that owns the data directory, or, when none runs, one in this process for as long
/// as the command takes. Either way a command does the same over the same client.
/// </summary>
internal sealed class ManagerConnection : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_answersWithin = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;
    private readonly AllInOneHost? _host;

    private ManagerConnection(Uri address, AllInOneHost? host)
    {
        _host = host;
        var handler = new SocketsHttpHandler { ConnectTimeout = s_answersWithin, UseProxy = !address.IsLoopback, AllowAutoRedirect = false, UseCookies = false };
        _http = new HttpClient(handler) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        Api = new ManagerApiClient(_http);
    }

    public ManagerApiClient Api { get; }

    /// <summary>No server runs: what this process does not do, nobody does.</summary>
    public bool IsOwn => _host is not null;

    /// <summary>The server in this process. It is there, so nothing is asked of it first: on a busy machine its first answer may take long.</summary>
    public static ManagerConnection ToOwn(AllInOneHost host) => new(host.ApiAddress, null);

    /// <summary>A server somebody named.</summary>
    public static async Task<ManagerConnection> ToServerAsync(Uri address, TimeProvider time, CancellationToken ct)
    {
        var connection = new ManagerConnection(address, null);
        try
        {
            await connection.CheckAnswersAsync($"Nothing answers at {address}.", time, ct).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <param name="withRuns">The command needs runs to happen: an Api of our own gets a Worker beside it.</param>
    /// <param name="withEffects">What the command decides is to be carried out on GitHub before it ends.</param>
    public static async Task<ManagerConnection> OfDataDirectoryAsync(StartupSettings startup, bool withRuns, bool withEffects, LogLevel logLevel, TimeProvider time, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            if (await ServerFile.FindLiveAsync(startup.Data, ct).ConfigureAwait(false) is { } server)
            {
                return await ToServerAsync(server.Url, time, ct).ConfigureAwait(false);
            }

            if (DataDirectoryLock.TryAcquire(startup.Data) is { } ownership)
            {
                var host = await AllInOneHost.StartAsync(new AllInOneOptions(startup, ownership, logLevel) { Runs = withRuns, Effects = withEffects }, ct).ConfigureAwait(false);
                return new ManagerConnection(host.ApiAddress, host);
            }

            // Another command is at work in the directory, or a server is on its way up or down.
            if (time.GetElapsedTime(began) > s_patience)
            {
                throw new CommandFailedException(ExitCode.TryLater, $"Another process is using {startup.Data.Root}. Try again when it has ended.");
            }

            await Task.Delay(s_pause, time, ct).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_host is not null)
        {
            await _host.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task CheckAnswersAsync(string otherwise, TimeProvider time, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(s_answersWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, ct);
        try
        {
            await Api.GetServiceAsync(either.Token).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is HttpRequestException || timeout.IsCancellationRequested)
        {
            throw new CommandFailedException(ExitCode.Unavailable, otherwise);
        }
    }
}
