using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ClaudeManager.Tests.Shared.Faults;

namespace ClaudeManager.Core.Tests.Resilience;

public sealed class FaultProxyTests : IAsyncLifetime
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private FaultProxy _proxy = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _proxy = FaultProxy.Start(((IPEndPoint)_listener.LocalEndPoint!).Port);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _listener.Dispose();
    }

    [Fact]
    public async Task NoToxics_BytesOfBothSides_ArriveAsTheyWereSent()
    {
        var (client, server) = await ConnectAsync();
        var sent = new byte[1_000_000];
        new Random(7).NextBytes(sent);

        var sending = client.SendAsync(sent, Ct);
        Assert.Equal(sent, await ReadAsync(server, sent.Length));
        await sending;
        await server.SendAsync("back"u8.ToArray(), Ct);

        Assert.Equal("back"u8.ToArray(), await ReadAsync(client, 4));
    }

    [Fact]
    public async Task Latency_SetWhileConnected_DelaysEachPiece()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Toxics = new Toxics { Latency = TimeSpan.FromMilliseconds(150) };

        var started = Stopwatch.GetTimestamp();
        await client.SendAsync("x"u8.ToArray(), Ct);
        await ReadAsync(server, 1);

        Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(145));
    }

    [Fact]
    public async Task Latency_TakenAwayWhileUnderWay_LetsThePieceArrive()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Toxics = new Toxics { Latency = TimeSpan.FromHours(1) };
        await client.SendAsync("x"u8.ToArray(), Ct);

        _proxy.Toxics = Toxics.None;

        Assert.Equal("x"u8.ToArray(), await ReadAsync(server, 1));
    }

    [Fact]
    public async Task BlackHole_UntilItEnds_NothingArrivesAndNobodyIsTold()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Toxics = new Toxics { BlackHole = true };
        await client.SendAsync("x"u8.ToArray(), Ct);
        var reading = ReadAsync(server, 1);
        // It is accepted, too, and as silent.
        using var second = await DialAsync();
        Assert.False(reading.IsCompleted);

        _proxy.Toxics = Toxics.None;

        Assert.Equal("x"u8.ToArray(), await reading);
    }

    [Fact]
    public async Task Reset_LiveConnection_BothSidesGetReset()
    {
        var (client, server) = await ConnectAsync();

        _proxy.Reset();

        Assert.Equal(SocketError.ConnectionReset, (await Assert.ThrowsAsync<SocketException>(() => ReadAsync(client, 1))).SocketErrorCode);
        Assert.Equal(SocketError.ConnectionReset, (await Assert.ThrowsAsync<SocketException>(() => ReadAsync(server, 1))).SocketErrorCode);
    }

    [Fact]
    public async Task Reset_InABlackHole_EndsTheConnectionAllTheSame()
    {
        var (client, _) = await ConnectAsync();
        _proxy.Toxics = new Toxics { BlackHole = true };
        await client.SendAsync("x"u8.ToArray(), Ct);

        _proxy.Reset();

        await Assert.ThrowsAsync<SocketException>(() => ReadAsync(client, 1));
    }

    [Fact]
    public async Task Refuse_NewConnection_IsRefusedAndLiveOnesGoOnUntilItServesAgain()
    {
        var (client, server) = await ConnectAsync();

        _proxy.Refuse();

        Assert.Equal(SocketError.ConnectionRefused, (await Assert.ThrowsAsync<SocketException>(DialAsync)).SocketErrorCode);
        await client.SendAsync("x"u8.ToArray(), Ct);
        Assert.Equal("x"u8.ToArray(), await ReadAsync(server, 1));
        _proxy.Accept();
        var (third, fourth) = await ConnectAsync();
        await third.SendAsync("y"u8.ToArray(), Ct);
        Assert.Equal("y"u8.ToArray(), await ReadAsync(fourth, 1));
    }

    [Fact]
    public async Task Bandwidth_Limited_TakesAsLongAsItsRateSays()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Toxics = new Toxics { Bandwidth = 100_000 };

        var started = Stopwatch.GetTimestamp();
        await client.SendAsync(new byte[40_000], Ct);
        await ReadAsync(server, 40_000);

        // The last part's own time passes after its arrival.
        Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(300));
    }

    [Fact]
    public async Task SlowClose_OneSideEnds_TheOtherLearnsItLater()
    {
        var (client, server) = await ConnectAsync();
        _proxy.Toxics = new Toxics { SlowClose = TimeSpan.FromMilliseconds(150) };

        var started = Stopwatch.GetTimestamp();
        await client.SendAsync("x"u8.ToArray(), Ct);
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("x"u8.ToArray(), await ReadAsync(server, 1));
        Assert.Equal(0, await server.ReceiveAsync(new byte[1], Ct));

        Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(145));
    }

    [Fact]
    public async Task TargetGone_NewConnection_IsReset()
    {
        _listener.Dispose();

        // It may come while we still connect.
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using var client = await DialAsync();
            await ReadAsync(client, 1);
        });
    }

    private async Task<(Socket Client, Socket Server)> ConnectAsync()
    {
        var accepting = _listener.AcceptAsync(Ct);
        return (await DialAsync(), await accepting);
    }

    private async Task<Socket> DialAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _proxy.Port), Ct);
        return client;
    }

    private static async Task<byte[]> ReadAsync(Socket socket, int count)
    {
        var bytes = new byte[count];
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        try
        {
            await stream.ReadExactlyAsync(bytes, Ct);
        }
        catch (IOException e) when (e.InnerException is SocketException inner)
        {
            throw inner;
        }

        return bytes;
    }
}
