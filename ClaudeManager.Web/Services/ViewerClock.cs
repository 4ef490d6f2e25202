using System.Globalization;
using Microsoft.JSInterop;

namespace ClaudeManager.Web.Services;

/// <summary>Time as the viewer sees it: their zone, and a beat by which relative times stay true.</summary>
public sealed class ViewerClock(IJSRuntime js, TimeProvider time) : IDisposable
{
    private readonly CancellationTokenSource _gone = new();
    private TimeZoneInfo _zone = TimeZoneInfo.Utc;

    /// <summary>Raised every 15 s, outside the renderer's context.</summary>
    public event Action? Ticked;

    public DateTimeOffset Now => time.GetUtcNow();

    public async Task StartAsync()
    {
        var zone = await js.InvokeAsync<string?>("claudeManager.timeZone", _gone.Token);
        _zone = zone is not null && TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) ? found : TimeZoneInfo.Utc;
        _ = BeatAsync();
    }

    public string Exact(DateTimeOffset at)
    {
        var local = TimeZoneInfo.ConvertTime(at, _zone);
        var offset = local.Offset;
        return string.Create(CultureInfo.InvariantCulture, $"{local:ddd d MMM yyyy, HH:mm:ss} (UTC{(offset < TimeSpan.Zero ? '−' : '+')}{offset:hh\\:mm})");
    }

    public string Relative(DateTimeOffset at)
    {
        var distance = Now - at;
        if (distance.Duration() < TimeSpan.FromSeconds(10))
        {
            return "just now";
        }

        var length = Durations.Rough(distance.Duration());
        return distance > TimeSpan.Zero ? $"{length} ago" : $"in {length}";
    }

    /// <summary>When something is expected; a forecast that has run out is about to come true.</summary>
    public string Until(DateTimeOffset at) => at - Now < TimeSpan.FromSeconds(10) ? "within seconds" : Relative(at);

    public void Dispose()
    {
        _gone.Cancel();
        _gone.Dispose();
    }

    private async Task BeatAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(15), time);
        try
        {
            while (await timer.WaitForNextTickAsync(_gone.Token))
            {
                Ticked?.Invoke();
            }
        }
        catch (OperationCanceledException)
        {
            // The circuit is gone.
        }
    }
}
