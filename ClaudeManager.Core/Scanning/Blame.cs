using System.Globalization;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Scanning;

/// <param name="Author">As the commit has it: text from the repository.</param>
public sealed record BlameLine(string Author, DateTimeOffset At);

/// <summary>Who last wrote a line, and when. Costs a walk through history, so it is asked for one finding when somebody looks at it, never in a scan.</summary>
public static class Blame
{
    /// <returns>Null when it cannot be known: the history is cut there, or the line is not in the commit.</returns>
    public static async Task<BlameLine?> FindAsync(string repository, string commit, string path, int line, CancellationToken ct)
    {
        var range = FormattableString.Invariant($"{line},{line}");
        var blamed = await GitCommand.TryAsync(repository, ["-c", "blame.ignoreRevsFile=", "blame", "--porcelain", "--no-textconv", "-L", range, commit, "--", path], ct).ConfigureAwait(false);
        string? author = null;
        long? seconds = null;
        foreach (var fact in blamed.ExitCode == 0 ? blamed.Text.Split('\n') : [])
        {
            if (fact.StartsWith('\t'))
            {
                break;
            }

            if (fact.StartsWith("author ", StringComparison.Ordinal))
            {
                author = fact["author ".Length..];
            }
            else if (fact.StartsWith("author-time ", StringComparison.Ordinal) && long.TryParse(fact["author-time ".Length..], CultureInfo.InvariantCulture, out var time))
            {
                seconds = time;
            }
        }

        return author is not null && seconds is >= 0 and <= 253402300799 && !await IsCutAsync(repository, blamed.Text[..blamed.Text.IndexOf(' ')], ct).ConfigureAwait(false)
            ? new BlameLine(author, DateTimeOffset.FromUnixTimeSeconds(seconds.Value))
            : null;
    }

    /// <summary>Where a shallow clone's history is cut, git blames the first commit it has, which wrote nothing of it.</summary>
    private static async Task<bool> IsCutAsync(string repository, string commit, CancellationToken ct)
    {
        var file = (await GitCommand.RunAsync(repository, ["rev-parse", "--path-format=absolute", "--git-path", "shallow"], ct).ConfigureAwait(false)).Text;
        return File.Exists(file) && (await File.ReadAllLinesAsync(file, ct).ConfigureAwait(false)).Contains(commit);
    }
}
