using System.Globalization;
using System.Text.RegularExpressions;

namespace ClaudeManager.Web.Components.Pages.Runs;

internal enum PatchLineKind
{
    Context,
    Added,
    Removed,
    Hunk,
}

/// <param name="Old">Line number before the change, where it had one.</param>
/// <param name="New">Line number after it.</param>
internal sealed record PatchLine(PatchLineKind Kind, int? Old, int? New, string Text);

/// <summary>Reads a unified diff of one file for showing. It judges nothing: what is no hunk is left out.</summary>
internal static partial class PatchText
{
    public static IReadOnlyList<PatchLine> Parse(string patch)
    {
        List<PatchLine> lines = [];
        int old = 0, @new = 0;
        var inHunk = false;
        foreach (var range in patch.AsSpan().Split('\n'))
        {
            var line = patch[range].TrimEnd('\r');
            if (Header().Match(line) is { Success: true } header)
            {
                old = int.Parse(header.Groups["old"].Value, CultureInfo.InvariantCulture);
                @new = int.Parse(header.Groups["new"].Value, CultureInfo.InvariantCulture);
                inHunk = true;
                lines.Add(new PatchLine(PatchLineKind.Hunk, null, null, line));
            }
            else if (inHunk && line.Length > 0)
            {
                switch (line[0])
                {
                    case '+':
                        lines.Add(new PatchLine(PatchLineKind.Added, null, @new++, line[1..]));
                        break;
                    case '-':
                        lines.Add(new PatchLine(PatchLineKind.Removed, old++, null, line[1..]));
                        break;
                    case ' ':
                        lines.Add(new PatchLine(PatchLineKind.Context, old++, @new++, line[1..]));
                        break;
                    case '\\':
                        lines.Add(new PatchLine(PatchLineKind.Context, null, null, line));
                        break;
                }
            }
        }

        return lines;
    }

    /// <summary>Left and right of a side-by-side view: what was removed stands beside what replaced it.</summary>
    public static IEnumerable<(PatchLine? Left, PatchLine? Right)> Pair(IEnumerable<PatchLine> lines)
    {
        var removed = new Queue<PatchLine>();
        var added = new Queue<PatchLine>();
        foreach (var line in lines)
        {
            switch (line.Kind)
            {
                case PatchLineKind.Removed when added.Count == 0:
                    removed.Enqueue(line);
                    continue;
                case PatchLineKind.Added:
                    added.Enqueue(line);
                    continue;
            }

            foreach (var pair in Drain())
            {
                yield return pair;
            }

            if (line.Kind is PatchLineKind.Removed)
            {
                removed.Enqueue(line);
            }
            else
            {
                yield return (line, line);
            }
        }

        foreach (var pair in Drain())
        {
            yield return pair;
        }

        IEnumerable<(PatchLine?, PatchLine?)> Drain()
        {
            while (removed.Count > 0 || added.Count > 0)
            {
                yield return (removed.TryDequeue(out var left) ? left : null, added.TryDequeue(out var right) ? right : null);
            }
        }
    }

    [GeneratedRegex(@"^@@ -(?<old>\d{1,9})(?:,\d+)? \+(?<new>\d{1,9})(?:,\d+)? @@", RegexOptions.CultureInvariant)]
    private static partial Regex Header();
}
