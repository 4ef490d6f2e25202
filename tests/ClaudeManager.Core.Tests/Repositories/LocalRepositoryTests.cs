using ClaudeManager.Core.Repositories;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Repositories;

public sealed class LocalRepositoryTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Open_MissingPath_IsNotFound()
    {
        using var directory = new TemporaryDirectory();

        Assert.Equal("not_found", await RefusalAsync(directory.Combine("nothing")));
    }

    [Fact]
    public async Task Open_File_IsNotADirectory()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.Combine("file"), "", Ct);

        Assert.Equal("not_a_directory", await RefusalAsync(directory.Combine("file")));
    }

    [Fact]
    public async Task Open_FolderOutsideAnyRepository_IsNotARepository()
    {
        using var directory = new TemporaryDirectory();

        Assert.Equal("not_a_repository", await RefusalAsync(directory.Path));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Open_RepositoryWithoutCommits_SaysSo(bool bare)
    {
        await using var repository = await TestRepository.CreateAsync(Ct, bare: bare);

        Assert.Equal("no_commits", await RefusalAsync(repository.Path));
    }

    [Fact]
    public async Task Open_GitDirectory_AsksForTheWorkingTree()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));

        Assert.Equal("inside_git_directory", await RefusalAsync(Path.Combine(repository.Path, ".git")));
    }

    [Fact]
    public async Task Open_Subfolder_OpensTheRepositoryAroundIt()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("src/a.c", "int a;\n"));

        var opened = await OpenAsync(Path.Combine(repository.Path, "src"));

        Assert.Equal(repository.Path, opened.Path);
        Assert.Equal("project", opened.Name);
    }

    [Fact]
    public async Task Open_PathWithNewlineAndQuotes_Opens()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, name: "a\nb \"c\" 'd'");
        await repository.Write("a.c", "int a;\n").CommitAsync("First", Ct);

        Assert.Equal(repository.Path, (await OpenAsync(repository.Path)).Path);
    }

    [Fact]
    public async Task Open_OriginHead_BeatsTheBranchCheckedOut()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        await repository.GitAsync(Ct, "update-ref", "refs/remotes/origin/develop", "HEAD");
        await repository.GitAsync(Ct, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop");

        Assert.Equal("develop", (await OpenAsync(repository.Path)).Branch);
    }

    [Fact]
    public async Task Open_LocalBranchAheadOfOrigin_TakesTheLocalCommit()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        await repository.GitAsync(Ct, "update-ref", "refs/remotes/origin/main", "HEAD");
        await repository.GitAsync(Ct, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main");
        var ahead = await repository.Write("b.c", "int b;\n").CommitAsync("Ahead", Ct);

        Assert.Equal(ahead, (await OpenAsync(repository.Path)).Commit);
    }

    [Fact]
    public async Task Open_OriginHeadPointsNowhere_TakesTheBranchCheckedOut()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, name: "project", branch: "work");
        await repository.Write("a.c", "int a;\n").CommitAsync("First", Ct);
        await repository.GitAsync(Ct, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone");

        Assert.Equal("work", (await OpenAsync(repository.Path)).Branch);
    }

    [Fact]
    public async Task Open_DetachedHead_TakesMain()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var first = await repository.HeadAsync(Ct);
        var second = await repository.Write("a.c", "int b;\n").CommitAsync("Second", Ct);
        await repository.GitAsync(Ct, "checkout", "--quiet", "--detach", first);

        var opened = await OpenAsync(repository.Path);

        Assert.Equal(("main", second), (opened.Branch, opened.Commit));
    }

    [Fact]
    public async Task Open_DetachedHeadAndNoUsualBranch_NamesTheOption()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, name: "project", branch: "topic");
        await repository.Write("a.c", "int a;\n").CommitAsync("First", Ct);
        await repository.GitAsync(Ct, "checkout", "--quiet", "--detach");

        var refused = (await LocalRepository.OpenAsync(repository.Path, null, Ct)).Refusal;

        Assert.Equal("no_default_branch", refused?.Code);
        Assert.Contains("--branch", refused?.Fix, StringComparison.Ordinal);
        Assert.Equal("topic", (await OpenAsync(repository.Path, "topic")).Branch);
    }

    [Fact]
    public async Task Open_BranchCheckedOutWasDeleted_NamesTheOption()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        await repository.GitAsync(Ct, "branch", "topic");
        await repository.GitAsync(Ct, "update-ref", "-d", "refs/heads/main");

        Assert.Equal("no_default_branch", await RefusalAsync(repository.Path));
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("*")]
    [InlineData("--help")]
    [InlineData("main@{1}")]
    [InlineData("a b\nc")]
    public async Task Open_NamedBranchThatIsNone_IsRefused(string branch)
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));

        Assert.Equal("branch_not_found", await RefusalAsync(repository.Path, branch));
    }

    [Fact]
    public async Task Open_BranchOnlyOnOrigin_TakesWhatWasFetched()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var first = await repository.HeadAsync(Ct);
        await repository.GitAsync(Ct, "update-ref", "refs/remotes/origin/release", first);

        Assert.Equal(first, (await OpenAsync(repository.Path, "release")).Commit);
    }

    [Fact]
    public async Task Open_Bare_IsNamedByItsFolder()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, name: "things.git", bare: true);
        await repository.CommitRawAsync(Ct, entries: ("100644", "a.c"u8.ToArray(), "int a;\n"u8.ToArray()));

        var opened = await OpenAsync(repository.Path);

        Assert.True(opened.IsBare);
        Assert.Equal("things", opened.Name);
    }

    [Fact]
    public async Task Open_LinkedWorktree_HasItsOwnGitDirectoryAndSharesTheRest()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        var linked = repository.Path + "-linked";
        await repository.GitAsync(Ct, "worktree", "add", "--quiet", "-b", "linked", linked);

        var opened = await OpenAsync(linked);

        Assert.Equal(linked, opened.Path);
        Assert.Equal("linked", opened.Branch);
        Assert.NotEqual(opened.GitDirectory, opened.CommonDirectory);
        Assert.Equal(Path.Combine(repository.Path, ".git"), opened.CommonDirectory);
    }

    [Fact]
    public async Task Open_Submodule_OnlyWhenItIsCheckedOut()
    {
        await using var inner = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        await using var outer = await TestRepository.CreateAsync(Ct, ("b.c", "int b;\n"));
        await outer.GitAsync(Ct, "submodule", "--quiet", "add", inner.Path, "inner");
        await outer.CommitAsync("Add a submodule", Ct);
        var path = Path.Combine(outer.Path, "inner");

        Assert.Equal(path, (await OpenAsync(path)).Path);
        await outer.GitAsync(Ct, "submodule", "--quiet", "deinit", "--force", "inner");
        Assert.Equal("submodule_not_initialised", await RefusalAsync(path));
    }

    [Fact]
    public async Task Open_ShallowClone_IsMarked()
    {
        await using var origin = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        await origin.Write("a.c", "int b;\n").CommitAsync("Second", Ct);
        var clone = origin.Path + "-clone";
        await origin.GitAsync(Ct, "clone", "--quiet", "--depth=1", "file://" + origin.Path, clone);

        Assert.True((await OpenAsync(clone)).IsShallow);
        Assert.False((await OpenAsync(origin.Path)).IsShallow);
    }

    [Fact]
    public async Task Open_DirtyRepository_TouchesNeitherIndexNorHead()
    {
        await using var repository = await TestRepository.CreateAsync(Ct, ("a.c", "int a;\n"));
        repository.Write("a.c", "int changed;\n");
        File.SetLastWriteTimeUtc(Path.Combine(repository.Path, "a.c"), new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        var index = Path.Combine(repository.Path, ".git", "index");
        var before = await StateAsync();

        await OpenAsync(repository.Path);

        Assert.Equal(before, await StateAsync());

        async Task<(string Index, DateTime Written, string Head)> StateAsync()
            => (Convert.ToHexString(await File.ReadAllBytesAsync(index, Ct)), File.GetLastWriteTimeUtc(index), await File.ReadAllTextAsync(Path.Combine(repository.Path, ".git", "HEAD"), Ct));
    }

    private static async Task<LocalRepository> OpenAsync(string path, string? branch = null)
    {
        var opened = await LocalRepository.OpenAsync(path, branch, Ct);
        Assert.Null(opened.Refusal);
        return opened.Value!;
    }

    private static async Task<string?> RefusalAsync(string path, string? branch = null)
    {
        var refusal = (await LocalRepository.OpenAsync(path, branch, Ct)).Refusal;
        Assert.False(string.IsNullOrEmpty(refusal?.Fix));
        return refusal?.Code;
    }
}
