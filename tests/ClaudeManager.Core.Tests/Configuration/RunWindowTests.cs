using System.Globalization;
using ClaudeManager.Core.Configuration;

namespace ClaudeManager.Core.Tests.Configuration;

public sealed class RunWindowTests
{
    [Theory]
    // Within one day; the end itself is outside.
    [InlineData("09:00-17:00 UTC", "2026-11-02T08:59:59Z", "2026-11-02T09:00:00Z")]
    [InlineData("09:00-17:00 UTC", "2026-11-02T09:00:00Z", null)]
    [InlineData("09:00-17:00 UTC", "2026-11-02T16:59:59Z", null)]
    [InlineData("09:00-17:00 UTC", "2026-11-02T17:00:00Z", "2026-11-03T09:00:00Z")]
    // Over midnight, and the days it starts on: the night from Friday (6 November) reaches into Saturday.
    [InlineData("22:00-06:00 UTC", "2026-11-02T05:59:00Z", null)]
    [InlineData("22:00-06:00 UTC", "2026-11-02T06:00:00Z", "2026-11-02T22:00:00Z")]
    [InlineData("22:00-06:00 UTC Friday", "2026-11-07T03:00:00Z", null)]
    [InlineData("22:00-06:00 UTC Friday", "2026-11-06T03:00:00Z", "2026-11-06T22:00:00Z")]
    [InlineData("22:00-06:00 UTC Friday", "2026-11-07T06:00:00Z", "2026-11-13T22:00:00Z")]
    // The whole day, in a zone that is ahead: Saturday there begins on Friday here.
    [InlineData("00:00-24:00 Europe/Zurich Saturday", "2026-11-06T22:59:59Z", "2026-11-06T23:00:00Z")]
    [InlineData("00:00-24:00 Europe/Zurich Saturday", "2026-11-07T22:59:59Z", null)]
    [InlineData("00:00-24:00 Europe/Zurich Saturday", "2026-11-07T23:00:00Z", "2026-11-13T23:00:00Z")]
    // The clock goes forward on 29 March 2026 at 01:00 UTC: 02:00 to 03:00 does not exist.
    [InlineData("02:30-04:00 Europe/Zurich", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z")]
    [InlineData("02:30-04:00 Europe/Zurich", "2026-03-29T01:59:59Z", null)]
    [InlineData("02:30-04:00 Europe/Zurich", "2026-03-29T02:00:00Z", "2026-03-30T00:30:00Z")]
    [InlineData("02:10-02:50 Europe/Zurich Sunday", "2026-03-29T00:30:00Z", "2026-04-05T00:10:00Z")]
    [InlineData("22:00-06:00 Europe/Zurich", "2026-03-29T03:59:59Z", null)]
    [InlineData("22:00-06:00 Europe/Zurich", "2026-03-29T04:00:00Z", "2026-03-29T20:00:00Z")]
    // It goes back on 25 October 2026 at 01:00 UTC: 02:00 to 03:00 is there twice, and a window has both.
    [InlineData("02:30-02:45 Europe/Zurich", "2026-10-25T00:29:59Z", "2026-10-25T00:30:00Z")]
    [InlineData("02:30-02:45 Europe/Zurich", "2026-10-25T01:44:59Z", null)]
    [InlineData("02:30-02:45 Europe/Zurich", "2026-10-25T01:45:00Z", "2026-10-26T01:30:00Z")]
    // Several: whichever opens first.
    [InlineData("09:00-10:00 UTC|20:00-21:00 UTC", "2026-11-02T12:00:00Z", "2026-11-02T20:00:00Z")]
    [InlineData("09:00-12:30 UTC|12:00-13:00 UTC", "2026-11-02T12:45:00Z", null)]
    // None: always.
    [InlineData("", "2026-11-02T12:00:00Z", null)]
    public void NextStart_AtAnInstant_IsWhenRunsMayStart(string windows, string at, string? expected)
        => Assert.Equal(expected is null ? null : Instant(expected), RunWindow.NextStart([.. windows.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(Window)], Instant(at)));

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);

    private static RunWindow Window(string text)
    {
        var parts = text.Split(' ');
        var times = parts[0].Split('-').Select(time => TimeSpan.FromHours(int.Parse(time[..2], CultureInfo.InvariantCulture)) + TimeSpan.FromMinutes(int.Parse(time[3..], CultureInfo.InvariantCulture))).ToList();
        return new RunWindow(parts.Length > 2 ? [Enum.Parse<DayOfWeek>(parts[2])] : Enum.GetValues<DayOfWeek>(), times[0], times[1], parts[1]);
    }
}
