using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.Core.Tests.Publishing;

[UnsupportedOSPlatform("windows")]
public sealed class LocalPublisherTests : IAsyncLifetime
{
    private const string Title = "Fix the *parser*";
    private const string Branch = "claude-manager/7-fix-the-parser";

    private static readonly PublishConfiguration s_author = new();

    private readonly TemporaryDirectory _folder = new();
    private TestRepository _user = null!;
    private string _base = null!;
    private string _store = null!;
    private ResultTrailers _trailers = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _user = await TestRepository.CreateAsync(Token, ("src/a.txt", "TODO: one\n"), ("src/b.txt", "two\n"), ("c.txt", "three\n"));
        _base = await _user.HeadAsync(Token);
        await _user.GitAsync(Token, "config", "uploadpack.allowAnySHA1InWant", "true");

        // As the workspace store makes it: a bare repository that has the base commit without its history.
        _store = _folder.Combine("store.git");
        await GitCommand.RunAsync(_folder.Path, ["init", "-q", "--bare", _store], Token);
        await GitCommand.RunAsync(_store, ["fetch", "-q", "--depth", "1", "--no-tags", "file://" + _user.Path, $"{_base}:refs/base"], Token);
        _trailers = new ResultTrailers(7, 42, _base);
    }

    public async ValueTask DisposeAsync()
    {
        await _user.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task PublishAsync_Result_BecomesANewBranchAndTouchesNothingElse()
    {
        _user.Write("c.txt", "changed by the user\n");
        await _user.GitAsync(Token, "add", "c.txt");
        _user.Write("untracked.txt", "x\n");
        var before = await StateAsync();
        var commit = await ResultAsync();

        var published = await PublishAsync(commit);

        Assert.Equal(new LocalPublication(Branch, commit, false, null), published);
        Assert.Equal(commit, await _user.GitAsync(Token, "rev-parse", "refs/heads/" + Branch));
        Assert.Equal(_base, await _user.GitAsync(Token, "rev-parse", Branch + "^"));
        Assert.Equal("done\n", await ShowAsync(Branch + ":src/a.txt"));
        Assert.Equal(before, (await StateAsync()).Replace($"{commit} commit\trefs/heads/{Branch}\n", "", StringComparison.Ordinal));
        Assert.Equal("", await _user.GitAsync(Token, "fsck", "--strict", "--no-dangling"));
    }

    [Fact]
    public async Task PublishAsync_Twice_ChangesNothingTheSecondTime()
    {
        var commit = await ResultAsync();
        await PublishAsync(commit);
        var before = await StateAsync();
        Assert.Equal(new LocalPublication(Branch, commit, true, null), await PublishAsync(commit));
        Assert.Equal(before, await StateAsync());
    }

    [Fact]
    public async Task PublishAsync_CommitMadeAgainAfterACrash_FindsTheFirstByItsTrailers()
    {
        var first = await ResultAsync();
        await PublishAsync(first);
        var again = await ResultAsync(date: "@1767000999 +0000");
        Assert.NotEqual(first, again);
        Assert.Equal(new LocalPublication(Branch, first, true, null), await PublishAsync(again));
    }

    [Fact]
    public async Task PublishAsync_UserAddedCommitsToTheBranch_StillFindsIt()
    {
        var commit = await ResultAsync();
        await PublishAsync(commit);
        await _user.GitAsync(Token, "checkout", "-q", Branch);
        var onTop = await _user.Write("more.txt", "x\n").CommitAsync("More", Token);
        Assert.Equal(new LocalPublication(Branch, commit, true, null), await PublishAsync(await ResultAsync(date: "@1767000999 +0000")));
        Assert.Equal(onTop, await _user.GitAsync(Token, "rev-parse", Branch));
    }

    [Fact]
    public async Task PublishAsync_NameTakenBySomethingElse_TakesTheNextAndLeavesItAlone()
    {
        await _user.GitAsync(Token, "branch", Branch);
        await _user.GitAsync(Token, "branch", "claude-manager/7-FIX-the-parser-2/sub");
        var commit = await ResultAsync();
        Assert.Equal(Branch + "-3", (await PublishAsync(commit)).Branch);
        Assert.Equal(_base, await _user.GitAsync(Token, "rev-parse", Branch));
    }

    [Fact]
    public async Task PublishAsync_NameTakenInOtherLetters_TakesTheNext()
    {
        await _user.GitAsync(Token, "branch", Branch.ToUpperInvariant().Replace("CLAUDE-MANAGER", "claude-manager", StringComparison.Ordinal));

        Assert.Equal(Branch + "-2", (await PublishAsync(await ResultAsync())).Branch);
    }

    [Fact]
    public async Task PublishAsync_AnotherRunOfTheItem_GetsABranchOfItsOwn()
    {
        var first = await ResultAsync();
        await PublishAsync(first);
        _trailers = _trailers with { RunId = 43 };
        var second = await ResultAsync("done better\n");
        Assert.Equal(new LocalPublication(Branch + "-2", second, false, null), await PublishAsync(second));
        Assert.Equal(first, await _user.GitAsync(Token, "rev-parse", Branch));
    }

    [Fact]
    public async Task PublishAsync_OtherItemWithTheSameDigitsInFront_IsNotTakenForIt()
    {
        _trailers = new ResultTrailers(7, 42, _base);
        await PublishAsync(await ResultAsync());
        _trailers = new ResultTrailers(77, 42, _base);
        Assert.Equal("claude-manager/77-fix-the-parser", (await PublishAsync(await ResultAsync())).Branch);
    }

    [Fact]
    public async Task PublishAsync_BranchCheckedOutInAWorktree_IsNotMoved()
    {
        var tree = _folder.Combine("tree");
        await _user.GitAsync(Token, "worktree", "add", "-q", "-b", Branch, tree);
        Assert.Equal(Branch + "-2", (await PublishAsync(await ResultAsync())).Branch);
        Assert.Equal(_base, (await GitCommand.RunAsync(tree, ["rev-parse", "HEAD"], Token)).Text);
    }

    [Fact]
    public async Task PublishAsync_HeadStandsOnTheUnbornName_IsNotBorn()
    {
        await _user.GitAsync(Token, "symbolic-ref", "HEAD", "refs/heads/" + Branch);
        Assert.Equal(Branch + "-2", (await PublishAsync(await ResultAsync())).Branch);
        Assert.NotEqual(0, (await GitCommand.TryAsync(_user.Path, ["rev-parse", "--verify", "-q", "HEAD"], Token)).ExitCode);
    }

    [Fact]
    public async Task PublishAsync_BranchNamedLikeOurFolder_SaysHowToMakeRoom()
    {
        await _user.GitAsync(Token, "branch", "claude-manager");
        var refused = await PublishAsync(await ResultAsync());
        Assert.Null(refused.Branch);
        Assert.Contains("git branch -m claude-manager", refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PublishAsync_BareRepository_Works()
    {
        var bare = _folder.Combine("bare.git");
        await GitCommand.RunAsync(_folder.Path, ["clone", "-q", "--bare", _user.Path, bare], Token);
        var commit = await ResultAsync();
        Assert.Equal(Branch, (await LocalPublisher.PublishAsync(_store, bare, commit, Title, _trailers, s_author, Token)).Branch);
        Assert.Equal(commit, (await GitCommand.RunAsync(bare, ["rev-parse", Branch], Token)).Text);
    }

    [Fact]
    public async Task PublishAsync_LinkedWorktree_PutsTheBranchIntoItsRepository()
    {
        var tree = _folder.Combine("tree");
        await _user.GitAsync(Token, "worktree", "add", "-q", "-b", "side", tree);
        var commit = await ResultAsync();
        await LocalPublisher.PublishAsync(_store, tree, commit, Title, _trailers, s_author, Token);
        Assert.Equal(commit, await _user.GitAsync(Token, "rev-parse", Branch));
    }

    [Fact]
    public async Task PublishAsync_HooksOfTheRepository_DoNotRun()
    {
        var proof = _folder.Combine("ran");
        foreach (var hook in new[] { "reference-transaction", "post-update", "update", "post-checkout", "pre-receive", "post-index-change", "fsmonitor-watchman" })
        {
            var path = Path.Combine(_user.Path, ".git", "hooks", hook);
            await File.WriteAllTextAsync(path, $"#!/bin/sh\necho {hook} >> '{proof}'\n", Token);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        Assert.Equal(Branch, (await PublishAsync(await ResultAsync())).Branch);
        Assert.False(File.Exists(proof), File.Exists(proof) ? await File.ReadAllTextAsync(proof, Token) : "");

        // The hook itself works: git as the user runs it does call it.
        using var plain = Process.Start(new ProcessStartInfo("git", ["-C", _user.Path, "update-ref", "refs/heads/proof", _base]))!;
        await plain.WaitForExitAsync(Token);
        Assert.True(File.Exists(proof));
    }

    [Fact]
    public async Task PublishAsync_BaseNoLongerThere_SaysSo()
    {
        await using var other = await TestRepository.CreateAsync(Token, ("x", "y\n"));
        var refused = await LocalPublisher.PublishAsync(_store, other.Path, await ResultAsync(), Title, _trailers, s_author, Token);
        Assert.Contains(_base, refused.Problem, StringComparison.Ordinal);
        Assert.Equal("main", await other.GitAsync(Token, "for-each-ref", "--format=%(refname:short)"));
    }

    [Fact]
    public async Task PublishAsync_LockLeftBehind_SaysSo()
    {
        var lockFile = Path.Combine(_user.Path, ".git", "refs", "heads", Branch + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(lockFile)!);
        await File.WriteAllTextAsync(lockFile, "", Token);
        var refused = await PublishAsync(await ResultAsync());
        Assert.Null(refused.Branch);
        Assert.Contains("Another git process holds a lock", refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PublishAsync_RepositoryNotWritable_SaysSo()
    {
        var commit = await ResultAsync();
        using var readOnly = await ReadOnlyAsync(Path.Combine(_user.Path, ".git"));
        var refused = await PublishAsync(commit);
        Assert.Null(refused.Branch);
        Assert.Contains("cannot be written to", refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PublishAsync_NotARepository_SaysSo()
        => Assert.Contains("no git repository any more", (await LocalPublisher.PublishAsync(_store, _folder.Path, await ResultAsync(), Title, _trailers, s_author, Token)).Problem, StringComparison.Ordinal);

    [Fact]
    public async Task PublishAsync_TwoAtOnce_MakeOneBranchEach()
    {
        var first = await ResultAsync();
        var other = _trailers with { RunId = 43 };
        var second = await ResultAsync("other\n", trailers: other);
        var both = await Task.WhenAll(PublishAsync(first), LocalPublisher.PublishAsync(_store, _user.Path, second, Title, other, s_author, Token));
        Assert.Equal([Branch, Branch + "-2"], both.Select(p => p.Branch).Order());
    }

    [Theory]
    [InlineData(Title)]
    [InlineData("--- diff --git a/x b/x")]
    [InlineData("Übersetzung\n\nClaude-Manager-Run: 1\nFrom: x")]
    public async Task PatchAsync_IsTakenByGitAm(string title)
    {
        var commit = await ResultAsync(title: title);
        var patch = await LocalPublisher.PatchAsync(_store, commit, Token);
        await _user.GitAsync(Token, "checkout", "-q", "-b", "apply", _base);
        await GitCommand.RunAsync(_user.Path, ["-c", "user.name=x", "-c", "user.email=x@y", "am", "--quiet"], Token, patch);
        Assert.Equal("done\n", await ShowAsync("HEAD:src/a.txt"));
        Assert.Equal((await GitCommand.RunAsync(_store, ["log", "-1", "--format=%B%an", commit], Token)).Text, await _user.GitAsync(Token, "log", "-1", "--format=%B%an"));
    }

    private async Task<string> ResultAsync(string content = "done\n", string date = "@1767000000 +0000", string title = Title, ResultTrailers? trailers = null)
    {
        var environment = new Dictionary<string, string>
        {
            ["GIT_INDEX_FILE"] = _folder.Combine("index"),
            ["GIT_AUTHOR_NAME"] = "Agent",
            ["GIT_AUTHOR_EMAIL"] = "a@b",
            ["GIT_AUTHOR_DATE"] = date,
            ["GIT_COMMITTER_NAME"] = "Agent",
            ["GIT_COMMITTER_EMAIL"] = "a@b",
            ["GIT_COMMITTER_DATE"] = date,
        };
        var blob = (await GitCommand.RunAsync(_store, ["hash-object", "-w", "--stdin"], Token, System.Text.Encoding.UTF8.GetBytes(content))).Text;
        await GitCommand.RunAsync(_store, ["read-tree", _base], Token, environment: environment);
        await GitCommand.RunAsync(_store, ["update-index", "--cacheinfo", $"100644,{blob},src/a.txt"], Token, environment: environment);
        var tree = (await GitCommand.RunAsync(_store, ["write-tree"], Token, environment: environment)).Text;
        var message = (trailers ?? _trailers).Message(title, "Agent <a@b>");
        return (await GitCommand.RunAsync(_store, ["commit-tree", tree, "-p", _base, "-F", "-"], Token, System.Text.Encoding.UTF8.GetBytes(message), environment)).Text;
    }

    private Task<LocalPublication> PublishAsync(string commit) => LocalPublisher.PublishAsync(_store, _user.Path, commit, Title, _trailers, s_author, Token);

    private async Task<string> ShowAsync(string what) => System.Text.Encoding.UTF8.GetString((await GitCommand.RunAsync(_user.Path, ["show", what], Token)).Output);

    /// <summary>References, HEAD, index bytes and work tree.</summary>
    private async Task<string> StateAsync()
    {
        var refs = await _user.GitAsync(Token, "for-each-ref");
        var head = await File.ReadAllTextAsync(Path.Combine(_user.Path, ".git", "HEAD"), Token);
        var index = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(_user.Path, ".git", "index"), Token)));
        var files = Directory.EnumerateFiles(_user.Path, "*", SearchOption.AllDirectories).Where(f => !f.Contains("/.git/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(f => f + File.ReadAllText(f) + File.GetLastWriteTimeUtc(f).Ticks.ToString(CultureInfo.InvariantCulture));
        var fetched = File.Exists(Path.Combine(_user.Path, ".git", "FETCH_HEAD"));
        return $"{refs}\n{head}{index}{string.Concat(files)}{fetched}";
    }

    /// <summary>Permissions say it for everyone but root, for whom it takes a read-only mount.</summary>
    private static async Task<IDisposable> ReadOnlyAsync(string directory)
    {
        if (Environment.UserName == "root")
        {
            await RunAsync("mount", "--bind", directory, directory);
            await RunAsync("mount", "-o", "remount,ro,bind", directory);
            return new Undo(() => Process.Start("umount", [directory])!.WaitForExit());
        }

        await RunAsync("chmod", "-R", "a-w", directory);
        return new Undo(() => Process.Start("chmod", ["-R", "u+w", directory])!.WaitForExit());

        static async Task RunAsync(string program, params string[] arguments)
        {
            using var process = Process.Start(program, arguments);
            await process.WaitForExitAsync();
            Assert.Equal(0, process.ExitCode);
        }
    }

    private sealed class Undo(Action undo) : IDisposable
    {
        public void Dispose() => undo();
    }
}
