using System.Globalization;
using System.Text.RegularExpressions;

namespace ClaudeManager.Core.Configuration;

/// <summary>An entry of <c>executor.windows</c>: <c>{ "days": ["mon"], "from": "22:00", "to": "06:00", "timeZone": "Europe/Zurich" }</c>.</summary>
internal sealed partial record WindowType : KeyType
{
    private const string Example = """{ "from": "22:00", "to": "06:00" }""";
    private static readonly string[] s_days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    private static readonly TextType s_time = new("a time of day from 00:00 to 24:00", "22:00", Pattern: Time());

    private static readonly Dictionary<string, KeyType> s_members = new(StringComparer.Ordinal)
    {
        ["days"] = new ListType(new ChoiceType(s_days), 1),
        ["from"] = s_time,
        ["to"] = s_time,
        ["timeZone"] = new TextType("a time zone", "Europe/Zurich", Maximum: 64),
    };

    public override string Description => "object with `from` and `to` (`HH:mm`, up to `24:00`) and, if wanted, `days` (list of `mon` … `sun`; default: every day) and `timeZone` (default: `UTC`)";

    public override void Check(ConfigurationNode node, List<ConfigurationFinding> findings)
    {
        if (!Is(node, NodeKind.Object, "a window", Example, findings))
        {
            return;
        }

        var before = findings.Count;
        foreach (var (name, value) in node.Members)
        {
            if (s_members.TryGetValue(name, out var type))
            {
                type.Check(value, findings);
            }
            else
            {
                findings.Add(ConfigurationRules.UnknownKey.At(value.Path, value.Origin, $"Unknown key.{Spelling.DidYouMean(name, s_members.Keys)}", $"Correct or remove it; known here: {string.Join(", ", s_members.Keys)}."));
            }
        }

        foreach (var name in (string[])["from", "to"])
        {
            if (Member(node, name) is null)
            {
                findings.Add(ConfigurationRules.Missing.At($"{node.Path}.{name}", node.Origin, $"The window has no {name}.", $"Write e.g. {Example}."));
            }
        }

        if (findings.Count > before)
        {
            return;
        }

        if (Member(node, "timeZone") is { } zone && !TimeZoneInfo.TryFindSystemTimeZoneById(zone.Text, out _))
        {
            findings.Add(ConfigurationRules.BadTimeZone.At(zone.Path, zone.Origin, $"{Show(zone)} is not known on this machine.", "Write a name of the time zone database, e.g. \"Europe/Zurich\"."));
        }
        else if (Member(node, "from")!.Text == Member(node, "to")!.Text)
        {
            findings.Add(ConfigurationRules.EmptyWindow.At(node.Path, node.Origin, $"It starts and ends at {Member(node, "from")!.Text}.", "For the whole day write \"from\": \"00:00\", \"to\": \"24:00\"."));
        }
        else if (Member(node, "from") is { Text: "24:00" } from)
        {
            findings.Add(ConfigurationRules.EmptyWindow.At(from.Path, from.Origin, "No day has a time after 24:00.", "Start it at \"00:00\" of the next day."));
        }
    }

    /// <summary>The window an accepted value stands for.</summary>
    public static RunWindow Read(ConfigurationNode node) => new(
        Member(node, "days") is { } days ? [.. days.Texts.Select(day => (DayOfWeek)Array.IndexOf(s_days, day))] : Enum.GetValues<DayOfWeek>(),
        TimeOfDay(Member(node, "from")!.Text),
        TimeOfDay(Member(node, "to")!.Text),
        Member(node, "timeZone")?.Text ?? "UTC");

    private static ConfigurationNode? Member(ConfigurationNode node, string name) => node.Members.FirstOrDefault(m => m.Name == name).Value;

    private static TimeSpan TimeOfDay(string text) => new(int.Parse(text[..2], CultureInfo.InvariantCulture), int.Parse(text[3..], CultureInfo.InvariantCulture), 0);

    [GeneratedRegex(@"\A(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Time();
}
