using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Tests.Agents.Workspaces;

/// <summary>Workspaces made ahead of their runs. An extra file in one tells whether it was taken.</summary>
public sealed class PreparedWorkspaceTests : IAsyncDisposable
{
    private readonly Ground _ground = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Prepared => Path.Combine(_ground.Data.PreparedDirectory(5), "workspace");

    [Fact]
    public async Task PrepareAsync_PreparedAtTheBase_IsTakenCleanAndWithItsIndex()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"), ("folder/b.txt", "two\n"));
        await PrepareAheadAsync(commit);
        Ground.Write(Prepared, ".git/info/exclude", "mark\n");
        Ground.Write(Prepared, "mark", "");

        var workspace = await _ground.PrepareAsync(commit);

        Assert.True(File.Exists(Path.Combine(workspace.Directory, "mark")));
        Assert.False(Directory.Exists(Prepared));
        Assert.Equal("", await Ground.GitAsync(workspace.Directory, "status", "--porcelain"));
        Assert.Equal("", await Ground.GitAsync(workspace.Directory, "diff-files"));
        Assert.Equal(commit, await Ground.GitAsync(workspace.Directory, "rev-parse", "HEAD"));
        Assert.Equal("", await Ground.GitAsync(workspace.Directory, "fsck", "--strict"));
    }

    [Fact]
    public async Task SnapshotAsync_EditOfTheSameLengthInATakenWorkspace_IsSeen()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await PrepareAheadAsync(commit);
        var workspace = await _ground.PrepareAsync(commit);
        Assert.False((await _ground.SnapshotAsync(workspace)).Changed);
        Ground.Write(workspace.Directory, "a.txt", "two\n");

        var snapshot = await _ground.SnapshotAsync(workspace);

        Assert.True(snapshot.Changed);
        Assert.Equal("two", await _ground.ContentAsync(snapshot.Tree, "a.txt"));
    }

    [Fact]
    public async Task PrepareAsync_AfterItWasTaken_GivesTheNextRunNothingOfTheFirst()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await PrepareAheadAsync(commit);
        var first = await _ground.PrepareAsync(commit);
        Ground.Write(first.Directory, "secret", "of the first run");

        var second = await _ground.PrepareAsync(commit, runId: 2);
        await _ground.Store.RemoveAsync(1, Ct);
        await PrepareAheadAsync(commit);
        var third = await _ground.PrepareAsync(commit, runId: 3);

        Assert.All([second, third], workspace => Assert.Equal(["a.txt"], Directory.GetFiles(workspace.Directory).Select(Path.GetFileName)));
    }

    [Fact]
    public async Task PrepareAsync_PreparedAtAnotherBase_LeavesItAlone()
    {
        var old = await _ground.CommitAsync(("a.txt", "one\n"));
        var next = await _ground.CommitAsync(("a.txt", "two\n"));
        await PrepareAheadAsync(next);

        var workspace = await _ground.PrepareAsync(old);

        Assert.Equal("one\n", await File.ReadAllTextAsync(Path.Combine(workspace.Directory, "a.txt"), Ct));
        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(Prepared, "a.txt"), Ct));
    }

    [Fact]
    public async Task PrepareAheadAsync_RepositoryMovedOn_ReplacesIt()
    {
        await PrepareAheadAsync(await _ground.CommitAsync(("a.txt", "one\n"), ("gone.txt", "x")));
        File.Delete(Path.Combine(_ground.Source, "gone.txt"));
        var next = await _ground.CommitAsync(("a.txt", "two\n"));

        await PrepareAheadAsync(next);
        var workspace = await _ground.PrepareAsync(next);

        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(workspace.Directory, "a.txt"), Ct));
        Assert.False(File.Exists(Path.Combine(workspace.Directory, "gone.txt")));
    }

    [Fact]
    public async Task PrepareAsync_SavedWork_IsNotPutIntoAPreparedOne()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        var workspace = await _ground.PrepareAsync(commit);
        Ground.Write(workspace.Directory, "a.txt", "saved\n");
        var saved = await _ground.SnapshotAsync(workspace);
        await PrepareAheadAsync(commit);

        var again = await _ground.PrepareAsync(commit, wip: saved.Commit);

        Assert.Equal("saved\n", await File.ReadAllTextAsync(Path.Combine(again.Directory, "a.txt"), Ct));
        Assert.True(Directory.Exists(Prepared));
    }

    [Fact]
    public async Task PrepareAsync_LeftByAnEarlierProcess_IsNeverTaken()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await PrepareAheadAsync(commit);
        Ground.Write(Prepared, "mark", "");
        var later = new WorkspaceStore(_ground.Data, TimeProvider.System);

        var first = await later.PrepareAsync(1, 5, _ground.Source, commit, null, Ct);
        await later.PrepareAheadAsync(5, _ground.Source, commit, Ct);
        var second = await later.PrepareAsync(2, 5, _ground.Source, commit, null, Ct);

        Assert.All([first, second], workspace => Assert.False(File.Exists(Path.Combine(workspace.Directory, "mark"))));
        Assert.False(Directory.Exists(Prepared));
    }

    [Fact]
    public async Task PrepareAsync_WhileItIsBeingMade_WaitsForItInsteadOfMakingASecond()
    {
        var commit = await _ground.CommitAsync([.. Enumerable.Range(0, 500).Select(i => ($"f{i}", $"{i}\n"))]);

        var ahead = PrepareAheadAsync(commit);
        var workspace = await _ground.PrepareAsync(commit);
        await ahead;

        Assert.False(Directory.Exists(Prepared));
        Assert.Equal(500, Directory.GetFiles(workspace.Directory).Length);
        Assert.Equal("", await Ground.GitAsync(workspace.Directory, "status", "--porcelain"));
    }

    [Fact]
    public async Task PrepareAheadAsync_ThatFailed_IsNotTaken()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await PrepareAheadAsync(commit);

        await Assert.ThrowsAsync<GitException>(() => PrepareAheadAsync(new string('a', 40)));
        var workspace = await _ground.PrepareAsync(commit);

        Assert.Equal("", await Ground.GitAsync(workspace.Directory, "status", "--porcelain"));
    }

    [Fact]
    public async Task KeepPreparedAsync_OthersAndLeftovers_AreRemovedAndNotTaken()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await PrepareAheadAsync(commit);
        var left = Directory.CreateDirectory(Path.Combine(_ground.Data.PreparedDirectory(6), "workspace"));

        await _ground.Store.KeepPreparedAsync(new HashSet<long> { 5 }, Ct);
        Assert.True(Directory.Exists(Prepared));
        Assert.False(left.Parent!.Exists);
        await _ground.Store.KeepPreparedAsync(new HashSet<long>(), Ct);
        var workspace = await _ground.PrepareAsync(commit);

        Assert.Empty(Directory.GetDirectories(_ground.Data.PreparedRoot));
        Assert.True(File.Exists(Path.Combine(workspace.Directory, "a.txt")));
    }

    [Fact]
    public async Task SizeAsync_Commit_IsTheSumOfItsFiles()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"), ("folder/b.txt", "four\n"));

        Assert.Equal(9, await _ground.Store.SizeAsync(5, _ground.Source, commit, Ct));
        Assert.Equal(10, await _ground.Store.SizeAsync(5, _ground.Source, await _ground.CommitAsync(("a.txt", "five\n")), Ct));
    }

    private Task PrepareAheadAsync(string commit) => _ground.Store.PrepareAheadAsync(5, _ground.Source, commit, Ct);

    public ValueTask DisposeAsync() => _ground.DisposeAsync();
}
