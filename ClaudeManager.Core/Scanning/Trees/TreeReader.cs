using System.Collections.Concurrent;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Core.Scanning.Trees;

/// <summary>Called for each file read, on thread <paramref name="worker"/> of <see cref="TreeReader.Workers"/>.</summary>
internal delegate void BlobVisitor(int worker, TreeEntry entry, ReadOnlySpan<byte> content);

/// <summary>Lists the tree of a commit and reads its files: from the working tree where that surely holds the same bytes, else from git's object store.</summary>
internal sealed class TreeReader(LocalRepository repository)
{
    /// <summary>Larger files are reported, not read: nobody keeps work for people in them, and memory is bounded by this for each worker.</summary>
    public const int LargestFile = 32 << 20;

    /// <summary>Objects asked for at once. Two chunks of requests fit a pipe, so neither git nor we ever wait for the other to read.</summary>
    private const int Chunk = 64;

    private const int MostDeaths = 100;

    /// <summary>Fewer files are read faster than a further process starts.</summary>
    private const int WorthAsking = 256;

    /// <summary>What stands between two ASCII letters in PCRE's notation: nothing, or in UTF-16 a zero byte.</summary>
    private static readonly string[] s_betweenBytes = ["", @"\x00"];

    public static int Workers { get; } = Math.Clamp(Environment.ProcessorCount, 2, 4);

    public async Task<IReadOnlyList<TreeEntry>> ListAsync(CancellationToken ct)
    {
        var listed = await GitCommand.RunAsync(repository.Path, ["ls-tree", "-r", "-z", "--full-tree", repository.Commit], ct).ConfigureAwait(false);
        var entries = new List<TreeEntry>();
        for (var rest = listed.Output.AsMemory(); !rest.IsEmpty;)
        {
            // "<mode> <type> <id>\t<path>\0"
            var line = TakeField(ref rest);
            var tab = line.Span.IndexOf((byte)'\t');
            var facts = line.Span[..tab];
            entries.Add(TreeEntry.Create(line[(tab + 1)..], Encoding.ASCII.GetString(facts[(facts.LastIndexOf((byte)' ') + 1)..]), facts[..facts.IndexOf((byte)' ')]));
        }

        return entries;
    }

    /// <summary>Null when <paramref name="since"/> is no longer in the repository.</summary>
    public async Task<TreeDifference?> CompareAsync(string since, CancellationToken ct)
    {
        var compared = await GitCommand.TryAsync(repository.Path, ["diff-tree", "-r", "-z", "--raw", "-M", "-l2000", since, repository.Commit], ct).ConfigureAwait(false);
        if (compared.ExitCode != 0)
        {
            return null;
        }

        var entries = new List<TreeEntry>();
        var touched = new HashSet<string>();
        var renames = new Dictionary<string, string>();
        for (var rest = compared.Output.AsMemory(); !rest.IsEmpty;)
        {
            // ":<old mode> <new mode> <old id> <new id> <status>\0<path>\0", and for a rename "<old path>\0<new path>\0"
            var facts = Encoding.ASCII.GetString(TakeField(ref rest).Span).Split(' ');
            var rawPath = TakeField(ref rest);
            var path = TreeEntry.PathText(rawPath.Span);
            touched.Add(path);
            if (facts[4][0] == 'D')
            {
                continue;
            }

            if (facts[4][0] == 'R')
            {
                var old = path;
                rawPath = TakeField(ref rest);
                path = TreeEntry.PathText(rawPath.Span);
                touched.Add(path);
                renames[path] = old;
            }

            entries.Add(TreeEntry.Create(rawPath, facts[3], Encoding.ASCII.GetBytes(facts[1])));
        }

        return new TreeDifference(entries, touched, renames);
    }

    /// <summary>Reads files, several at a time and in no order, and returns those that could not be.</summary>
    /// <param name="tree">The whole tree <paramref name="entries"/> are of, where it is known: its <c>.gitattributes</c> say whether the working tree may be read instead.</param>
    /// <param name="words">Files without any of these words need not be visited; null: visit all.</param>
    public async Task<IReadOnlyList<ScanProblemDto>> ReadAsync(IReadOnlyList<TreeEntry> entries, IReadOnlyList<TreeEntry>? tree, IReadOnlyList<string>? words, BlobVisitor visit, ScanProgress progress, CancellationToken ct)
    {
        progress.Expect(entries.Count);
        var problems = new ConcurrentBag<ScanProblemDto>();
        IReadOnlyList<TreeEntry> stored = entries;
        if (tree is not null && !repository.IsBare && entries.Count > 0)
        {
            using var checkedOut = WorkingTree.TryOpen(repository.Path, repository.GitDirectory, entries[0].BlobId.Length / 2);
            if (checkedOut is not null && !await HasFiltersAsync(tree, ct).ConfigureAwait(false))
            {
                stored = await ReadCheckedOutAsync(checkedOut, entries, VisitAndCount, ct).ConfigureAwait(false);
            }
        }

        // For most of a large tree it pays to have git look for the words itself: what it reads then need not come through a pipe.
        if (words is not null && tree is not null && stored.Count >= WorthAsking && stored.Count >= tree.Count / 2
            && await FindPathsWithAsync(words, ct).ConfigureAwait(false) is { } paths)
        {
            var all = stored.Count;
            stored = [.. stored.Where(e => paths.Contains(e.Path))];
            progress.Done(all - stored.Count);
        }

        await ReadStoredAsync(stored, VisitAndCount, problems, ct).ConfigureAwait(false);
        progress.Done(problems.Count);
        return [.. problems.OrderBy(p => p.Path, StringComparer.Ordinal)];

        void VisitAndCount(int worker, TreeEntry entry, ReadOnlySpan<byte> content)
        {
            visit(worker, entry, content);
            progress.Done();
        }
    }

    /// <summary>Paths of the commit whose content has one of the words, in any encoding that keeps ASCII or in UTF-16.</summary>
    /// <returns>Null when git cannot say for sure: built without PCRE, or an object is missing or damaged.</returns>
    private async Task<HashSet<string>?> FindPathsWithAsync(IReadOnlyList<string> words, CancellationToken ct)
    {
        // Every character by its number, so that none has a meaning of its own.
        IEnumerable<string> patterns = s_betweenBytes.SelectMany(between => words.Select(word => string.Join(between, word.Select(c => FormattableString.Invariant($@"\x{(int)c:x2}")))));
        var found = await GitCommand.TryAsync(repository.Path, ["grep", "--files-with-matches", "-z", "--no-color", "--full-name", "--perl-regexp", .. patterns.SelectMany(p => new[] { "-e", p }), repository.Commit], ct).ConfigureAwait(false);
        if (found.ExitCode is not (0 or 1) || found.Error.Length > 0)
        {
            return null;
        }

        var paths = new HashSet<string>();
        for (var rest = found.Output.AsMemory(); !rest.IsEmpty;)
        {
            paths.Add(TreeEntry.PathText(TakeField(ref rest).Span[(repository.Commit.Length + 1)..]));
        }

        return paths;
    }

    /// <summary>With a content filter (Git LFS and the like) a clean checked-out file holds other bytes than its blob.</summary>
    private async Task<bool> HasFiltersAsync(IReadOnlyList<TreeEntry> entries, CancellationToken ct)
    {
        var local = Path.Combine(repository.CommonDirectory, "info", "attributes");
        if (File.Exists(local) && (await File.ReadAllBytesAsync(local, ct).ConfigureAwait(false)).AsSpan().IndexOf("filter="u8) >= 0)
        {
            return true;
        }

        var attributes = entries.Where(e => e.Kind == TreeEntryKind.File && e.Path.EndsWith(".gitattributes", StringComparison.Ordinal)).ToList();
        var found = 0;
        await ReadStoredAsync(attributes, (_, _, content) =>
        {
            if (content.IndexOf("filter="u8) >= 0)
            {
                Volatile.Write(ref found, 1);
            }
        }, [], ct).ConfigureAwait(false);
        return found == 1;
    }

    private static async Task<IReadOnlyList<TreeEntry>> ReadCheckedOutAsync(WorkingTree tree, IReadOnlyList<TreeEntry> entries, BlobVisitor visit, CancellationToken ct)
    {
        var left = new ConcurrentBag<int>();
        var next = -1;
        await RunWorkersAsync(worker =>
        {
            var buffer = GC.AllocateUninitializedArray<byte>(1 << 16);
            Span<byte> id = stackalloc byte[32];
            for (var i = Interlocked.Increment(ref next); i < entries.Count; i = Interlocked.Increment(ref next))
            {
                ct.ThrowIfCancellationRequested();
                var entry = entries[i];
                Convert.FromHexString(entry.BlobId, id, out _, out var idLength);
                if (tree.TryRead(entry, id[..idLength], LargestFile, ref buffer, out var length))
                {
                    visit(worker, entry, buffer.AsSpan(0, length));
                }
                else
                {
                    left.Add(i);
                }
            }
        }, Workers, ct).ConfigureAwait(false);
        return [.. left.Order().Select(i => entries[i])];
    }

    private async Task ReadStoredAsync(IReadOnlyList<TreeEntry> entries, BlobVisitor visit, ConcurrentBag<ScanProblemDto> problems, CancellationToken ct)
    {
        var next = 0;
        var workers = Math.Min(Workers, (entries.Count + Chunk - 1) / Chunk);
        await RunWorkersAsync(worker =>
        {
            ObjectReader? reader = null;
            var deaths = 0;
            try
            {
                var asked = new Queue<TreeEntry>();
                while (true)
                {
                    // The next chunk is asked for while git still works on the one before.
                    if (asked.Count <= Chunk && Take() is { Count: > 0 } chunk)
                    {
                        reader ??= new ObjectReader(repository.Path, ct);
                        reader.Ask(chunk.Select(e => e.BlobId));
                        foreach (var entry in chunk)
                        {
                            asked.Enqueue(entry);
                        }
                    }

                    if (!asked.TryDequeue(out var current))
                    {
                        return;
                    }

                    switch (reader!.Next(LargestFile, out var content))
                    {
                        case ObjectAnswer.Found:
                            visit(worker, current, content);
                            break;
                        case ObjectAnswer.TooLarge:
                            problems.Add(new ScanProblemDto(current.Path, "too_large", $"Larger than {LargestFile >> 20} MiB."));
                            break;
                        case ObjectAnswer.Missing:
                            problems.Add(new ScanProblemDto(current.Path, "missing_object", $"The repository does not hold blob {current.BlobId}."));
                            break;
                        case ObjectAnswer.Died when ++deaths > MostDeaths:
                            throw new IOException($"git cat-file keeps ending in '{repository.Path}'; 'git fsck' says why.");
                        case ObjectAnswer.Died:
                            problems.Add(new ScanProblemDto(current.Path, "unreadable_object", $"git could not read blob {current.BlobId}; 'git fsck' says why."));
                            reader.Dispose();
                            reader = new ObjectReader(repository.Path, ct);
                            reader.Ask(asked.Select(e => e.BlobId));
                            break;
                    }
                }
            }
            finally
            {
                reader?.Dispose();
            }
        }, workers, ct).ConfigureAwait(false);

        List<TreeEntry> Take()
        {
            var from = Interlocked.Add(ref next, Chunk) - Chunk;
            return [.. entries.Skip(from).Take(Chunk)];
        }
    }

    private static Task RunWorkersAsync(Action<int> work, int workers, CancellationToken ct)
        => Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Factory.StartNew(() => work(worker), ct, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

    private static ReadOnlyMemory<byte> TakeField(ref Memory<byte> rest)
    {
        var end = rest.Span.IndexOf((byte)0);
        var field = rest[..end];
        rest = rest[(end + 1)..];
        return field;
    }
}
