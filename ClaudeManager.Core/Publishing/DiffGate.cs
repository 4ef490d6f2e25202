using System.Globalization;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Publishing;

/// <summary>
/// What an agent's diff must not carry out of the house unseen. A hit blocks publication and says why; an approver can let it through. What could not be read counts as a hit:
/// the gate never passes what it did not see.
/// </summary>
public static class DiffGate
{
    /// <summary>The rule of hits that are secrets.</summary>
    public const string Secret = "secret";

    // More of the same tells a reader nothing new.
    private const int MaxHits = 200;

    /// <param name="nestedRepositories">Folders of the workspace with a <c>.git</c> of their own, which no tree shows.</param>
    public static DiffGateDto Check(Diff diff, ApprovalsConfiguration limits, IReadOnlyList<string>? nestedRepositories = null)
    {
        var hits = new List<DiffGateHitDto>();
        CheckSize(diff, limits, hits);
        hits.AddRange((nestedRepositories ?? []).Select(path => new DiffGateHitDto("nested_git", Shown(path), null, "The workspace holds a git repository of its own here.")));
        var patterns = limits.ProtectedPaths.Select(p => new PathPattern(p)).ToList();
        foreach (var file in diff.Files)
        {
            var path = Shown(file.Path);
            CheckPath(file, path, patterns, hits);
            CheckMode(file, path, hits);
            CheckContent(file, path, hits);
        }

        if (hits.Count > MaxHits)
        {
            var more = hits.Count - MaxHits;
            hits.RemoveRange(MaxHits, more);
            hits.Add(new DiffGateHitDto("size", "", null, Invariant($"{more} more hits are not listed.")));
        }

        return new DiffGateDto(hits.Count == 0, hits);
    }

    private static void CheckSize(Diff diff, ApprovalsConfiguration limits, List<DiffGateHitDto> hits)
    {
        if (diff.Files.Count > limits.MaxDiffFiles)
        {
            hits.Add(new DiffGateHitDto("size", "", null, Invariant($"{diff.Files.Count} files changed; approvals.maxDiffFiles is {limits.MaxDiffFiles}.")));
        }

        var lines = (long)diff.Added + diff.Removed;
        if (lines > limits.MaxDiffLines)
        {
            hits.Add(new DiffGateHitDto("size", "", null, Invariant($"{lines} lines changed; approvals.maxDiffLines is {limits.MaxDiffLines}.")));
        }

        if (!diff.Complete)
        {
            hits.Add(new DiffGateHitDto("size", "", null, Invariant($"The patch is longer than {DiffReader.MaxPatchBytes / (1024 * 1024)} MB; it was not read to its end and not searched for secrets.")));
        }
    }

    private static void CheckPath(DiffFile file, string shown, List<PathPattern> patterns, List<DiffGateHitDto> hits)
    {
        foreach (var (path, verb) in file.OldPath is { } old ? new[] { (file.Path, "written"), (old, "moved away") } : [(file.Path, file.Status == 'D' ? "deleted" : "written")])
        {
            if (patterns.Find(p => p.Matches(path)) is { } pattern)
            {
                hits.Add(new DiffGateHitDto("protected_path", Shown(path), null, $"Protected by '{pattern.Glob}' (approvals.protectedPaths) and {verb}."));
            }
        }

        // Windows reads a backslash as a separator, so a name with one is judged as a path there.
        var parts = file.Path.Split('/', '\\');
        if (file.Path.StartsWith('/') || file.Path.StartsWith('\\') || parts.Contains("..") || (file.Path.Length > 1 && file.Path[1] == ':'))
        {
            hits.Add(new DiffGateHitDto("outside_workspace", shown, null, "The path can lead out of the work tree."));
        }

        if (parts.Any(IsGitFolder))
        {
            hits.Add(new DiffGateHitDto("nested_git", shown, null, "The path names a .git folder, which git would read as its own."));
        }

        if (shown != file.Path)
        {
            hits.Add(new DiffGateHitDto(Secret, shown, null, "The file name holds something that looks like a secret."));
        }
    }

    private static void CheckMode(DiffFile file, string shown, List<DiffGateHitDto> hits)
    {
        switch (file.NewMode)
        {
            case DiffFile.ModeLink:
                hits.Add(new DiffGateHitDto("symlink", shown, null, LinkTarget(file, shown)));
                break;
            case DiffFile.ModeRepository:
                hits.Add(new DiffGateHitDto("nested_git", shown, null, "A link to a commit of another repository (submodule)."));
                break;
            case DiffFile.ModeFile or DiffFile.ModeExecutable when file.OldMode is DiffFile.ModeFile or DiffFile.ModeExecutable && file.OldMode != file.NewMode:
                hits.Add(new DiffGateHitDto("mode", shown, null, file.NewMode == DiffFile.ModeExecutable ? "An existing file was made executable." : "An executable file lost that mode."));
                break;
            case 0 or DiffFile.ModeFile or DiffFile.ModeExecutable:
                break;
            default:
                hits.Add(new DiffGateHitDto("mode", shown, null, $"The file mode {Convert.ToString(file.NewMode, 8)} is none that git writes."));
                break;
        }
    }

    private static string LinkTarget(DiffFile file, string shown)
    {
        // A link's content is its target; a rename without a change has no lines.
        var target = string.Join('\n', file.Lines().Where(l => l.Sign == '+').Select(l => l.Text.ToString()));
        if (target.Length == 0)
        {
            return "A symbolic link.";
        }

        var depth = shown.Count(c => c == '/');
        foreach (var part in target.Split('/', '\\'))
        {
            depth += part switch { ".." => -1, "." or "" => 0, _ => 1 };
            if (depth < 0)
            {
                break;
            }
        }

        var outside = depth < 0 || target[0] is '/' or '\\' || (target.Length > 1 && target[1] == ':');
        return $"A symbolic link to '{Shown(target)}'{(outside ? ", outside the work tree" : "")}.";
    }

    private static void CheckContent(DiffFile file, string shown, List<DiffGateHitDto> hits)
    {
        if (file.Status == 'D' || file.NewMode == DiffFile.ModeRepository)
        {
            return;
        }

        if (file.Binary)
        {
            hits.Add(new DiffGateHitDto("binary", shown, null, "Binary (or too large to compare): nobody can read what changed."));
            return;
        }

        // The added lines as one text, so that a key over several lines is one hit.
        var text = new StringBuilder();
        var starts = new List<int>();
        var numbers = new List<int>();
        foreach (var line in file.Lines())
        {
            if (line.Sign == '+')
            {
                starts.Add(text.Length);
                numbers.Add(line.Number);
                text.Append(line.Text).Append('\n');
            }
        }

        foreach (var secret in SecretPatterns.Find(text.ToString()))
        {
            var index = starts.BinarySearch(secret.Start);
            hits.Add(new DiffGateHitDto(
                Secret, shown, numbers[index < 0 ? ~index - 1 : index], Invariant($"An added line holds what looks like a secret: {secret.Kind}, {secret.Length} characters.")));
        }
    }

    /// <summary>A path or target as it may be shown: with a secret in it masked.</summary>
    private static string Shown(string path)
    {
        foreach (var secret in SecretPatterns.Find(path).Reverse())
        {
            path = string.Concat(path.AsSpan(0, secret.Start), "***", path.AsSpan(secret.End));
        }

        return path;
    }

    /// <summary>What NTFS or HFS+ would open as <c>.git</c>: other case, trailing dots and spaces, the short name, a stream, characters that are ignored.</summary>
    private static bool IsGitFolder(string name)
    {
        var letters = string.Concat(name.Where(c => char.GetUnicodeCategory(c) is not UnicodeCategory.Format)).Split(':')[0].TrimEnd('.', ' ');
        return letters.Equals(".git", StringComparison.OrdinalIgnoreCase) || letters.Equals("git~1", StringComparison.OrdinalIgnoreCase);
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
