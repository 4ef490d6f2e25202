using System.Threading.Channels;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Events;

/// <summary>
/// "Something was committed": wakes loops and feeds of this process, and through <see cref="EventRelay"/> those of others. It carries nothing and may be missed, since the database is
/// the truth and everyone also polls it.
/// </summary>
public sealed class EventSignal
{
    private readonly Lock _lock = new();
    private readonly List<(Channel<bool> Channel, bool HereOnly)> _listeners = [];

    /// <summary>Since when and why commits of other processes are found by polling alone; null while they are announced, or come from nowhere else.</summary>
    public FallbackDto? Polling { get; internal set; }

    /// <summary>This process committed something.</summary>
    public void Raise() => Raise(elsewhere: false);

    /// <summary>Another process did.</summary>
    internal void RaiseFromElsewhere() => Raise(elsewhere: true);

    /// <summary>A listener of its own; dispose it when done.</summary>
    public Listener Listen() => Listen(hereOnly: false);

    /// <summary>One that hears of this process alone: to tell others of it.</summary>
    internal Listener ListenHere() => Listen(hereOnly: true);

    private void Raise(bool elsewhere)
    {
        lock (_lock)
        {
            foreach (var (channel, hereOnly) in _listeners)
            {
                if (!elsewhere || !hereOnly)
                {
                    channel.Writer.TryWrite(true);
                }
            }
        }
    }

    private Listener Listen(bool hereOnly)
    {
        var channel = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        lock (_lock)
        {
            _listeners.Add((channel, hereOnly));
        }

        return new Listener(this, channel);
    }

    public sealed class Listener(EventSignal owner, Channel<bool> channel) : IDisposable
    {
        /// <summary>Ends at the next signal.</summary>
        public async Task WaitAsync(CancellationToken ct) => await channel.Reader.ReadAsync(ct).ConfigureAwait(false);

        /// <summary>Ends at the next signal, or after <paramref name="atMost"/>.</summary>
        public async Task WaitAsync(TimeSpan atMost, TimeProvider time, CancellationToken ct)
        {
            using var limit = new CancellationTokenSource(atMost, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
            try
            {
                await channel.Reader.ReadAsync(both.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // The poll interval passed without a signal: look anyway.
            }
        }

        public void Dispose()
        {
            lock (owner._lock)
            {
                owner._listeners.RemoveAll(l => l.Channel == channel);
            }
        }
    }
}
