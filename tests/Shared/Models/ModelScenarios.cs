using System.Globalization;
using System.Text.RegularExpressions;

namespace ClaudeManager.Tests.Shared.Models;

/// <summary>Ready-made models.</summary>
public static partial class ModelScenarios
{
    private static readonly string[] s_lineComments = ["//", "#", "--", ";", "%"];
    private static readonly string[] s_blockComments = ["/*", "<!--", "*"];

    /// <summary>Answers the requests since the last prompt one after the other; the last turn repeats.</summary>
    public static ModelScenario Script(params ModelTurn[] turns) => request => turns[Math.Min(request.Results.Count, turns.Length - 1)];

    /// <summary>
    /// Does what the service's own prompt asks for, as far as a model without a mind can: reads the named file, takes the marked comment out of it with the Edit tool, and says so. It knows nothing
    /// but the conversation, so it also works over a resumed session.
    /// </summary>
    public static ModelTurn ResolveTodo(ModelRequest request)
    {
        // A resumed session is only told to go on: the task is in an earlier prompt.
        var prompt = request.Prompts.LastOrDefault(p => Named(p, "File") is not null) ?? "";
        if (Named(prompt, "File") is not { } path || Named(prompt, "Marker") is not { } marker)
        {
            return ModelTurn.Say("The prompt names no file and no marker, so I changed nothing.");
        }

        return request.Results switch
        {
            [] => ModelTurn.Use("Read", new { file_path = path }, $"I read {path} first."),
            [{ IsError: true } failed] => ModelTurn.Say($"I could not read {path}: {failed.Content}"),
            [var read] => Edit(prompt, path, marker, read.Content),
            [.., { IsError: true } failed] => ModelTurn.Say($"I could not change {path}: {failed.Content}"),
            _ => ModelTurn.Say($"I removed the {marker} comment from {path}. It is one small edit; I ran nothing."),
        };
    }

    private static ModelTurn Edit(string prompt, string path, string marker, string numbered)
    {
        var lines = NumberedLine().Matches(numbered).Select(m => m.Groups[1].Value).ToArray();
        var expected = int.TryParse(LineNumber().Match(prompt).Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var line) ? line - 1 : -1;
        var at = expected >= 0 && expected < lines.Length && lines[expected].Contains(marker, StringComparison.OrdinalIgnoreCase)
            ? expected
            : Array.FindIndex(lines, l => l.Contains(marker, StringComparison.OrdinalIgnoreCase));
        if (at < 0)
        {
            return ModelTurn.Say($"There is no {marker} in {path} any more, so I changed nothing.");
        }

        var end = at + 1;
        var finding = FirstBlock().Match(prompt).Groups["text"].Value;
        while (end < lines.Length && Continues(lines[at], lines[end], finding))
        {
            end++;
        }

        // The neighbours make the place unique where the same comment stands twice.
        var first = Math.Max(0, at - 2);
        var last = Math.Min(lines.Length, end + 2);
        var without = WithoutComment(lines[at], marker);
        string[] kept = [.. lines[first..at], .. without is null ? Array.Empty<string>() : [without], .. lines[end..last]];
        return ModelTurn.Use("Edit", new
        {
            file_path = path,
            old_string = string.Join('\n', lines[first..last]),
            new_string = string.Join('\n', kept),
        });
    }

    /// <summary>The line without its marked comment; null when nothing is left of it.</summary>
    private static string? WithoutComment(string line, string marker)
    {
        var at = line.IndexOf(marker, StringComparison.OrdinalIgnoreCase);
        var before = line[..at].TrimEnd();
        var leader = s_lineComments.Concat(s_blockComments).Where(l => before.EndsWith(l, StringComparison.Ordinal)).MaxBy(l => l.Length);
        if (leader is null || (leader is "/*" && !line.Contains("*/", StringComparison.Ordinal)) || (leader is "<!--" && !line.Contains("-->", StringComparison.Ordinal)))
        {
            return before;
        }

        var code = before[..^leader.Length].TrimEnd('/', '#', ' ', '\t');
        return code.Length == 0 ? null : code;
    }

    private static bool Continues(string commentLine, string next, string finding)
    {
        var leader = s_lineComments.FirstOrDefault(l => commentLine.TrimStart().StartsWith(l, StringComparison.Ordinal));
        var text = next.TrimStart();
        return leader is not null && text.StartsWith(leader, StringComparison.Ordinal)
            && text.TrimStart('/', '#', '-', ';', '%', ' ') is { Length: > 0 } said && finding.Contains(said.TrimEnd(), StringComparison.Ordinal);
    }

    private static string? Named(string prompt, string name)
        => Regex.Match(prompt, $@"^- {name}: (`+) ?(?<value>.+?) ?\1$", RegexOptions.Multiline) is { Success: true } match ? match.Groups["value"].Value : null;

    [GeneratedRegex(@"^\s*\d+[→\t](.*)$", RegexOptions.Multiline)]
    private static partial Regex NumberedLine();

    [GeneratedRegex("^- Line: ([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex LineNumber();

    [GeneratedRegex("^(?<fence>`{3,})text\n(?<text>.*?)\n\\k<fence>$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FirstBlock();
}
