using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace ClaudeManager.Tests.Shared.Faults;

/// <summary>
/// A way to a TCP server that a test can spoil while connections live: PostgreSQL, Redis, HTTP. It listens on a loopback port of its own, which it keeps while it refuses.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private const int PieceSize = 16 * 1024;

    // The way holds so many pieces at most; then the sender has to wait, as with a full socket.
    private const int PiecesUnderWay = 64;

    private readonly EndPoint _target;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Connection> _connections = [];
    private readonly List<Task> _running = [];
    private Socket? _listener;

    // Bound and never listening: while it refuses, nobody else gets the port.
    private Socket? _seat;
    private volatile Toxics _toxics = Toxics.None;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _accepted;

    private FaultProxy(EndPoint target, TimeProvider time) => (_target, _time) = (target, time);

    public int Port { get; private set; }

    /// <summary>Connections that were accepted since the start.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    public int Open
    {
        get
        {
            lock (_lock)
            {
                return _connections.Count;
            }
        }
    }

    public Toxics Toxics
    {
        get => _toxics;
        set
        {
            _toxics = value;
            Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }
    }

    /// <param name="port">Of the server on loopback.</param>
    public static FaultProxy Start(int port) => Start(new IPEndPoint(IPAddress.Loopback, port));

    /// <param name="time">Of latency, bandwidth and slow closing.</param>
    public static FaultProxy Start(EndPoint target, TimeProvider? time = null)
    {
        var proxy = new FaultProxy(target, time ?? TimeProvider.System);
        proxy.Accept();
        return proxy;
    }

    /// <summary>Ends all live connections with RST, as a server does that was killed. New ones are served.</summary>
    public void Reset()
    {
        foreach (var connection in Connections())
        {
            connection.Reset();
        }
    }

    /// <summary>Refuses new connections, as a machine does where nobody listens. Live ones go on.</summary>
    public void Refuse()
    {
        if (Interlocked.Exchange(ref _listener, null) is not { } listener)
        {
            return;
        }

        // Closing alone is not enough: a program that is being started holds a copy until it runs, and the copy would listen on.
        listener.Shutdown(SocketShutdown.Both);
        listener.Dispose();
    }

    /// <summary>Serves the same port again.</summary>
    public void Accept()
    {
        if (_listener is not null)
        {
            return;
        }

        _seat ??= Bound(0);
        Port = ((IPEndPoint)_seat.LocalEndPoint!).Port;
        var listener = Bound(Port);
        listener.Listen(512);
        _listener = listener;
        Run(AcceptAsync(listener));
    }

    // Connections of before may be in TIME_WAIT on this port, and the seat is on it.
    private static Socket Bound(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        Refuse();
        await _stopping.CancelAsync().ConfigureAwait(false);
        Reset();
        Task[] running;
        lock (_lock)
        {
            running = [.. _running];
        }

        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _seat?.Dispose();
        _stopping.Dispose();
    }

    private void Run(Task task)
    {
        lock (_lock)
        {
            _running.RemoveAll(done => done.IsCompleted);
            _running.Add(task);
        }
    }

    private Connection[] Connections()
    {
        lock (_lock)
        {
            return [.. _connections];
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                return;
            }

            Interlocked.Increment(ref _accepted);
            Run(ServeAsync(client));
        }
    }

    private async Task ServeAsync(Socket client)
    {
        client.NoDelay = true;
        var server = new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        using var connection = new Connection(client, server);
        lock (_lock)
        {
            _connections.Add(connection);
        }

        try
        {
            _stopping.Token.ThrowIfCancellationRequested();
            await server.ConnectAsync(_target, connection.Ended).ConfigureAwait(false);
            await Task.WhenAll(PumpAsync(client, server, connection), PumpAsync(server, client, connection)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side has gone, or we ended it: the other learns it by a reset.
            connection.Reset();
        }
        finally
        {
            lock (_lock)
            {
                _connections.Remove(connection);
            }
        }
    }

    /// <summary>Reading and writing are apart, so that latency delays without slowing.</summary>
    private async Task PumpAsync(Socket from, Socket to, Connection connection)
    {
        var way = Channel.CreateBounded<Piece>(new BoundedChannelOptions(PiecesUnderWay) { SingleReader = true, SingleWriter = true });
        try
        {
            await Task.WhenAll(ReadAsync(from, way.Writer, connection.Ended), WriteAsync(way.Reader, to, connection.Ended)).ConfigureAwait(false);
        }
        catch
        {
            connection.Reset();
            throw;
        }
    }

    private async Task ReadAsync(Socket from, ChannelWriter<Piece> way, CancellationToken ct)
    {
        while (true)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(PieceSize);
            var read = await from.ReceiveAsync(buffer.AsMemory(0, PieceSize), ct).ConfigureAwait(false);
            await way.WriteAsync(new Piece(buffer, read, _time.GetTimestamp()), ct).ConfigureAwait(false);
            if (read == 0)
            {
                return;
            }
        }
    }

    private async Task WriteAsync(ChannelReader<Piece> way, Socket to, CancellationToken ct)
    {
        await foreach (var piece in way.ReadAllAsync(ct).ConfigureAwait(false))
        {
            await WaitAsync(toxics => toxics.Latency - _time.GetElapsedTime(piece.ReadAt), ct).ConfigureAwait(false);
            if (piece.Length == 0)
            {
                var since = _time.GetTimestamp();
                await WaitAsync(toxics => toxics.SlowClose - _time.GetElapsedTime(since), ct).ConfigureAwait(false);
                to.Shutdown(SocketShutdown.Send);
                return;
            }

            for (var sent = 0; sent < piece.Length;)
            {
                // Little at a time, so that a slow way is slow and not jerky.
                var part = _toxics.Bandwidth is > 0 and var rate ? Math.Min(Math.Max(1, rate / 20), piece.Length - sent) : piece.Length - sent;
                await WaitAsync(_ => TimeSpan.Zero, ct).ConfigureAwait(false);
                var since = _time.GetTimestamp();
                sent += await to.SendAsync(piece.Buffer.AsMemory(sent, part), ct).ConfigureAwait(false);
                await WaitAsync(toxics => toxics.Bandwidth > 0 ? TimeSpan.FromSeconds((double)part / toxics.Bandwidth) - _time.GetElapsedTime(since) : TimeSpan.Zero, ct).ConfigureAwait(false);
            }

            ArrayPool<byte>.Shared.Return(piece.Buffer);
        }
    }

    /// <summary>Until the toxics of the moment let it pass; whoever changes them wakes it.</summary>
    private async Task WaitAsync(Func<Toxics, TimeSpan> left, CancellationToken ct)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            var toxics = _toxics;
            var wait = left(toxics);
            if (!toxics.BlackHole && wait <= TimeSpan.Zero)
            {
                return;
            }

            if (toxics.BlackHole)
            {
                await changed.WaitAsync(ct).ConfigureAwait(false);
                continue;
            }

            using var awake = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(changed, Task.Delay(wait, _time, awake.Token)).ConfigureAwait(false);
            await awake.CancelAsync().ConfigureAwait(false);
            ct.ThrowIfCancellationRequested();
        }
    }

    private readonly record struct Piece(byte[] Buffer, int Length, long ReadAt);

    private sealed class Connection(Socket client, Socket server) : IDisposable
    {
        // Has neither timer nor registration, so it needs no disposal; a reset may come after the end.
        private readonly CancellationTokenSource _ended = new();

        public CancellationToken Ended => _ended.Token;

        public void Reset()
        {
            Abort(client);
            Abort(server);
            _ended.Cancel();
        }

        public void Dispose()
        {
            client.Dispose();
            server.Dispose();
        }

        /// <summary>Closing with a linger of nothing is what sends RST.</summary>
        private static void Abort(Socket socket)
        {
            try
            {
                socket.LingerState = new LingerOption(true, 0);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // It has ended already.
            }

            socket.Close(timeout: 0);
        }
    }
}
