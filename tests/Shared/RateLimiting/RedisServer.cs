using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Tests.Shared.Processes;
using StackExchange.Redis;

namespace ClaudeManager.Tests.Shared.RateLimiting;

/// <summary>A Redis of one's own on loopback that can be killed, stopped dead and started again at the same address.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    /// <summary>Address of the Redis that <c>eng/test.sh</c> starts, for tests that only need one.</summary>
    public const string Variable = "CM_TEST_REDIS";

    public const string Missing = "Needs Redis: set " + Variable + " to its address and have redis-server on PATH.";

    private const int Stop = 19;
    private const int Continue = 18;

    private readonly string _directory = Directory.CreateTempSubdirectory("claude-manager-redis-").FullName;
    private readonly int _port;
    private readonly string[] _options;
    private Process? _process;

    private RedisServer(int port, string[] options) => (_port, _options) = (port, options);

    /// <summary>Null where there is none to test with.</summary>
    public static string? Shared
    {
        get
        {
#pragma warning disable RS0030 // The test run's own setting, not the product's.
            return Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } address ? address : null;
#pragma warning restore RS0030
        }
    }

    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}");

    public static async Task<RedisServer> StartAsync(CancellationToken ct, params string[] options)
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        var server = new RedisServer(port, options);
        await server.StartAgainAsync(ct);
        return server;
    }

    public async Task StartAgainAsync(CancellationToken ct)
    {
        _process = Process.Start(new ProcessStartInfo("redis-server",
            ["--bind", "127.0.0.1", "--port", _port.ToString(CultureInfo.InvariantCulture), "--save", "", "--appendonly", "no", "--dir", _directory, "--logfile", Path.Combine(_directory, "log"), .. _options]))!;
        await using var redis = await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions { EndPoints = { Address }, AbortOnConnectFail = false, ReconnectRetryPolicy = new LinearRetry(50) });
        await Eventually.SeeAsync(() => _process.HasExited || redis.IsConnected, seen => seen, "redis-server answers", ct);
        if (_process.HasExited)
        {
            throw new InvalidOperationException(await File.ReadAllTextAsync(Path.Combine(_directory, "log"), ct));
        }
    }

    /// <summary><c>kill -9</c>: all it held is gone.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        _process!.Kill();
        await _process.WaitForExitAsync(ct);
        _process.Dispose();
        _process = null;
    }

    /// <summary>A black hole: the system goes on taking its packets, and nothing is ever answered.</summary>
    public void Freeze() => Signals.Send(_process!.Id, Stop);

    public void Thaw() => Signals.Send(_process!.Id, Continue);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync(CancellationToken.None);
        }

        Directory.Delete(_directory, recursive: true);
    }
}
