using System.Threading.Channels;

namespace ClaudeManager.Core.Events;

/// <summary>
/// "Something was committed": wakes loops and feeds of this process. It carries nothing and may be missed, since the database is the truth and everyone also polls it,
/// which is how other processes notice.
/// </summary>
public sealed class EventSignal
{
    private readonly Lock _lock = new();
    private readonly List<Channel<bool>> _listeners = [];

    public void Raise()
    {
        lock (_lock)
        {
            foreach (var listener in _listeners)
            {
                listener.Writer.TryWrite(true);
            }
        }
    }

    /// <summary>A listener of its own; dispose it when done.</summary>
    public Listener Listen()
    {
        var channel = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        lock (_lock)
        {
            _listeners.Add(channel);
        }

        return new Listener(this, channel);
    }

    public sealed class Listener(EventSignal owner, Channel<bool> channel) : IDisposable
    {
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
                owner._listeners.Remove(channel);
            }
        }
    }
}
