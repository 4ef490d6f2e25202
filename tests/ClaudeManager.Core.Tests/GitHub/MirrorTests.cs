using System.Runtime.InteropServices;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Tests.Shared.GitHub;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;
using Microsoft.Extensions.Logging.Abstractions;
using static ClaudeManager.Core.Tests.GitHub.Ground;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>Real git over HTTP against the loopback GitHub.</summary>
public sealed class MirrorTests
{
    private const long Id = 7;

    [Fact]
    public async Task Update_OfARepository_IsAMirrorThatScansOpen()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        ground.Repository.IsPrivate = true;
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a"), ("dir/ü.txt", "u")], Ct);
        await ground.Repository.CommitAsync("Other", [("b.txt", "b")], Ct, "feature/x");

        var mirror = await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), branch: null, Ct);
        var opened = await LocalRepository.OpenAsync(mirror.Path, branch: null, Ct);
        var other = await LocalRepository.OpenAsync(mirror.Path, "feature/x", Ct);

        Assert.Equal((head, "main", false, true), (mirror.Commit, mirror.Branch, mirror.IsPartial, mirror.Fetched));
        Assert.Equal((head, "main", true), (opened.Value!.Commit, opened.Value.Branch, opened.Value.IsBare));
        Assert.NotNull(other.Value);
    }

    [Fact]
    public async Task Update_NothingChanged_SendsNothing()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var mirrors = Mirrors(ground, data);
        await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);
        var state = await StateAsync(ground);
        ground.Ledger.Clear();

        var again = await Mirrors(ground, data).UpdateAsync(Id, state, null, Ct);

        Assert.False(again.Fetched);
        Assert.Empty(ground.Ledger.Requests);
    }

    [Fact]
    public async Task Update_ForcePushedAndDeletedBranches_FollowsGitHub()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        await ground.Repository.CommitAsync("Gone", [("b.txt", "b")], Ct, "a");
        var mirrors = Mirrors(ground, data);
        await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["update-ref", "-d", "refs/heads/main"], Ct);
        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["update-ref", "-d", "refs/heads/a"], Ct);
        var rewritten = await ground.Repository.CommitAsync("Rewritten", [("c.txt", "c")], Ct);
        await ground.Repository.CommitAsync("Below the name that was a branch", [("d.txt", "d")], Ct, "a/b");
        var mirror = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.Equal(rewritten, mirror.Commit);
        Assert.Equal("refs/heads/a/b\nrefs/heads/main", (await GitCommand.RunAsync(mirror.Path, ["for-each-ref", "--format=%(refname)"], Ct)).Text);
    }

    [Fact]
    public async Task Update_DefaultBranchRenamed_PointsThere()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var mirrors = Mirrors(ground, data);
        await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        var trunk = await ground.Repository.CommitAsync("Second", [("a.txt", "b")], Ct, "trunk");
        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["update-ref", "-d", "refs/heads/main"], Ct);
        ground.Repository.SetDefaultBranch("trunk");
        var mirror = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.Equal(("trunk", trunk), (mirror.Branch, mirror.Commit));
        Assert.Equal("trunk", (await LocalRepository.OpenAsync(mirror.Path, null, Ct)).Value!.Branch);
    }

    [Fact]
    public async Task Update_EmptyRepository_HasNoCommitUntilItHasOne()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var mirrors = Mirrors(ground, data);

        var empty = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var filled = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.Equal((null, head), (empty.Commit, filled.Commit));
        Assert.Equal("no_commits", (await LocalRepository.OpenAsync((await mirrors.UpdateAsync(8, await StateAsync(ground, "acme/void"), null, Ct)).Path, null, Ct)).Refusal!.Code);
    }

    [Fact]
    public async Task Update_PullRequestHeads_StayOutside()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["update-ref", "refs/pull/1/head", head], Ct);
        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["update-ref", "refs/tags/v1", head], Ct);

        var mirror = await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.Equal("refs/heads/main\nrefs/tags/v1", (await GitCommand.RunAsync(mirror.Path, ["for-each-ref", "--format=%(refname)"], Ct)).Text);
    }

    [Fact]
    public async Task Update_AboveTheSize_FetchesOnlyTheContentOfTheCommit()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "only in the past"), ("b.txt", "b")], Ct);
        await ground.Repository.CommitAsync("Second", [("a.txt", "now"), ("c.txt", "c")], Ct);
        ground.Repository.SizeKb = 501 * 1024;
        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["config", "uploadpack.allowFilter", "true"], Ct);
        await GitCommand.RunAsync(ground.Repository.GitDirectory, ["config", "uploadpack.allowAnySHA1InWant", "true"], Ct);
        var mirrors = Mirrors(ground, data);

        var mirror = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);
        var third = await ground.Repository.CommitAsync("Third", [("d.txt", "d")], Ct);
        var next = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);
        ground.Ledger.Clear();
        var unchanged = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.True(mirror.IsPartial);
        Assert.Equal(third, next.Commit);
        Assert.Equal("d", (await GitCommand.RunAsync(next.Path, ["cat-file", "blob", "main:d.txt"], Ct)).Text);
        Assert.Equal("now", (await GitCommand.RunAsync(next.Path, ["cat-file", "blob", "main:a.txt"], Ct)).Text);
        Assert.NotEqual(0, (await GitCommand.TryAsync(next.Path, ["cat-file", "blob", "main~2:a.txt"], Ct)).ExitCode);
        Assert.False(unchanged.Fetched);
        Assert.DoesNotContain(ground.Ledger.Requests, r => r.Resource == "git");
    }

    [Fact]
    public async Task Update_Renamed_KeepsTheMirrorUnderTheNewName()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var repository = ground.Repository;
        await repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var mirrors = Mirrors(ground, data);
        var old = await StateAsync(ground);
        await mirrors.UpdateAsync(Id, old, null, Ct);
        repository.Rename("acme/renamed");
        var head = await repository.CommitAsync("Second", [("a.txt", "b")], Ct);

        var moved = await Assert.ThrowsAsync<GitHubException>(() => mirrors.UpdateAsync(Id, old with { Commit = head }, null, Ct));
        var mirror = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.Equal(GitHubProblem.Moved, moved.Problem);
        Assert.Equal(head, mirror.Commit);
    }

    [Theory]
    [InlineData(403, GitHubProblem.Forbidden)]
    [InlineData(429, GitHubProblem.Limited)]
    [InlineData(451, GitHubProblem.Gone)]
    [InlineData(500, GitHubProblem.Unavailable)]
    [InlineData(503, GitHubProblem.Unavailable)]
    public async Task Update_GitHubAnswers_AsWhatItMeans(int status, GitHubProblem problem)
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);
        ground.GitHub.Fail("GET", "/acme/app.git/info/refs*", new GitHubFault.Answer(status, "fatal: Authentication failed", "text/plain", new Dictionary<string, string>()), times: 9);

        var fault = await Assert.ThrowsAsync<GitHubException>(() => Mirrors(ground, data).UpdateAsync(Id, state, null, Ct));

        Assert.Equal(problem, fault.Problem);
    }

    [Fact]
    public async Task Update_OfWhatIsNotThere_IsNotFound_AndAWrongTokenUnauthorized()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        ground.Repository.IsPrivate = true;
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);
        var gone = state with { Name = RepositoryName.Parse("acme/none") };

        var missing = await Assert.ThrowsAsync<GitHubException>(() => Mirrors(ground, data).UpdateAsync(8, gone, null, Ct));
        var wrong = await Assert.ThrowsAsync<GitHubException>(() => Mirrors(ground, data, ground.Credential("ghp_wrong00000000000000")).UpdateAsync(Id, state, null, Ct));

        Assert.Equal((GitHubProblem.NotFound, GitHubProblem.Unauthorized), (missing.Problem, wrong.Problem));
        Assert.Empty(Directory.GetFiles(data.Combine("mirrors"), "*.credentials"));
    }

    [Theory]
    [InlineData("text/html", "<html>")]
    [InlineData("application/x-git-upload-pack-advertisement", "zzzz nonsense")]
    [InlineData("application/x-git-upload-pack-advertisement", "001e# service=git-upload-pack\n0000")]
    public async Task Update_ServerTalksNonsense_FailsAndLeavesAMirrorThatHeals(string contentType, string body)
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);
        ground.GitHub.Fail("GET", "/acme/app.git/info/refs*", new GitHubFault.Answer(200, body, contentType, new Dictionary<string, string>()));

        // Nothing may be taken from it: an error, or no branch at all.
        using (RetriedByCaller.Begin())
        {
            await Record.ExceptionAsync(() => Mirrors(ground, data).UpdateAsync(Id, state, null, Ct));
        }

        Assert.Equal("", (await GitCommand.RunAsync(data.Combine("mirrors", "7.git"), ["for-each-ref"], Ct)).Text);

        Assert.Equal(head, (await Mirrors(ground, data).UpdateAsync(Id, state, null, Ct)).Commit);
    }

    [Fact]
    public async Task Update_RedirectedToAnotherServer_DoesNotFollow()
    {
        await using var ground = await Ground.StartAsync();
        await using var elsewhere = await LoopbackGitHub.StartAsync(Ct);
        using var data = new TemporaryDirectory();
        await elsewhere.Repository("acme/app").CommitAsync("Evil", [("a.txt", "evil")], Ct);
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);
        ground.GitHub.Fail("GET", "/acme/app.git/info/refs*", new GitHubFault.Answer(301, "", "text/plain",
            new Dictionary<string, string> { ["Location"] = $"{elsewhere.CloneUrl("acme/app")}/info/refs?service=git-upload-pack" }));

        var fault = await Assert.ThrowsAsync<GitHubException>(() => Mirrors(ground, data).UpdateAsync(Id, state, null, Ct));

        Assert.Equal(GitHubProblem.Moved, fault.Problem);
        Assert.Empty(elsewhere.Ledger.Requests);
    }

    [Fact]
    public async Task Update_ObjectsThatGitWouldNotWrite_AreRefused()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await using var evil = await TestRepository.CreateAsync(Ct, ("a.txt", "a"));
        await evil.CommitRawAsync(Ct, "main", ("100644", ".git"u8.ToArray(), "[core] fsmonitor = evil"u8.ToArray()));
        await ground.Repository.ImportAsync(evil.Path, Ct);

        var fault = await Assert.ThrowsAsync<GitHubException>(async () => await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct));

        Assert.Equal(GitHubProblem.Malformed, fault.Problem);
    }

    [Fact]
    public async Task Update_AfterAKilledGit_RemovesItsLocksAndGoesOn()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var mirror = await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct);
        var head = await ground.Repository.CommitAsync("Second", [("a.txt", "b")], Ct);
        foreach (var left in new[] { "config.lock", "HEAD.lock", "packed-refs.lock", "shallow.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(mirror.Path, left))!);
            await File.WriteAllTextAsync(Path.Combine(mirror.Path, left), "", Ct);
        }

        Assert.Equal(head, (await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct)).Commit);
        Assert.Empty(Directory.GetFiles(mirror.Path, "*.lock", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Update_AGitHasOutlivedItsParent_IsEndedFirst()
    {
        Assert.SkipUnless(RuntimeInformation.IsOSPlatform(OSPlatform.Linux), "Processes are found by /proc.");
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var path = (await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct)).Path;
        await File.WriteAllTextAsync(Path.Combine(path, "packed-refs.lock"), "", Ct);
        // Waits for input for ever, as a fetch whose server does not answer.
        using var orphan = GitCommand.Start(path, ["cat-file", "--batch"], new Dictionary<string, string> { [GitHubRemote.MirrorVariable] = path });
        using var stranger = GitCommand.Start(path, ["cat-file", "--batch"]);

        Assert.Equal(head, (await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct)).Commit);

        await orphan.WaitForExitAsync(Ct);
        Assert.False(stranger.HasExited);
        stranger.Kill();
    }

    [Fact]
    public async Task Update_DamagedMirror_IsMadeAnew()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var mirror = await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct);
        File.Delete(Path.Combine(mirror.Path, "HEAD"));

        var again = await Mirrors(ground, data).UpdateAsync(Id, await StateAsync(ground), null, Ct);

        Assert.Equal((head, true), (again.Commit, again.Fetched));
    }

    [Fact]
    public async Task Update_ByTwoAtOnce_OneWaitsForTheOther()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);

        var both = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Mirrors(ground, data, time: TimeProvider.System).UpdateAsync(Id, state, null, Ct)));

        Assert.All(both, mirror => Assert.Equal(head, mirror.Commit));
        Assert.Single(both, mirror => mirror.Fetched);
    }

    [Fact]
    public async Task Update_Cancelled_EndsGitAndTheNextOneSucceeds()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        using var caller = new CancellationTokenSource();
        var head = await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);
        var hole = ground.GitHub.Fail("GET", "/acme/app.git/info/refs*", new GitHubFault.BlackHole());

        var updating = Mirrors(ground, data).UpdateAsync(Id, state, null, caller.Token);
        await hole.Reached;
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => updating);

        var path = data.Combine("mirrors", "7.git");
        await Eventually.SeeAsync(() => ProcessTable.Snapshot().Count(p => !p.IsZombie && ProcessTable.VariableOf(p.Id, GitHubRemote.MirrorVariable) == path), left => left == 0, "git has ended", Ct);
        Assert.Equal(head, (await Mirrors(ground, data).UpdateAsync(Id, state, null, Ct)).Commit);
    }

    [Fact]
    public async Task Update_WhileItRuns_TheTokenIsInNoArgumentEnvironmentOrFile()
    {
        Assert.SkipUnless(RuntimeInformation.IsOSPlatform(OSPlatform.Linux), "Processes are read from /proc.");
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        ground.Repository.IsPrivate = true;
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var state = await StateAsync(ground);
        var goOn = new TaskCompletionSource();
        // The first request has no credential; this one is the fetch with it.
        var held = ground.GitHub.Fail("POST", "/acme/app.git/git-upload-pack", new GitHubFault.Held(goOn.Task, AfterEffect: false));

        var updating = Mirrors(ground, data).UpdateAsync(Id, state, null, Ct);
        await held.Reached;
        var path = data.Combine("mirrors", "7.git");
        var git = ProcessTable.Snapshot().Where(p => ProcessTable.VariableOf(p.Id, GitHubRemote.MirrorVariable) == path).ToList();
        var seen = string.Concat(git.SelectMany(p => new[] { File.ReadAllText($"/proc/{p.Id}/cmdline"), File.ReadAllText($"/proc/{p.Id}/environ") }));
        var files = string.Concat(Directory.EnumerateFiles(data.Path, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".credentials", StringComparison.Ordinal) && !f.EndsWith(".held", StringComparison.Ordinal)).Select(File.ReadAllText));
        goOn.SetResult();
        var mirror = await updating;

        Assert.NotEmpty(git);
        Assert.NotNull(mirror.Commit);
        Assert.DoesNotContain(ground.Token, seen, StringComparison.Ordinal);
        Assert.DoesNotContain(ground.Token, files, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_AMirror_LeavesNothingOfIt()
    {
        await using var ground = await Ground.StartAsync();
        using var data = new TemporaryDirectory();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var mirrors = Mirrors(ground, data);
        var mirror = await mirrors.UpdateAsync(Id, await StateAsync(ground), null, Ct);

        await mirrors.RemoveAsync(Id, Ct);
        await mirrors.RemoveAsync(Id, Ct);

        Assert.False(Directory.Exists(mirror.Path));
    }

    [Fact]
    public async Task Push_ACommit_IsThereOnceAndNeverOverSomebodyElses()
    {
        await using var ground = await Ground.StartAsync();
        await using var local = await TestRepository.CreateAsync(Ct, ("a.txt", "a"));
        var remote = ground.Remote();
        await ground.Repository.CommitAsync("First", [("a.txt", "a")], Ct);
        var first = await local.CommitAsync("Ours", Ct);
        const string branch = "claude-manager/1-fix";

        await remote.PushAsync(local.Path, App, first, branch, expected: null, Ct);
        await remote.PushAsync(local.Path, App, first, branch, expected: null, Ct);
        Assert.Equal(first, ground.Repository.Branches[branch]);

        var theirs = await ground.Repository.CommitAsync("Theirs", [("b.txt", "b")], Ct, branch);
        var second = await local.CommitAsync("Ours again", Ct);
        var fault = await Assert.ThrowsAsync<GitHubException>(() => remote.PushAsync(local.Path, App, second, branch, expected: first, Ct));

        Assert.Equal((GitHubProblem.Refused, theirs), (fault.Problem, ground.Repository.Branches[branch]));
        await remote.PushAsync(local.Path, App, second, branch, expected: theirs, Ct);
        Assert.Equal(second, await remote.FindBranchAsync(local.Path, App, branch, Ct));
    }

    [Fact]
    public async Task Push_ToAProtectedBranch_IsRefused()
    {
        await using var ground = await Ground.StartAsync();
        await using var local = await TestRepository.CreateAsync(Ct, ("a.txt", "a"));
        ground.Repository.Protect("main");

        var fault = await Assert.ThrowsAsync<GitHubException>(async () => await ground.Remote().PushAsync(local.Path, App, await local.HeadAsync(Ct), "main", null, Ct));

        Assert.Equal((GitHubProblem.Refused, false), (fault.Problem, fault.MayHaveHappened));
    }

    private static GitHubMirrors Mirrors(Ground ground, TemporaryDirectory data, Core.GitHub.Credentials.GitHubCredential? credential = null, TimeProvider? time = null)
        => new(new DataDirectory(data.Path), ground.Remote(credential), ground.Configuration, time ?? TimeProvider.System, NullLogger<GitHubMirrors>.Instance);

    private static async Task<GitHubRepositoryState> StateAsync(Ground ground, string? name = null)
    {
        var asked = name is null ? App : RepositoryName.Parse(name);
        if (name is not null)
        {
            ground.GitHub.Repository(name);
        }

        return (await ground.Gateway.GetStatesAsync([asked], Ct))[0].State!;
    }
}
