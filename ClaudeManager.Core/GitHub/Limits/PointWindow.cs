namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>Points spent in the last minute. The framework's sliding window keeps its own clock, ours is given.</summary>
internal sealed class PointWindow(int limit, TimeProvider time)
{
    // A second more than GitHub's minute: what left us evenly may arrive bunched.
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(61);

    private readonly Lock _lock = new();
    private readonly Queue<(DateTimeOffset At, int Points)> _spent = new();
    private int _sum;

    /// <summary>Spends points, or says when enough of them will be free.</summary>
    public DateTimeOffset? TrySpend(int points)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            while (_spent.TryPeek(out var oldest) && oldest.At + s_window <= now)
            {
                _sum -= _spent.Dequeue().Points;
            }

            if (_sum + points > limit)
            {
                return FreeAt(points);
            }

            _spent.Enqueue((now, points));
            _sum += points;
            return null;
        }
    }

    private DateTimeOffset FreeAt(int points)
    {
        var excess = _sum + points - limit;
        foreach (var (at, spent) in _spent)
        {
            excess -= spent;
            if (excess <= 0)
            {
                return at + s_window;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(points), points, "More points than a minute has.");
    }
}
