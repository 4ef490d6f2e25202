using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>Agents that do what no agent should: each ends by a named reason, and nothing of it goes on or gets out.</summary>
public sealed class HostileAgentTests
{
    [Fact]
    public async Task ExecuteAsync_WritesOutsideUnderBwrap_DoesNotReachIt()
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; mkdir -p \"$OUTSIDE\" && echo x > \"$OUTSIDE/escaped\"; echo x > ../escaped; echo x > /etc/escaped; true", e => e with { Sandbox = "required" });
        if (await ground.Get<Sandbox>().ProblemAsync(TestContext.Current.CancellationToken) is { } problem)
        {
            Assert.Skip(problem);
        }

        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(SandboxLevel.Bwrap, run.Run.Sandbox);
        Assert.Equal(["src/sum.sh"], await ground.PublishedPathsAsync(run));
        Assert.Empty(Directory.EnumerateFileSystemEntries(ground.Outside));
        Assert.False(File.Exists("/etc/escaped"));
    }

    [Fact]
    public async Task ExecuteAsync_WritesOutsideUnderProcessLevel_PublishesNothingOfIt()
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; echo x > \"$OUTSIDE/escaped\"; echo x > ../escaped; ln -s \"$OUTSIDE\" out; echo y > out/through-a-link; rm out");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["src/sum.sh"], await ground.PublishedPathsAsync(run));
    }

    [Theory]
    [InlineData("git add -A; git -c user.name=Mallory -c user.email=m@example.org commit -qm mine; git -c user.name=Mallory -c user.email=m@example.org commit -q --allow-empty -m again")]
    [InlineData("git checkout -q --orphan other; git add -A; git -c user.name=Mallory -c user.email=m@example.org commit -qm 'no past'; git branch -D agent/task")]
    [InlineData("git -c user.name=Mallory -c user.email=m@example.org commit -q --amend --allow-empty -am rewritten; git reflog expire --expire=now --all; git gc -q --prune=now")]
    [InlineData("rm -rf .git")]
    [InlineData("rm -rf .git; git init -q .; git config core.fsmonitor 'touch \"$OUTSIDE/ran\"'; git config core.worktree /; printf '#!/bin/sh\\ntouch \"$OUTSIDE/ran\"\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout")]
    [InlineData("rm -rf .git; echo 'gitdir: /' > .git")]
    public async Task ExecuteAsync_TakesItsOwnGitApart_PublishesOneCommitOnTheBase(string script)
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; {script}");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["src/sum.sh"], await ground.PublishedPathsAsync(run));
        Assert.Equal("Claude Manager", await ground.Project.GitAsync(TestContext.Current.CancellationToken, "log", "-1", "--format=%an", run.Run.Branch!));
        Assert.False(File.Exists(Path.Combine(ground.Outside, "ran")));
    }

    [Fact]
    public async Task ExecuteAsync_LeavesARepositoryInsideTheRepository_EndsAsPolicyBlocked()
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; git init -q vendor/thing; echo hidden > vendor/thing/file");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.Contains(run.Gate!.Hits, h => h is { Rule: "nested_git", Path: "vendor/thing" });
    }

    [Theory]
    [InlineData("sleep 1000 & echo done")]
    [InlineData("setsid sleep 1000 > /dev/null 2>&1 < /dev/null & echo done")]
    [InlineData("(trap '' HUP INT TERM; setsid sh -c 'trap \"\" HUP INT TERM; while :; do sleep 1; done' > /dev/null 2>&1 < /dev/null &) ; echo done")]
    public async Task ExecuteAsync_ForksChildrenThatOutliveIt_StopsThemAll(string script)
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; {script}");
        await ground.ApproveAsync();

        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.Completed, WorkItemState.Review);
    }

    [Fact]
    public async Task ExecuteAsync_NeverEnds_EndsAsTimedOut()
    {
        await using var ground = await RunGround.StartAsync("trap '' INT TERM; echo begun; while :; do echo busy; sleep 0.1; done", e => e with { Timeout = TimeSpan.FromSeconds(1) });
        await ground.ApproveAsync();

        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.TimedOut, WorkItemState.Proposed);
    }

    [Fact]
    public async Task ExecuteAsync_FallsSilent_EndsAsStalledWithTheWorkKept()
    {
        await using var ground = await RunGround.StartAsync("echo half > half.txt; echo thinking; sleep 1000", e => e with { Stall = TimeSpan.FromSeconds(1) });
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Stalled, WorkItemState.Proposed);
        Assert.Equal("half", (await ground.StoreGitAsync(run, "show", $"refs/claude-manager/wip/{run.Run.Id}:half.txt")).Text);
    }

    [Fact]
    public async Task ExecuteAsync_ALineOf20Megabytes_IsCutAndTheRunGoesOn()
    {
        await using var ground = await RunGround.StartAsync($"head -c 20000000 /dev/zero | tr '\\0' 'a'; echo; echo after; {RunGround.Fix}");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        var said = await ground.EventsAsync(run.Run.Id);
        Assert.Contains(said, e => e.Text == "after");
        Assert.True(said.Sum(e => e.Text.Length) < 100_000);
    }

    [Fact]
    public async Task ExecuteAsync_GarbageOnBothStreams_IsKeptAsTextAndTheRunGoesOn()
    {
        await using var ground = await RunGround.StartAsync($"head -c 300000 /dev/urandom; head -c 100000 /dev/urandom >&2; printf '\\0\\033[2J\\377\\376\\n'; echo after; {RunGround.Fix}");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        var said = await ground.EventsAsync(run.Run.Id);
        Assert.Contains(said, e => e.Text == "after");
        Assert.DoesNotContain(said, e => e.Text.Contains('\0', StringComparison.Ordinal));
    }

    [Fact]
    public async Task ExecuteAsync_LeavesUnreadableFilesAndDeepFolders_IsCollectedAndRemoved()
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; mkdir -p a/b/c; echo x > a/b/c/file; chmod 000 a/b/c/file a/b; mkfifo pipe");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["a/b/c/file", "src/sum.sh"], await ground.PublishedPathsAsync(run));
    }

    [Fact]
    public async Task ExecuteAsync_DeletesItsWorkspace_EndsWithAReason()
    {
        await using var ground = await RunGround.StartAsync("rm -rf \"$PWD\"; echo gone", e => e with { MaxAttempts = 1 });
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Failed, WorkItemState.Proposed);
    }
}
