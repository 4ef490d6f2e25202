using System.Text;
using ClaudeManager.Core.Scanning.Trees;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Scanning.Trees;

public sealed class GitIndexTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2, "sha1")]
    [InlineData(4, "sha1")]
    [InlineData(2, "sha256")]
    [InlineData(4, "sha256")]
    public async Task TryFind_EveryFileGitLists_IsThereWithItsBlob(int version, string format)
    {
        await using var repository = await FilledAsync(format);
        await repository.GitAsync(Ct, "update-index", "--index-version", version.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Age(repository);

        var index = Read(repository, format);

        Assert.NotNull(index);
        var listed = (await repository.GitAsync(Ct, "ls-files", "--stage", "-z")).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(listed.Length, index.Count);
        foreach (var line in listed)
        {
            var (facts, path) = (line[..line.IndexOf('\t')], line[(line.IndexOf('\t') + 1)..]);
            Assert.True(index.TryFind(Encoding.UTF8.GetBytes(path), out var entry), path);
            Assert.Equal(facts.Split(' ')[1], Convert.ToHexStringLower(entry.BlobId.Span));
            Assert.Equal((uint)new FileInfo(Path.Combine(repository.Path, path)).Length, entry.Size);
        }

        Assert.False(index.TryFind("no/such"u8, out _));
    }

    [Fact]
    public async Task TryFind_FilesTheWorkingTreeDoesNotVouchFor_AreAbsent()
    {
        await using var repository = await FilledAsync("sha1");
        await repository.GitAsync(Ct, "update-index", "--skip-worktree", "a/1.c");
        await repository.GitAsync(Ct, "update-index", "--assume-unchanged", "a/2.c");
        repository.Write("intended.c", "");
        await repository.GitAsync(Ct, "add", "--intent-to-add", "intended.c");
        Age(repository);

        var index = Read(repository, "sha1");

        Assert.NotNull(index);
        Assert.False(index.TryFind("a/1.c"u8, out _));
        Assert.False(index.TryFind("a/2.c"u8, out _));
        Assert.False(index.TryFind("intended.c"u8, out _));
        Assert.True(index.TryFind("a/3.c"u8, out _));
    }

    [Fact]
    public async Task TryFind_FileWrittenAfterTheIndex_IsNotTrusted()
    {
        await using var repository = await FilledAsync("sha1");
        Age(repository);
        var index = Path.Combine(repository.Path, ".git", "index");
        File.SetLastWriteTimeUtc(index, File.GetLastWriteTimeUtc(Path.Combine(repository.Path, "a/1.c")));

        Assert.False(Read(repository, "sha1")!.TryFind("a/1.c"u8, out _));
    }

    [Fact]
    public async Task TryRead_SplitIndex_IsLeftAlone()
    {
        await using var repository = await FilledAsync("sha1");
        await repository.GitAsync(Ct, "update-index", "--split-index");

        Assert.Null(Read(repository, "sha1"));
    }

    [Fact]
    public async Task TryRead_DamagedAnywhere_NeverThrows()
    {
        await using var repository = await FilledAsync("sha1");
        await repository.GitAsync(Ct, "update-index", "--index-version", "4");
        var file = Path.Combine(repository.Path, ".git", "index");
        var whole = await File.ReadAllBytesAsync(file, Ct);
        for (var length = 0; length < whole.Length; length += 7)
        {
            await File.WriteAllBytesAsync(file, whole[..length], Ct);
            Assert.Null(Read(repository, "sha1"));
        }

        for (var at = 0; at < whole.Length - 20; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0xff;
            await File.WriteAllBytesAsync(file, damaged, Ct);
            Read(repository, "sha1")?.TryFind("a/1.c"u8, out _);
        }
    }

    [Fact]
    public void TryRead_NoIndex_IsNull()
    {
        using var directory = new TemporaryDirectory();

        Assert.Null(GitIndex.TryRead(directory.Combine("index"), 20));
    }

    private static GitIndex? Read(TestRepository repository, string format) => GitIndex.TryRead(Path.Combine(repository.Path, ".git", "index"), format == "sha1" ? 20 : 32);

    private static void Age(TestRepository repository) => RepositoryAge.Age(repository);

    private static async Task<TestRepository> FilledAsync(string format)
    {
        var repository = await TestRepository.CreateAsync(Ct, objectFormat: format);
        for (var i = 0; i < 40; i++)
        {
            repository.Write($"a/{i}.c", $"int a{i};\n");
        }

        repository.Write("a/" + new string('x', 200) + "/long name \"quoted\"\n.c", "int x;\n").Write("ä.c", "int a;\n").Write("empty", "");
        await repository.CommitAsync("First", Ct);
        return repository;
    }
}
