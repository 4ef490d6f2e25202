using System.Net.Sockets;
using ClaudeManager.Core.Agents.Workspaces;

namespace ClaudeManager.Core.Tests.Agents.Workspaces;

/// <summary>What an agent can do to its workspace, and what we make of it.</summary>
public sealed class SnapshotTests : IAsyncDisposable
{
    private readonly Ground _ground = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SnapshotAsync_NothingDone_IsTheBase()
    {
        var commit = await _ground.CommitAsync(("a.txt", "one\n"), ("crlf.bat", "x\r\n"), (".gitattributes", "*.bat eol=crlf\n"));

        var snapshot = await _ground.SnapshotAsync(await _ground.PrepareAsync(commit));

        Assert.False(snapshot.Changed);
        Assert.Equal(await Ground.GitAsync(_ground.Source, "rev-parse", commit + "^{tree}"), snapshot.Tree);
        Assert.Equal($"{snapshot.Commit} {commit}", await Ground.GitAsync(_ground.Data.ObjectStore(5), "log", "-1", "--format=%H %P", "refs/claude-manager/wip/1"));
        Assert.Empty(snapshot.NestedGit.Concat(snapshot.Skipped));
    }

    [Fact]
    public async Task SnapshotAsync_EveryKindOfChange_IsTaken()
    {
        var workspace = await PrepareAsync(("edit", "1\n"), ("delete", "1\n"), ("mode", "1\n"), ("to-folder", "1\n"), ("folder/a", "1\n"), ("rename", "1\n"), (".gitignore", "ignored\n"), ("to-link", "x"));

        await Ground.ScriptAsync(workspace.Directory,
            "echo 2 > edit; rm delete; chmod +x mode; rm to-folder; mkdir to-folder; echo n > to-folder/n; rm -r folder; echo f > folder; mv rename renamed; echo i > ignored; ln -sf /etc/passwd to-link; " +
            "touch -- '-n' \"$(printf 'new\\nline')\" '\"quoted\" *.txt' \"$(printf 'bad\\377byte')\" ' ' 'ü'");
        var snapshot = await _ground.SnapshotAsync(workspace);
        var tree = await _ground.TreeAsync(snapshot.Tree);

        Assert.Equal(
            new SortedSet<string>(StringComparer.Ordinal) { " ", "\"quoted\" *.txt", "-n", ".gitignore", "bad\uFFFDbyte", "edit", "folder", "mode", "new\nline", "renamed", "to-folder/n", "to-link", "ü" },
            new SortedSet<string>(tree.Keys, StringComparer.Ordinal));
        Assert.Equal(("100755", "120000", "100644"), (tree["mode"], tree["to-link"], tree["folder"]));
        Assert.Equal("/etc/passwd", await _ground.ContentAsync(snapshot.Tree, "to-link"));
        Assert.Empty(snapshot.NestedGit.Concat(snapshot.Skipped));
    }

    [Fact]
    public async Task SnapshotAsync_AgainAndAgain_FollowsTheWorkAndKeepsTheCommitWhenNothingChanged()
    {
        var workspace = await PrepareAsync(("a", "1\n"));
        Ground.Write(workspace.Directory, "a", "2\n");
        var first = await _ground.SnapshotAsync(workspace);

        var same = await _ground.SnapshotAsync(workspace);
        Ground.Write(workspace.Directory, "a", "1\n");
        var back = await _ground.SnapshotAsync(workspace);

        Assert.Equal(first.Commit, same.Commit);
        Assert.True(first.Changed);
        Assert.False(back.Changed);
        Assert.Equal(back.Commit, await Ground.GitAsync(_ground.Data.ObjectStore(5), "rev-parse", "refs/claude-manager/wip/1"));
    }

    [Fact]
    public async Task SnapshotAsync_SameSizeEditRightAfterPrepare_IsNotMissed()
    {
        var workspace = await PrepareAsync(("a", "1\n"));
        var time = File.GetLastWriteTimeUtc(Path.Combine(workspace.Directory, "a"));
        Ground.Write(workspace.Directory, "a", "2\n");
        File.SetLastWriteTimeUtc(Path.Combine(workspace.Directory, "a"), time);

        Assert.True((await _ground.SnapshotAsync(workspace)).Changed);
    }

    [Fact]
    public async Task SnapshotAsync_PlantedPrograms_DoNotRun()
    {
        var workspace = await PrepareAsync(("a.txt", "1\n"), ("sub/b.txt", "1\n"));
        var program = _ground.PlantedProgram;
        await Ground.ScriptAsync(workspace.Directory,
            $"git config core.fsmonitor {program}; git config filter.x.clean {program}; git config filter.x.smudge {program}; git config filter.x.process {program}; git config diff.external {program}; git config diff.x.textconv {program}; " +
            $"git config core.pager {program}; git config gpg.program {program}; git config core.hooksPath {Path.GetDirectoryName(program)}; git config core.sshCommand {program}; git config uploadpack.packObjectsHook {program}; git config core.alternateRefsCommand {program}; " +
            $"mkdir -p .git/hooks; for h in post-index-change pre-commit reference-transaction fsmonitor-watchman; do cp {program} .git/hooks/$h; done; " +
            "printf '* filter=x diff=x\\n' > .gitattributes; echo 2 > a.txt; git init -q sub; git init -q new; cp .git/config new/.git/config; cp .git/config sub/.git/config; cp -r .git/hooks new/.git/; echo n > new/n.txt");
        Assert.False(File.Exists(_ground.Proof));
        await Ground.GitAsync(workspace.Directory, "rev-parse", "HEAD");

        var snapshot = await _ground.SnapshotAsync(workspace);
        await _ground.Store.BundleAsync(workspace, Ct);
        await _ground.Store.CheckoutAsync(5, snapshot.Commit, Path.Combine(_ground.Root, "verify"), Ct);

        Assert.False(File.Exists(_ground.Proof));
        Assert.Equal("2", await _ground.ContentAsync(snapshot.Tree, "a.txt"));
    }

    [Fact]
    public async Task SnapshotAsync_PlainGitInThatWorkspace_WouldHaveRunThem()
    {
        var workspace = await PrepareAsync(("a.txt", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, $"git config core.fsmonitor {_ground.PlantedProgram}; git status >/dev/null 2>&1");

        Assert.True(File.Exists(_ground.Proof));
    }

    [Fact]
    public async Task SnapshotAsync_RepositoriesInside_FilesAreTakenAndTheyAreReported()
    {
        var workspace = await PrepareAsync(("a.txt", "1\n"), ("tracked/b.txt", "1\n"));
        await Ground.ScriptAsync(workspace.Directory,
            "git init -q new; echo n > new/n.txt; echo out > new/.gitignore; echo o > new/out; git -C new -c user.name=a -c user.email=a add -A; git -C new -c user.name=a -c user.email=a commit -qm x; mkdir -p new/in; git init -q new/in; echo d > new/in/d.txt; " +
            "git init -q tracked; echo 2 > tracked/b.txt; echo 'gitdir: /etc' > file.git; mkdir lone; echo 'gitdir: /nonexistent' > lone/.git; echo l > lone/l.txt");

        var snapshot = await _ground.SnapshotAsync(workspace);

        Assert.Equal(["lone", "new", "new/in", "tracked"], snapshot.NestedGit);
        Assert.Equal(["a.txt", "file.git", "lone/l.txt", "new/.gitignore", "new/in/d.txt", "new/n.txt", "tracked/b.txt"], (await _ground.TreeAsync(snapshot.Tree)).Keys.Order(StringComparer.Ordinal));
        Assert.Equal("2", await _ground.ContentAsync(snapshot.Tree, "tracked/b.txt"));
    }

    [Fact]
    public async Task SnapshotAsync_Submodule_StaysAsItIsAndItsGitIsNotAsked()
    {
        var first = await _ground.CommitAsync(("a.txt", "1\n"));
        await Ground.GitAsync(_ground.Source, "update-index", "--add", "--cacheinfo", $"160000,{first},module");
        Ground.Write(_ground.Source, ".gitmodules", "[submodule \"module\"]\n\tpath = module\n\turl = ext::sh -c evil\n");
        await Ground.GitAsync(_ground.Source, "update-index", "--add", ".gitmodules");
        await Ground.GitAsync(_ground.Source, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "module");
        var workspace = await _ground.PrepareAsync(await Ground.GitAsync(_ground.Source, "rev-parse", "HEAD"));
        Assert.Empty((await _ground.SnapshotAsync(workspace)).NestedGit);
        await Ground.ScriptAsync(workspace.Directory, $"cd module; git init -q; echo m > m.txt; git -c user.name=a -c user.email=a@a add -A; git -c user.name=a -c user.email=a@a commit -qm x; git config core.fsmonitor {_ground.PlantedProgram}");

        var snapshot = await _ground.SnapshotAsync(workspace);

        Assert.False(snapshot.Changed);
        Assert.Equal(["module"], snapshot.NestedGit);
        Assert.False(File.Exists(_ground.Proof));
    }

    [Fact]
    public async Task SnapshotAsync_FolderBecameALinkOut_NothingBehindItIsRead()
    {
        Ground.Write(_ground.Root, "outside/a", "secret\n");
        var workspace = await PrepareAsync(("dir/a", "1\n"), ("dir/deep/b", "1\n"), ("keep", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, $"rm -r dir; ln -s {_ground.Root}/outside dir");

        var snapshot = await _ground.SnapshotAsync(workspace);

        Assert.Equal(["dir 120000", "keep 100644"], (await _ground.TreeAsync(snapshot.Tree)).Select(entry => $"{entry.Key} {entry.Value}").Order(StringComparer.Ordinal));
        Assert.Equal($"{_ground.Root}/outside", await _ground.ContentAsync(snapshot.Tree, "dir"));
        Assert.Empty(snapshot.Skipped);
    }

    [Fact]
    public async Task SnapshotAsync_PipesSocketsAndLinkLoops_AreLeftOutAndTheRestIsTaken()
    {
        var workspace = await PrepareAsync(("was-file", "1\n"), ("also", "1\n"), ("b", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, "rm was-file also; mkfifo was-file also new-pipe; ln -s loop loop; echo 2 > b");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(workspace.Directory, "socket")));

        var snapshot = await _ground.SnapshotAsync(workspace);
        var tree = await _ground.TreeAsync(snapshot.Tree);

        Assert.Equal(["also", "b", "loop", "was-file"], tree.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("120000", tree["loop"]);
        Assert.Equal("2", await _ground.ContentAsync(snapshot.Tree, "b"));
        Assert.Equal(["also: ", "was-file: "], snapshot.Skipped.Select(text => text[..(text.IndexOf(':', StringComparison.Ordinal) + 2)]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task SnapshotAsync_HugeFile_IsLeftOutAndSaidSo()
    {
        var workspace = await PrepareAsync(("a", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, "truncate -s 3G huge; truncate -s 200M a; echo b > b");

        var snapshot = await _ground.SnapshotAsync(workspace);

        Assert.Equal(["a", "b"], (await _ground.TreeAsync(snapshot.Tree)).Keys);
        Assert.Equal("1", await _ground.ContentAsync(snapshot.Tree, "a"));
        Assert.Equal(["a: 200 MB is more than 100 MB", "huge: 3072 MB is more than 100 MB"], snapshot.Skipped.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task SnapshotAsync_UnreadableFilesAndFolders_AreTaken()
    {
        var workspace = await PrepareAsync(("a", "1\n"), ("d/b", "1\n"), ("e/c", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, "echo 2 > a; echo 2 > d/b; mkdir -p n/m; echo n > n/m/x; chmod 000 a d n/m/x n/m; chmod 300 e");

        var snapshot = await _ground.SnapshotAsync(workspace);

        Assert.Equal(["a", "d/b", "e/c", "n/m/x"], (await _ground.TreeAsync(snapshot.Tree)).Keys);
        Assert.Equal("2", await _ground.ContentAsync(snapshot.Tree, "d/b"));
        Assert.Empty(snapshot.Skipped);
    }

    [Fact]
    public async Task SnapshotAsync_AttributesThatCannotBeMet_DoNotStopIt()
    {
        var workspace = await PrepareAsync(("a.txt", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, "echo '* working-tree-encoding=UTF-16 filter=required -text' > .gitattributes; echo odd > a.txt");

        Assert.Equal("odd", await _ground.ContentAsync((await _ground.SnapshotAsync(workspace)).Tree, "a.txt"));
    }

    [Fact]
    public async Task SnapshotAsync_GitDirectoryDestroyedAndLockLeft_IsTakenAllTheSame()
    {
        var workspace = await PrepareAsync(("a.txt", "1\n"));
        await Ground.ScriptAsync(workspace.Directory, "rm -rf .git; echo 2 > a.txt; touch ../index.lock; mkdir -p ../../../repositories/5.git/refs/claude-manager/wip; touch ../../../repositories/5.git/refs/claude-manager/wip/1.lock");

        Assert.True((await _ground.SnapshotAsync(workspace)).Changed);
    }

    [Fact]
    public async Task SnapshotAsync_WorkspaceReplacedByALink_IsRefused()
    {
        var workspace = await PrepareAsync(("a.txt", "1\n"));
        await Ground.ScriptAsync(_ground.Root, $"rm -rf {workspace.Directory}; ln -s /etc {workspace.Directory}");

        await Assert.ThrowsAsync<DirectoryNotFoundException>(() => _ground.SnapshotAsync(workspace));
    }

    [Fact]
    public async Task SnapshotAsync_WhileFilesComeAndGo_Succeeds()
    {
        var workspace = await PrepareAsync([.. Enumerable.Range(0, 50).Select(number => ($"f{number}", "1\n"))]);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var churn = Task.Run(
            () =>
            {
                for (var round = 0; !stop.IsCancellationRequested; round++)
                {
                    var path = Path.Combine(workspace.Directory, $"f{round % 50}");
                    File.Delete(path);
                    if (round % 3 == 0)
                    {
                        Directory.CreateDirectory(path);
                        Directory.Delete(path);
                    }

                    File.WriteAllText(path, round.ToString(System.Globalization.CultureInfo.InvariantCulture));
                }
            },
            Ct);

        for (var round = 0; round < 10; round++)
        {
            await _ground.SnapshotAsync(workspace);
        }

        await stop.CancelAsync();
        await churn;
        var last = await _ground.SnapshotAsync(workspace);
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(workspace.Directory, "f7"), Ct), await _ground.ContentAsync(last.Tree, "f7"));
    }

    public ValueTask DisposeAsync() => _ground.DisposeAsync();

    private async Task<Workspace> PrepareAsync(params (string Path, string Content)[] files) => await _ground.PrepareAsync(await _ground.CommitAsync(files));
}
