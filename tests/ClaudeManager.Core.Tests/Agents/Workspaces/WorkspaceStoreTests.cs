using System.Text;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Core.Tests.Agents.Workspaces;

public sealed class WorkspaceStoreTests : IAsyncDisposable
{
    private readonly Ground _ground = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PrepareAsync_CommitThatIsNoTip_GivesAStandAloneRepositoryAtIt()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"), ("folder/b.txt", "two\n"));
        await _ground.CommitAsync(("a.txt", "later\n"));

        var workspace = await _ground.PrepareAsync(commit);

        var directory = workspace.Directory;
        Assert.Equal("one\n", await File.ReadAllTextAsync(Path.Combine(directory, "a.txt"), Ct));
        Assert.Equal(commit, await Ground.GitAsync(directory, "rev-parse", "HEAD"));
        Assert.Equal(WorkspaceStore.AgentBranch, await Ground.GitAsync(directory, "branch", "--show-current"));
        Assert.Equal("", await Ground.GitAsync(directory, "status", "--porcelain"));
        Assert.Equal("", await Ground.GitAsync(directory, "remote"));
        Assert.Equal("1", await Ground.GitAsync(directory, "rev-list", "--count", "--all"));
        Assert.Equal("", await Ground.GitAsync(directory, "fsck", "--strict"));
        Assert.False(Path.Exists(Path.Combine(directory, ".git/objects/info/alternates")));
        Directory.Delete(_ground.Data.ObjectStore(5), recursive: true);
        Assert.Equal("two", await Ground.GitAsync(directory, "show", "HEAD:folder/b.txt"));
    }

    [Fact]
    public async Task PrepareAsync_AgentsGit_CanCommit()
    {
        var workspace = await _ground.PrepareAsync(await _ground.CommitAsync(("a.txt", "one\n")));

        await Ground.ScriptAsync(workspace.Directory, "echo two > a.txt; env -i PATH=\"$PATH\" HOME=/nonexistent git -c safe.directory='*' commit -qam 'by itself'");

        Assert.Equal("by itself", await Ground.GitAsync(workspace.Directory, "log", "-1", "--format=%s"));
    }

    [Fact]
    public async Task PrepareAsync_BaseAlreadyInTheStore_NeedsNoSource()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await _ground.PrepareAsync(commit);
        Directory.Delete(_ground.Source, recursive: true);

        var second = await _ground.PrepareAsync(commit, runId: 2);

        Assert.True(File.Exists(Path.Combine(second.Directory, "a.txt")));
    }

    [Fact]
    public async Task PrepareAsync_NoSuchCommit_SaysSo()
    {
        await _ground.CommitAsync(("a.txt", "one\n"));

        var fault = await Assert.ThrowsAsync<GitException>(() => _ground.PrepareAsync(new string('a', 40)));

        Assert.Contains("not our ref", fault.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PrepareAsync_AttributesNameAProgramAndAnImpossibleEncoding_FilesAreTakenAsTheyAre()
    {
        var commit = await _ground.CommitAsync((".gitattributes", "*.bin filter=lfs\n*.txt working-tree-encoding=UTF-16\n"), ("x.bin", "version https://git-lfs.github.com/spec/v1\n"));
        Ground.Write(_ground.Source, "odd.txt", "odd");
        var blob = await Ground.GitAsync(_ground.Source, "hash-object", "-w", "--no-filters", "odd.txt");
        await Ground.GitAsync(_ground.Source, "update-index", "--add", "--cacheinfo", "100644," + blob + ",odd.txt");
        var tree = await Ground.GitAsync(_ground.Source, "write-tree");
        commit = await Ground.GitAsync(_ground.Source, "-c", "user.name=t", "-c", "user.email=t@t", "commit-tree", tree, "-p", commit, "-m", "odd");

        var workspace = await _ground.PrepareAsync(commit);

        Assert.Equal("odd", await File.ReadAllTextAsync(Path.Combine(workspace.Directory, "odd.txt"), Ct));
        Assert.StartsWith("version", await File.ReadAllTextAsync(Path.Combine(workspace.Directory, "x.bin"), Ct), StringComparison.Ordinal);
        Assert.False((await _ground.SnapshotAsync(workspace)).Changed);
    }

    [Fact]
    public async Task PrepareAsync_Sha256Repository_Works()
    {
        Directory.CreateDirectory(_ground.Source);
        await Ground.GitAsync(_ground.Source, "init", "-q", "--object-format=sha256", "-b", "main");

        var workspace = await _ground.PrepareAsync(await _ground.CommitAsync(("a.txt", "one\n")));
        Ground.Write(workspace.Directory, "a.txt", "two\n");

        Assert.True((await _ground.SnapshotAsync(workspace)).Changed);
        Assert.Equal("M a.txt", await Ground.GitAsync(workspace.Directory, "status", "--porcelain") is var status ? status.Trim() : "");
    }

    [Fact]
    public async Task PrepareAsync_WithSavedWork_LaysItUncommittedOnTheBase()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"), ("gone.txt", "x\n"), ("same.txt", "x\n"));
        var workspace = await _ground.PrepareAsync(commit);
        await Ground.ScriptAsync(workspace.Directory, "echo two > a.txt; rm gone.txt; mkdir new; echo n > new/n.txt; touch ../home/session");
        var saved = await _ground.SnapshotAsync(workspace);
        await Ground.ScriptAsync(workspace.Directory, "echo lost > a.txt; chmod 500 new");

        var again = await _ground.PrepareAsync(commit, wip: saved.Commit);

        Assert.Equal(" M a.txt\n D gone.txt\n?? new/", await Ground.GitAsync(again.Directory, "status", "--porcelain"));
        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(again.Directory, "a.txt"), Ct));
        Assert.Equal(commit, await Ground.GitAsync(again.Directory, "rev-parse", "HEAD"));
        Assert.True(File.Exists(Path.Combine(again.Home, "session")));
        Assert.Equal(saved.Tree, (await _ground.SnapshotAsync(again)).Tree);
    }

    [Fact]
    public async Task BundleAsync_OfARunThatAnotherGoesOnFrom_ResumesTheWorkThere()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        var workspace = await _ground.PrepareAsync(commit);
        Ground.Write(workspace.Directory, "a.txt", "two\n");
        var saved = await _ground.SnapshotAsync(workspace);
        var bundle = await _ground.Store.BundleAsync(workspace, Ct);
        Directory.Delete(_ground.Data.Root, recursive: true);

        var restored = await _ground.Store.RestoreBundleAsync(2, 1, 5, _ground.Source, commit, bundle.Content!, Ct);

        Assert.Equal(saved.Commit, restored);
        Assert.False(Directory.Exists(Path.Combine(_ground.Data.RunDirectory(1))));
    }

    [Fact]
    public async Task BundleAsync_RestoredOnAnotherMachine_ResumesTheWork()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        var workspace = await _ground.PrepareAsync(commit);
        Ground.Write(workspace.Directory, "a.txt", "two\n");
        var saved = await _ground.SnapshotAsync(workspace);
        var bundle = await _ground.Store.BundleAsync(workspace, Ct);
        Directory.Delete(_ground.Data.Root, recursive: true);

        Assert.NotNull(bundle.Content);
        var restored = await _ground.Store.RestoreBundleAsync(1, 1, 5, _ground.Source, commit, bundle.Content, Ct);
        var again = await _ground.PrepareAsync(commit, wip: restored);

        Assert.Equal(saved.Commit, restored);
        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(again.Directory, "a.txt"), Ct));
        Assert.True(bundle.Content.Length < 2000);
    }

    [Fact]
    public async Task BundleAsync_LargerThanTheStoreTakes_SaysItStaysHere()
    {
        var workspace = await _ground.PrepareAsync(await _ground.CommitAsync(("a.txt", "one\n")));
        await Ground.ScriptAsync(workspace.Directory, "head -c 3145728 /dev/urandom > noise");
        await _ground.SnapshotAsync(workspace);

        var bundle = await new WorkspaceStore(_ground.Data, TimeProvider.System) { MaxBundleBytes = 2 * 1024 * 1024 }.BundleAsync(workspace, Ct);

        Assert.Null(bundle.Content);
        Assert.Contains("3 MB, more than 2 MB", bundle.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RestoreBundleAsync_Garbage_IsRefused()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));

        await Assert.ThrowsAsync<GitException>(() => _ground.Store.RestoreBundleAsync(1, 1, 5, _ground.Source, commit, "no bundle"u8.ToArray(), Ct));
    }

    [Fact]
    public async Task CommitResultAsync_AgentCommittedAndRewroteHistory_IsOneCommitOnTheBase()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        var workspace = await _ground.PrepareAsync(commit);
        await Ground.ScriptAsync(workspace.Directory, "git checkout -q --orphan other; echo two > a.txt; git -c user.name=evil -c user.email=e@e commit -qam one; git branch -D agent/task -q; echo three > a.txt");

        var snapshot = await _ground.SnapshotAsync(workspace);
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var result = await _ground.Store.CommitResultAsync(1, 5, commit, snapshot.Tree, "Fix it\n\nBecause.\n\n", new CommitIdentity("Bot", "bot@example.org"), at, Ct);

        Assert.Equal(
            $"{commit} {snapshot.Tree} Bot <bot@example.org> Bot 2026-01-02T03:04:05Z Fix it\n\nBecause.",
            await Ground.GitAsync(_ground.Data.ObjectStore(5), "log", "-1", "--date=format:%Y-%m-%dT%H:%M:%SZ", "--format=%P %T %an <%ae> %cn %cd %B", result));
        Assert.Equal("three", await _ground.ContentAsync(result, "a.txt"));
        Assert.Equal(result, await _ground.Store.CommitResultAsync(1, 5, commit, snapshot.Tree, "Fix it\n\nBecause.", new CommitIdentity("Bot", "bot@example.org"), at, Ct));
    }

    [Fact]
    public async Task CheckoutAsync_Result_IsCleanAndStandsAlone()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"), (".gitignore", "bin/\n"));
        var workspace = await _ground.PrepareAsync(commit);
        await Ground.ScriptAsync(workspace.Directory, "echo two > a.txt; mkdir bin; echo built > bin/x");
        var snapshot = await _ground.SnapshotAsync(workspace);
        var directory = Path.Combine(_ground.Root, "verify");

        await _ground.Store.CheckoutAsync(5, snapshot.Commit, directory, Ct);

        Assert.Equal([".git", ".gitignore", "a.txt"], Directory.GetFileSystemEntries(directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("two\n", await File.ReadAllTextAsync(Path.Combine(directory, "a.txt"), Ct));
        Assert.Equal("", await Ground.GitAsync(directory, "status", "--porcelain"));
        Assert.Equal(snapshot.Commit, await Ground.GitAsync(directory, "rev-parse", "HEAD"));
        Assert.Equal(["source", "data", "planted.sh", "verify"], Directory.GetFileSystemEntries(_ground.Root).Select(Path.GetFileName).OrderBy(name => Array.IndexOf(["source", "data", "planted.sh", "verify"], name)));
    }

    [Fact]
    public async Task RemoveAsync_WhateverTheAgentLeft_IsGoneAndWhatLinksNameIsNot()
    {
        var workspace = await _ground.PrepareAsync(await _ground.CommitAsync(("a.txt", "one\n")));
        Ground.Write(_ground.Root, "outside/precious", "x");
        await Ground.ScriptAsync(workspace.Directory, $"mkdir -p locked/deep; touch locked/deep/x; ln -s {_ground.Root}/outside link; mkfifo pipe; chmod 000 locked/deep; chmod 500 locked .");
        await Ground.ScriptAsync(workspace.Directory, "chmod 700 .; d=$(printf 'd%.0s' $(seq 200)); for i in $(seq 30); do mkdir $d; cd -P $d; done");

        await _ground.Store.RemoveAsync(1, Ct);

        Assert.False(Directory.Exists(_ground.Data.RunDirectory(1)));
        Assert.True(File.Exists(Path.Combine(_ground.Root, "outside/precious")));
        await _ground.Store.RemoveAsync(1, Ct);
    }

    [Fact]
    public async Task List_DirectoriesOfRunsAndOthers_NamesTheRuns()
    {
        Assert.Empty(_ground.Store.List());
        var commit = await _ground.CommitAsync(("a.txt", "one\n"));
        await _ground.PrepareAsync(commit, runId: 1);
        await _ground.PrepareAsync(commit, runId: 2);
        Directory.CreateDirectory(Path.Combine(_ground.Data.RunsRoot, "not a run"));

        Assert.Equal([1, 2], _ground.Store.List().Order());
    }

    [Fact]
    public async Task PrepareAsync_SeveralRunsAtOnceInANewStore_AllWork()
    {
        var commit = await _ground.CommitAsync(("a.txt", Encoding.UTF8.GetString("one\n"u8)));

        var workspaces = await Task.WhenAll(Enumerable.Range(1, 6).Select(run => _ground.PrepareAsync(commit, run)));

        Assert.All(workspaces, workspace => Assert.True(File.Exists(Path.Combine(workspace.Directory, "a.txt"))));
    }

    public ValueTask DisposeAsync() => _ground.DisposeAsync();
}
