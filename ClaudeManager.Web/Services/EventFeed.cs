using System.Threading.Channels;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Web.Services;

/// <summary>One reader of Api's event stream per process, handed out to every open page.</summary>
public sealed class EventFeed(IHttpClientFactory clients, TimeProvider time, ILogger<EventFeed> logger) : BackgroundService
{
    public const string ClientName = "api-events";

    /// <summary>Type of the feed's own event: <see cref="IsLive"/> has changed.</summary>
    public const string StateChanged = "feed.state";

    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(10);

    // Api sends a heartbeat every 15 s: three missed are a dead connection that nobody has closed.
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(45);

    private readonly TimeProvider _time = time;
    private readonly ILogger _logger = logger;
    private readonly Lock _gate = new();
    private readonly List<Subscription> _subscriptions = [];

    public bool IsLive { get; private set; }

    /// <summary>
    /// Calls back after an event that <paramref name="concerns"/> accepts: at once, then at most once per <paramref name="interval"/> however many come,
    /// and always once more after the last. After a gap in the stream everybody is called.
    /// </summary>
    public IDisposable Subscribe(Func<ChangeEventDto, bool> concerns, TimeSpan interval, Func<Task> callback)
    {
        var subscription = new Subscription(this, concerns, interval, callback);
        lock (_gate)
        {
            _subscriptions.Add(subscription);
        }

        return subscription;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string? lastId = null;
        var delay = s_firstDelay;
        while (!stoppingToken.IsCancellationRequested)
        {
            var reason = "the stream ended";
            try
            {
                using var http = clients.CreateClient(ClientName);
                using var silence = new CancellationTokenSource(s_silence, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, silence.Token);
                await foreach (var change in new ManagerApiClient(http).ReadEventsAsync(lastId, either.Token))
                {
                    silence.CancelAfter(s_silence);
                    delay = s_firstDelay;
                    lastId = change.Id;
                    if (!IsLive)
                    {
                        SetLive(true);
                        _logger.FeedConnected();
                        // Whatever happened while the stream was away is only known by looking.
                        Publish(change, all: true);
                    }
                    else
                    {
                        Publish(change, all: change.Type == "reset");
                    }
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                reason = exception.Message;
            }

            SetLive(false);
            _logger.FeedLost(reason, delay);
            await Task.Delay(delay, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 < s_longestDelay ? delay * 2 : s_longestDelay;
        }
    }

    private void SetLive(bool live)
    {
        if (IsLive != live)
        {
            IsLive = live;
            Publish(new ChangeEventDto("", StateChanged, null, null, null, _time.GetUtcNow()), all: false);
        }
    }

    private void Publish(ChangeEventDto change, bool all)
    {
        lock (_gate)
        {
            foreach (var subscription in _subscriptions)
            {
                subscription.Offer(change, all);
            }
        }
    }

    private sealed class Subscription : IDisposable
    {
        // Room for one: an event during a callback leads to exactly one more.
        private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        private readonly CancellationTokenSource _ended = new();
        private readonly EventFeed _feed;
        private readonly Func<ChangeEventDto, bool> _concerns;

        public Subscription(EventFeed feed, Func<ChangeEventDto, bool> concerns, TimeSpan interval, Func<Task> callback)
        {
            _feed = feed;
            _concerns = concerns;
            _ = RunAsync(interval, callback, _ended.Token);
        }

        public void Offer(ChangeEventDto change, bool all)
        {
            if (all || _concerns(change))
            {
                _signal.Writer.TryWrite(true);
            }
        }

        public void Dispose()
        {
            lock (_feed._gate)
            {
                _feed._subscriptions.Remove(this);
            }

            _ended.Cancel();
            _ended.Dispose();
        }

        private async Task RunAsync(TimeSpan interval, Func<Task> callback, CancellationToken ended)
        {
            try
            {
                await foreach (var _ in _signal.Reader.ReadAllAsync(ended))
                {
                    try
                    {
                        await callback();
                    }
                    catch (Exception exception) when (exception is not OperationCanceledException)
                    {
                        // One page's fault is not the end of its live updates, let alone of another's.
                        _feed._logger.SubscriberFailed(exception);
                    }

                    await Task.Delay(interval, _feed._time, ended);
                }
            }
            catch (OperationCanceledException)
            {
                // The page is gone.
            }
        }
    }
}
