using System.Globalization;

namespace ClaudeManager.Web.Services;

internal static class Durations
{
    /// <summary>One unit: <c>45 s</c>, <c>3 min</c>, <c>5 h</c>, <c>2 d</c>.</summary>
    public static string Rough(TimeSpan length) => length switch
    {
        { TotalSeconds: < 60 } => Unit(length.TotalSeconds, "s"),
        { TotalMinutes: < 60 } => Unit(length.TotalMinutes, "min"),
        { TotalHours: < 48 } => Unit(length.TotalHours, "h"),
        _ => Unit(length.TotalDays, "d"),
    };

    /// <summary>As a stopwatch shows it: <c>0:42</c>, <c>1:02:03</c>.</summary>
    public static string Clock(TimeSpan length)
        => length.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)length.TotalHours}:{length:mm\\:ss}")
            : string.Create(CultureInfo.InvariantCulture, $"{(int)length.TotalMinutes}:{length:ss}");

    private static string Unit(double amount, string unit) => string.Create(CultureInfo.InvariantCulture, $"{(long)amount} {unit}");
}
