using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Publishing;

/// <summary>What lies between two commits, as far as it could be read.</summary>
/// <param name="Complete">False: the patch was longer than <see cref="DiffReader.MaxPatchBytes"/>, so some files have no text here. Nobody may conclude anything from what is missing.</param>
public sealed record Diff(IReadOnlyList<DiffFile> Files, bool Complete)
{
    // What a page shows; the whole text stays in the commit.
    private const int MaxFilePatch = 200_000;
    private const int MaxPatches = 2_000_000;

    public int Added => Files.Sum(f => f.Added);

    public int Removed => Files.Sum(f => f.Removed);

    public DiffDto ToDto()
    {
        var entries = new List<DiffFileDto>(Files.Count);
        var left = MaxPatches;
        var truncated = !Complete;
        foreach (var file in Files)
        {
            var patch = file.Patch;
            if (patch is not null && patch.Length > Math.Min(MaxFilePatch, left))
            {
                patch = null;
                truncated = true;
            }

            left -= patch?.Length ?? 0;
            entries.Add(new DiffFileDto(file.Path, file.OldPath, file.StatusName, file.Added, file.Removed, file.Binary, patch));
        }

        return new DiffDto(Files.Count, Added, Removed, entries, truncated);
    }
}

/// <param name="Path">The path after (before, for a deletion). Bytes that are no UTF-8 are written <c>\xNN</c>.</param>
/// <param name="OldPath">The path before, where it was another one.</param>
/// <param name="Status">git's letter: A, C, D, M, R or T.</param>
/// <param name="OldMode">0 where there was nothing.</param>
/// <param name="Added">Lines; 0 for binary files.</param>
/// <param name="Patch">Unified diff with its headers; null where it was not read.</param>
public sealed record DiffFile(string Path, string? OldPath, char Status, int OldMode, int NewMode, int Added, int Removed, bool Binary, string? Patch)
{
    public const int ModeFile = 0x81A4; // 100644
    public const int ModeExecutable = 0x81ED; // 100755
    public const int ModeLink = 0xA000; // 120000
    public const int ModeRepository = 0xE000; // 160000

    public string StatusName => Status switch
    {
        'A' => "added",
        'C' => "copied",
        'D' => "deleted",
        'R' => "renamed",
        'T' => "type_changed",
        _ => "modified",
    };

    /// <summary>The added and removed lines of the patch, without their sign.</summary>
    internal IEnumerable<DiffLine> Lines()
    {
        if (Patch is null)
        {
            yield break;
        }

        var oldLine = 0;
        var newLine = 0;
        var inHunk = false;
        foreach (var range in Patch.AsMemory().Lines())
        {
            var line = range.Span;
            if (line.StartsWith("@@ "))
            {
                (oldLine, newLine) = HunkStart(line);
                inHunk = true;
            }
            else if (line.StartsWith("diff --git "))
            {
                inHunk = false;
            }
            else if (inHunk && line is ['+', ..])
            {
                yield return new DiffLine('+', newLine++, range[1..]);
            }
            else if (inHunk && line is ['-', ..])
            {
                yield return new DiffLine('-', oldLine++, range[1..]);
            }
            else if (inHunk && line is [' ', ..])
            {
                oldLine++;
                newLine++;
            }
        }
    }

    // "@@ -12,3 +14,4 @@ …"
    private static (int Old, int New) HunkStart(ReadOnlySpan<char> line)
    {
        var plus = line.IndexOf('+');
        return (Number(line[4..]), Number(line[(plus + 1)..]));

        static int Number(ReadOnlySpan<char> text)
        {
            var end = text.IndexOfAnyExceptInRange('0', '9');
            return int.Parse(end < 0 ? text : text[..end], System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}

/// <param name="Sign"><c>+</c> or <c>-</c>.</param>
/// <param name="Number">Line number in the file after (<c>+</c>) or before (<c>-</c>).</param>
internal readonly record struct DiffLine(char Sign, int Number, ReadOnlyMemory<char> Text);

internal static class LineSplitting
{
    /// <summary>Splits at line feeds only: a lone carriage return or a Unicode separator is content, as it is for git.</summary>
    public static IEnumerable<ReadOnlyMemory<char>> Lines(this ReadOnlyMemory<char> text)
    {
        while (!text.IsEmpty)
        {
            var end = text.Span.IndexOf('\n');
            yield return end < 0 ? text : text[..end];
            text = end < 0 ? default : text[(end + 1)..];
        }
    }
}
