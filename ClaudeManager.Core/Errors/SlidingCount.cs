namespace ClaudeManager.Core.Errors;

/// <summary>How often something happened within the last hour, to ten seconds. Not safe for several threads.</summary>
internal sealed class SlidingCount
{
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private static readonly TimeSpan s_slot = TimeSpan.FromSeconds(10);

    private readonly int[] _slots = new int[(int)(Longest / s_slot)];
    private long _newest = long.MinValue;

    public void Add(DateTimeOffset now)
    {
        var slot = SlotOf(now);
        // Slots nothing was counted in since they were used last belong to another hour.
        for (var stale = Math.Max(_newest + 1, slot - _slots.Length + 1); stale <= slot; stale++)
        {
            _slots[stale % _slots.Length] = 0;
        }

        _newest = Math.Max(_newest, slot);
        // A clock that was set back counts into the newest.
        _slots[_newest % _slots.Length]++;
    }

    /// <param name="span">At most <see cref="Longest"/>.</param>
    public int Within(DateTimeOffset now, TimeSpan span)
    {
        if (_newest == long.MinValue)
        {
            return 0;
        }

        var current = Math.Max(SlotOf(now), _newest);
        var sum = 0;
        for (var slot = Math.Max(current - (long)(span / s_slot) + 1, _newest - _slots.Length + 1); slot <= _newest; slot++)
        {
            sum += _slots[slot % _slots.Length];
        }

        return sum;
    }

    private static long SlotOf(DateTimeOffset moment) => moment.UtcTicks / s_slot.Ticks;
}
