using System.Globalization;
using System.Text.RegularExpressions;
using NuGet.Versioning;

namespace ClaudeManager.Core.Scanning.OutdatedDependencies;

/// <summary>npm's way to write ranges (<c>^1.2</c>, <c>~1.2.3</c>, <c>1.x</c>, <c>1.2 - 2.3</c>, <c>&gt;=1 &lt;3 || 5</c>), see the grammar of node-semver.</summary>
internal sealed partial class NpmRange
{
    private readonly List<VersionRange> _alternatives;

    private NpmRange(List<VersionRange> alternatives) => _alternatives = alternatives;

    /// <summary>Null where there is no lowest.</summary>
    public NuGetVersion? Minimum => _alternatives.All(a => a.MinVersion is not null) ? _alternatives.Min(a => a.MinVersion) : null;

    /// <returns>Null for what is no range.</returns>
    public static NpmRange? Parse(string text)
    {
        var alternatives = new List<VersionRange>();
        foreach (var alternative in text.Length > 256 ? [""] : text.Split("||"))
        {
            if (Intersect(alternative) is not { } range)
            {
                return null;
            }

            alternatives.Add(range);
        }

        return new NpmRange(alternatives);
    }

    public bool Allows(NuGetVersion version) => _alternatives.Exists(a => a.Satisfies(version));

    private static VersionRange? Intersect(string text)
    {
        var words = Space().Replace(Hyphen().Replace(text.Trim(), ">=$1 <=$2"), "$1");
        (NuGetVersion? Version, bool Included) lowest = (null, true), highest = (null, false);
        var any = false;
        foreach (var word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Comparator().Match(word) is not { Success: true } match || Bounds(match) is not var (low, high))
            {
                return null;
            }

            any = true;
            lowest = low.Version is not null && (lowest.Version is null || low.Version > lowest.Version) ? low : lowest;
            highest = high.Version is not null && (highest.Version is null || high.Version < highest.Version) ? high : highest;
        }

        return any ? new VersionRange(lowest.Version, lowest.Included, highest.Version, highest.Included) : null;
    }

    private static ((NuGetVersion? Version, bool Included) Low, (NuGetVersion? Version, bool Included) High)? Bounds(Match match)
    {
        int? Part(string name) => int.TryParse(match.Groups[name].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
        var (major, minor, patch) = (Part("major"), Part("minor"), Part("patch"));
        if (major is null or int.MaxValue)
        {
            return match.Groups["major"].Value is "*" or "x" or "X" ? ((null, true), (null, false)) : null;
        }

        var version = NuGetVersion.Parse(string.Create(CultureInfo.InvariantCulture, $"{major}.{minor ?? 0}.{(minor is null ? 0 : patch ?? 0)}{(patch is null ? "" : match.Groups["pre"].Value)}"));
        NuGetVersion nextMajor = new(major.Value + 1, 0, 0), nextMinor = new(major.Value, (minor ?? 0) + 1, 0), nextPatch = new(major.Value, minor ?? 0, (patch ?? 0) + 1);

        // Where parts are missing, a version stands for all that begin with it.
        var end = minor is null ? nextMajor : patch is null ? nextMinor : null;
        return match.Groups["op"].Value switch
        {
            "^" => ((version, true), (major > 0 || minor is null ? nextMajor : minor > 0 || patch is null ? nextMinor : nextPatch, false)),
            "~" or "~>" => ((version, true), (minor is null ? nextMajor : nextMinor, false)),
            ">=" => ((version, true), (null, false)),
            ">" => ((end ?? version, end is not null), (null, false)),
            "<" => ((null, true), (version, false)),
            "<=" => ((null, true), (end ?? version, end is null)),
            _ => ((version, true), (end ?? version, end is null)),
        };
    }

    [GeneratedRegex(@"\A(?<op>\^|~>|~|>=|<=|>|<|=)?v?(?<major>[0-9]{1,9}|[xX*])(?:\.(?<minor>[0-9]{1,9}|[xX*]))?(?:\.(?<patch>[0-9]{1,9}|[xX*]))?(?<pre>-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Comparator();

    [GeneratedRegex(@"\A(\S+)\s+-\s+(\S+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Hyphen();

    /// <summary>White space may stand between an operator and its version.</summary>
    [GeneratedRegex(@"(\^|~>|~|>=|<=|>|<|=)\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Space();
}
