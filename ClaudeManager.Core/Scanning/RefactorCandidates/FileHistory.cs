using System.Globalization;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Scanning.Trees;

namespace ClaudeManager.Core.Scanning.RefactorCandidates;

/// <param name="Changes">Commits that changed the file.</param>
/// <param name="Authors">Different addresses they are by.</param>
internal sealed record FileHistory(int Changes, int Authors)
{
    public const int Days = 365;

    private const int MostCommits = 5_000;

    /// <summary>A commit that touches more was a sweep over the repository, and says nothing of any single file.</summary>
    private const int MostFiles = 100;

    /// <summary>The year before a commit, by the names files have in it, from one walk through history. Trees are enough for it, so it works in a mirror without the content of its history.</summary>
    public static async Task<IReadOnlyDictionary<string, FileHistory>> ReadAsync(string repository, string commit, CancellationToken ct)
    {
        // From the commit's own day and not from today: the same commit has the same history for ever.
        var day = await GitCommand.RunAsync(repository, ["show", "-s", "--format=%ct", commit], ct).ConfigureAwait(false);
        var since = long.Parse(day.Text, CultureInfo.InvariantCulture) - (Days * 86_400L);
        var log = await GitCommand.RunAsync(
            repository,
            ["log", "-z", "--no-merges", "--no-show-signature", "--name-status", "-M100%", FormattableString.Invariant($"--since={since}"), FormattableString.Invariant($"--max-count={MostCommits}"), "--format=%x01%ae", commit],
            ct).ConfigureAwait(false);
        return Count(log.Output);
    }

    private static Dictionary<string, FileHistory> Count(byte[] log)
    {
        var seen = new Dictionary<string, (int Changes, HashSet<string> Authors)>();
        var names = new Dictionary<string, string>();
        var author = "";
        var touched = new List<string>();
        var renamed = new List<(string From, string To)>();
        var fields = new Queue<string>(Split(log));
        while (fields.TryDequeue(out var field))
        {
            if (field.StartsWith('\x01'))
            {
                Close();
                author = field[1..].Trim();
                continue;
            }

            // "<status>" NUL path, of a rename NUL the new path; git puts a line feed before the first one.
            var status = field.TrimStart('\n');
            if (status.Length == 0 || !fields.TryDequeue(out var path))
            {
                continue;
            }

            if (status[0] is 'R' or 'C' && fields.TryDequeue(out var to))
            {
                if (status[0] == 'R')
                {
                    renamed.Add((path, to));
                }

                path = to;
            }

            touched.Add(path);
        }

        Close();
        return seen.ToDictionary(f => f.Key, f => new FileHistory(f.Value.Changes, f.Value.Authors.Count));

        // Newest first, so what a file was called before is met later.
        void Close()
        {
            foreach (var path in touched.Count <= MostFiles ? touched.Distinct() : [])
            {
                var now = names.GetValueOrDefault(path, path);
                var (changes, authors) = seen.TryGetValue(now, out var known) ? known : (0, []);
                authors.Add(author);
                seen[now] = (changes + 1, authors);
            }

            foreach (var (from, to) in renamed)
            {
                names[from] = names.GetValueOrDefault(to, to);
            }

            touched.Clear();
            renamed.Clear();
        }
    }

    private static IEnumerable<string> Split(byte[] text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = Array.IndexOf(text, (byte)0, start);
            end = end < 0 ? text.Length : end;
            yield return TreeEntry.PathText(text.AsSpan(start, end - start));
            start = end + 1;
        }
    }
}
