using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Tests.Shared.Processes;
using Npgsql;

namespace ClaudeManager.Tests.Shared.Persistence;

/// <summary>A PostgreSQL server of one's own on loopback, whose processes may be killed: the shared one has other guests.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    public const string Missing = "Needs PostgreSQL's programs: initdb and postgres, on PATH or where Debian keeps them.";

    private const string User = "claude_manager";

    private readonly string _directory = Directory.CreateTempSubdirectory("claude-manager-postgres-").FullName;
    private Process? _process;

    private PostgresServer(int port) => Port = port;

    public static bool IsInstalled => Programs() is not null;

    public int Port { get; }

    /// <summary>Of the server itself, whatever stands in the way of others.</summary>
    public string ConnectionString => ConnectionStringAt(Port);

    /// <param name="port">Of a proxy in front of it.</param>
    public static string ConnectionStringAt(int port) => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username={User};Database=postgres");

    public static async Task<PostgresServer> StartAsync(CancellationToken ct)
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        var server = new PostgresServer(port);
        try
        {
            // It refuses to run as root; what it is given to is nobody's.
            using (var give = Run("sh", ["-c", "[ \"$(id -u)\" -ne 0 ] || chown nobody \"$1\"", "sh", server._directory]))
            {
                await EndAsync(give, "chown", ct).ConfigureAwait(false);
            }

            using (var init = server.RunAsServer("initdb", "-D", server.Data, "-U", User, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"))
            {
                await EndAsync(init, "initdb", ct).ConfigureAwait(false);
            }

            await server.StartAgainAsync(ct).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task StartAgainAsync(CancellationToken ct)
    {
        // Durability is off because the data does not outlive this server's machine; it does outlive its processes.
        _process = RunAsServer("postgres", "-D", Data, "-p", Port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "fsync=off");
        await Eventually.SeeAsync(async token => _process.HasExited || await AnswersAsync(token).ConfigureAwait(false), seen => seen, "PostgreSQL answers", ct).ConfigureAwait(false);
        if (_process.HasExited)
        {
            throw new InvalidOperationException(await File.ReadAllTextAsync(Path.Combine(_directory, "log"), ct).ConfigureAwait(false));
        }
    }

    /// <summary>An immediate shutdown, as at the end of its machine: every session is cut off, and the next start recovers from the log.</summary>
    public async Task StopAsync(CancellationToken ct)
    {
        const int quit = 3;
        if (Interlocked.Exchange(ref _process, null) is { } process)
        {
            Signals.Send(process.Id, quit);
            await process.WaitForExitAsync(ct).ConfigureAwait(false);
            process.Dispose();
        }
    }

    /// <summary>Processes that serve somebody else's session just now.</summary>
    public async Task<IReadOnlyList<int>> BackendsAsync(CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct).ConfigureAwait(false);
        await using var command = new NpgsqlCommand("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid", connection);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var found = new List<int>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
        {
            found.Add(reader.GetInt32(0));
        }

        return found;
    }

    /// <summary>A session that no proxy stands before and no pool keeps.</summary>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
    {
        var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false;Timeout=5;Command Timeout=10");
        try
        {
            await connection.OpenAsync(ct).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
        Directory.Delete(_directory, recursive: true);
    }

    private string Data => Path.Combine(_directory, "data");

    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            await using var connection = await OpenAsync(ct).ConfigureAwait(false);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private Process RunAsServer(string program, params string[] arguments)
        => Run("sh", ["-c", "cd \"$1\"; log=\"$1/log\"; shift; [ \"$(id -u)\" -ne 0 ] || set -- setpriv --reuid=nobody --regid=\"$(id -g nobody)\" --clear-groups -- \"$@\"; exec \"$@\" >>\"$log\" 2>&1", "sh", _directory,
            Path.Combine(Programs() ?? throw new InvalidOperationException(Missing), program), .. arguments]);

    private static Process Run(string program, string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments))!;

    private static async Task EndAsync(Process process, string name, CancellationToken ct)
    {
        await process.WaitForExitAsync(ct).ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{name} ended with exit code {process.ExitCode}.");
        }
    }

    private static string? Programs()
    {
        const string debian = "/usr/lib/postgresql";
        var path = new ProcessStartInfo().Environment["PATH"] ?? "";
        return path.Split(Path.PathSeparator).Concat(Directory.Exists(debian) ? Directory.GetDirectories(debian).OrderDescending().Select(version => Path.Combine(version, "bin")) : [])
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }
}
