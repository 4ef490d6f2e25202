using System.Collections.Concurrent;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Scanning.Trees;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Scanning.Trees;

public sealed class TreeReaderTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task List_NamesNoFileSystemWouldTake_AreListedAndRead()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, bare: true);
        await repository.CommitRawAsync(Ct, entries:
        [
            ("100644", "new\nline\t\"quoted\" \u0001\u007f"u8.ToArray(), "one"u8.ToArray()),
            ("100755", [.. "caf"u8, 0xe9, .. ".c"u8], "two"u8.ToArray()),
            ("120000", "link"u8.ToArray(), "/etc/passwd"u8.ToArray()),
            ("160000", "module"u8.ToArray(), "0123456789012345678901234567890123456789"u8.ToArray()),
        ]);
        var tree = await OpenAsync(repository);

        var entries = await tree.ListAsync(Ct);

        Assert.Equal(["caf\\351.c", "link", "module", "new\nline\t\"quoted\" \u0001\u007f"], entries.Select(e => e.Path));
        Assert.Equal([TreeEntryKind.File, TreeEntryKind.SymbolicLink, TreeEntryKind.Submodule, TreeEntryKind.File], entries.Select(e => e.Kind));
        var (read, problems) = await ReadAsync(tree, entries);
        Assert.Empty(problems);
        Assert.Equal("two", read["caf\\351.c"]);
        Assert.Equal("one", read["new\nline\t\"quoted\" \u0001\u007f"]);
    }

    [Fact]
    public async Task Read_EmptyTree_ReadsNothing()
    {
        await using var repository = await TestRepository.CreateAsync(Ct);
        await repository.CommitAsync("Empty", Ct);
        var tree = await OpenAsync(repository);

        Assert.Empty(await tree.ListAsync(Ct));
        Assert.Empty((await ReadAsync(tree, [])).Read);
    }

    [Fact]
    public async Task Read_CleanCheckout_DoesNotNeedTheObjectStore()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The working tree is read on Linux only.");
        await using var repository = await ManyAsync();
        var tree = await OpenAsync(repository);
        var entries = await tree.ListAsync(Ct);
        RepositoryAge.Age(repository);
        foreach (var entry in entries)
        {
            File.Delete(ObjectFile(repository, entry.BlobId));
        }

        var (read, problems) = await ReadAsync(tree, entries);

        Assert.Empty(problems);
        Assert.Equal(300, read.Count);
        Assert.Equal("content 7\n", read["f/7.txt"]);
    }

    [Fact]
    public async Task Read_BareRepository_ReadsTheSame()
    {
        await using var repository = await ManyAsync();
        var bare = repository.Path + "-bare";
        await repository.GitAsync(Ct, "clone", "--quiet", "--bare", repository.Path, bare);
        var tree = new TreeReader((await LocalRepository.OpenAsync(bare, null, Ct)).Value!);

        var (read, problems) = await ReadAsync(tree, await tree.ListAsync(Ct));

        Assert.Empty(problems);
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"content {i}\n").Order(StringComparer.Ordinal), read.Values.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Read_LargeBareTreeForWords_VisitsWhatHasThemInAnyEncoding()
    {
        await using var repository = await ManyAsync();
        await repository
            .Write("utf16.txt", [0xff, 0xfe, .. Encoding.Unicode.GetBytes("a TO+DO")])
            .Write("big.txt", Encoding.BigEndianUnicode.GetBytes("TO+DO"))
            .Write("latin.txt", [0xe9, .. "TO+DO"u8])
            .Write("no.txt", "TOODO TO DO to+do")
            .CommitAsync("Encodings", Ct);
        var bare = repository.Path + "-bare";
        await repository.GitAsync(Ct, "clone", "--quiet", "--bare", repository.Path, bare);
        var tree = new TreeReader((await LocalRepository.OpenAsync(bare, null, Ct)).Value!);

        var (read, problems) = await ReadAsync(tree, await tree.ListAsync(Ct), words: ["TO+DO", "content 299"]);

        Assert.Empty(problems);
        Assert.Equal(["big.txt", "f/299.txt", "latin.txt", "utf16.txt"], read.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Read_LargeDamagedTreeForWords_ReportsTheDamageAsWithout()
    {
        await using var repository = await ManyAsync();
        var tree = await OpenAsync(repository);
        var entries = await tree.ListAsync(Ct);
        File.Delete(ObjectFile(repository, entries.Single(e => e.Path == "f/7.txt").BlobId));
        repository.Delete("f/7.txt");
        File.Delete(Path.Combine(repository.Path, ".git", "index"));

        var (read, problems) = await ReadAsync(tree, entries, words: ["content 8"]);

        Assert.Equal(("f/7.txt", "missing_object"), Assert.Single(problems.Select(p => (p.Path, p.Reason))));
        Assert.Contains("f/8.txt", read.Keys);
    }

    [Fact]
    public async Task Read_UncommittedEdits_AreNotSeen()
    {
        await using var repository = await ManyAsync();
        RepositoryAge.Age(repository);
        var edited = Path.Combine(repository.Path, "f/1.txt");
        var time = File.GetLastWriteTimeUtc(edited);
        // The same size and the same time of modification, as an editor that means to hide would leave them.
        repository.Write("f/1.txt", "CONTENT 1\n");
        File.SetLastWriteTimeUtc(edited, time);
        repository.Delete("f/2.txt").Write("f/3.txt", "longer than it was\n");
        var tree = await OpenAsync(repository);

        var (read, _) = await ReadAsync(tree, await tree.ListAsync(Ct));

        Assert.Equal(["content 1\n", "content 2\n", "content 3\n"], [read["f/1.txt"], read["f/2.txt"], read["f/3.txt"]]);
    }

    [Fact]
    public async Task Read_FolderReplacedByALinkOutOfTheTree_IsNotFollowed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The working tree is read on Linux only.");
        await using var repository = await ManyAsync();
        RepositoryAge.Age(repository);
        var outside = repository.Path + "-outside";
        // Moving keeps inode, size and times: only that it is reached through a link gives it away.
        Directory.Move(Path.Combine(repository.Path, "f"), outside);
        repository.Link("f", outside);
        var tree = await OpenAsync(repository);
        var entries = await tree.ListAsync(Ct);
        foreach (var entry in entries)
        {
            File.Delete(ObjectFile(repository, entry.BlobId));
        }

        var (read, problems) = await ReadAsync(tree, entries);

        Assert.Empty(read);
        Assert.Equal(300, problems.Count);
        Assert.All(problems, p => Assert.Equal("missing_object", p.Reason));
    }

    [Fact]
    public async Task Read_ContentFilter_ReadsBlobsInstead()
    {
        await using var repository = await ManyAsync();
        await repository.Write("deep/.gitattributes", "*.bin filter=lfs -text\n").CommitAsync("Attributes", Ct);
        RepositoryAge.Age(repository);
        var tree = await OpenAsync(repository);
        var entries = await tree.ListAsync(Ct);
        File.Delete(ObjectFile(repository, entries.Single(e => e.Path == "f/7.txt").BlobId));

        var (_, problems) = await ReadAsync(tree, entries);

        Assert.Equal(("f/7.txt", "missing_object"), Assert.Single(problems.Select(p => (p.Path, p.Reason))));
    }

    [Fact]
    public async Task Read_DamagedObject_LeavesTheRest()
    {
        await using var repository = await ManyAsync();
        var tree = await OpenAsync(repository);
        var entries = await tree.ListAsync(Ct);
        var damaged = ObjectFile(repository, entries.Single(e => e.Path == "f/7.txt").BlobId);
        File.Delete(damaged);
        await File.WriteAllTextAsync(damaged, "damage", Ct);

        var (read, problems) = await ReadAsync(tree, entries, stored: true);

        Assert.Equal("f/7.txt", Assert.Single(problems).Path);
        Assert.Equal(299, read.Count);
    }

    [Fact]
    public async Task Read_FileBeyondTheLimit_IsReportedAndTheNextIsRead()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.txt", "a"), ("c.txt", "c"));
        await repository.Write("b.txt", new byte[TreeReader.LargestFile + 1]).CommitAsync("Large", Ct);
        RepositoryAge.Age(repository);
        var tree = await OpenAsync(repository);

        var (read, problems) = await ReadAsync(tree, await tree.ListAsync(Ct));

        Assert.Equal(("b.txt", "too_large"), Assert.Single(problems.Select(p => (p.Path, p.Reason))));
        Assert.Equal(["a", "c"], read.Values.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Read_Cancelled_Ends()
    {
        await using var repository = await ManyAsync();
        var tree = await OpenAsync(repository);
        var entries = await tree.ListAsync(Ct);
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tree.ReadAsync(entries, null, null, (_, _, _) => cancel.Cancel(), new ScanProgress(), cancel.Token));
    }

    [Fact]
    public async Task Compare_EveryKindOfChange_IsNamed()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("changed.c", "1\n"), ("deleted.c", "2\n"), ("moved.c", string.Concat(Enumerable.Range(0, 30).Select(i => $"line {i}\n"))), ("same.c", "4\n"));
        var since = await repository.HeadAsync(Ct);
        await repository.Write("changed.c", "one\n").Delete("deleted.c").Move("moved.c", "to/moved.c").Write("new.c", "5\n").CommitAsync("Second", Ct);
        var tree = await OpenAsync(repository);

        var difference = await tree.CompareAsync(since, Ct);

        Assert.NotNull(difference);
        Assert.Equal(["changed.c", "new.c", "to/moved.c"], difference.Entries.Select(e => e.Path).Order(StringComparer.Ordinal));
        Assert.Equal(["changed.c", "deleted.c", "moved.c", "new.c", "to/moved.c"], difference.Touched.Order(StringComparer.Ordinal));
        Assert.Equal(new Dictionary<string, string> { ["to/moved.c"] = "moved.c" }, difference.Renames);
    }

    [Fact]
    public async Task Compare_CommitThatIsGone_IsNull()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "1\n"));

        Assert.Null(await (await OpenAsync(repository)).CompareAsync("0123456789012345678901234567890123456789", Ct));
    }

    private static async Task<TreeReader> OpenAsync(TestRepository repository) => new((await LocalRepository.OpenAsync(repository.Path, null, Ct)).Value!);

    /// <summary>Reads, and sees to it that every file counts once, however it was read or not.</summary>
    private static async Task<(IReadOnlyDictionary<string, string> Read, IReadOnlyList<ScanProblemDto> Problems)> ReadAsync(TreeReader tree, IReadOnlyList<TreeEntry> entries, bool stored = false, string[]? words = null)
    {
        var read = new ConcurrentDictionary<string, string>();
        var files = entries.Where(e => e.Kind == TreeEntryKind.File).ToList();
        var progress = new ScanProgress();
        var problems = await tree.ReadAsync(files, stored ? null : entries, words, (_, entry, content) => read[entry.Path] = Encoding.UTF8.GetString(content), progress, Ct);
        Assert.Equal((files.Count, files.Count), (progress.Files, progress.TotalFiles));
        return (read, problems);
    }

    /// <summary>More files than two workers ask git for at once.</summary>
    private static async Task<TestRepository> ManyAsync()
    {
        var repository = await TestRepository.CreateAsync(Ct);
        for (var i = 0; i < 300; i++)
        {
            repository.Write($"f/{i}.txt", $"content {i}\n");
        }

        await repository.CommitAsync("Many", Ct);
        return repository;
    }

    private static string ObjectFile(TestRepository repository, string id) => Path.Combine(repository.Path, ".git", "objects", id[..2], id[2..]);
}
