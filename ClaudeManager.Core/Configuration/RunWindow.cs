namespace ClaudeManager.Core.Configuration;

/// <summary>A stretch of the day in which runs may start. One that ends at or before its start lasts over midnight and belongs to the day it starts on.</summary>
/// <param name="Days">The days it starts on.</param>
/// <param name="From">By the clock of <paramref name="TimeZone"/>.</param>
/// <param name="To">The same; 24:00 is the end of the day.</param>
/// <param name="TimeZone">A name of the time zone database.</param>
public sealed record RunWindow(IReadOnlyList<DayOfWeek> Days, TimeSpan From, TimeSpan To, string TimeZone)
{
    private const int LookAheadDays = 15;

    /// <summary>Whether a run may start, and, when not, the instant from which it may.</summary>
    /// <returns>Null when it may start at <paramref name="at"/>.</returns>
    public static DateTimeOffset? NextStart(IReadOnlyList<RunWindow> windows, DateTimeOffset at)
    {
        if (windows.Count == 0)
        {
            return null;
        }

        var next = windows.SelectMany(window => window.Around(at)).Where(span => span.End > at).Select(span => (DateTimeOffset?)span.Start).Min() ?? DateTimeOffset.MaxValue;
        return next <= at ? null : next;
    }

    /// <summary>Its stretches as instants, from the one that started the day before. On the day the clock goes forward a missing time is the instant it jumps at; on the day it goes back the longer stretch counts.</summary>
    private IEnumerable<(DateTimeOffset Start, DateTimeOffset End)> Around(DateTimeOffset at)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(TimeZone);
        var today = TimeZoneInfo.ConvertTime(at, zone).Date;
        for (var day = -1; day <= LookAheadDays; day++)
        {
            var date = today.AddDays(day);
            if (!Days.Contains(date.DayOfWeek))
            {
                continue;
            }

            var (start, end) = (Instant(date + From, zone, last: false), Instant(date + To + (To > From ? TimeSpan.Zero : TimeSpan.FromDays(1)), zone, last: true));
            if (start < end)
            {
                yield return (start, end);
            }
        }
    }

    private static DateTimeOffset Instant(DateTime local, TimeZoneInfo zone, bool last)
    {
        if (zone.IsInvalidTime(local))
        {
            // The clock jumps over it: the jump comes a minute after the last time there is.
            var before = local;
            while (zone.IsInvalidTime(before))
            {
                before = before.AddMinutes(-1);
            }

            return new DateTimeOffset(before, zone.GetUtcOffset(before)).AddMinutes(1).ToUniversalTime();
        }

        var offset = !zone.IsAmbiguousTime(local) ? zone.GetUtcOffset(local)
            : last ? zone.GetAmbiguousTimeOffsets(local).Min() : zone.GetAmbiguousTimeOffsets(local).Max();
        return new DateTimeOffset(local, offset).ToUniversalTime();
    }
}
