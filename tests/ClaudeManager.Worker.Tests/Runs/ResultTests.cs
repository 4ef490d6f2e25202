using ClaudeManager.Core.Contracts;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>How an agent's work is judged and published.</summary>
public sealed class ResultTests
{
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgresql")]
    public async Task ExecuteAsync_GoodWork_IsVerifiedAndPublishedAsABranch(string provider)
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix, provider: provider);
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(["src/sum.sh"], await ground.PublishedPathsAsync(run));
        Assert.Equal("passed", run.Receipt!.Verdict);
        Assert.Equal("gone", run.Receipt.FindingState);
        Assert.True(run.Gate!.Passed);
        Assert.Equal(1, run.Diff!.Files);
        var patch = await ground.Get<Core.Runs.RunService>().PatchAsync(run.Run.Id, TestContext.Current.CancellationToken);
        Assert.Contains("+# Adds both numbers.", System.Text.Encoding.UTF8.GetString(patch!), StringComparison.Ordinal);
        var said = await ground.EventsAsync(run.Run.Id);
        Assert.Equal(Enumerable.Range(1, said.Count).Select(n => (long)n), said.Select(e => e.Seq));
    }

    [Fact]
    public async Task ExecuteAsync_PromptGivenToTheAgent_IsTheApprovedOne()
    {
        await using var ground = await RunGround.StartAsync($"cat > \"$OUTSIDE/stdin\"; cp \"$CLAUDE_MANAGER_PROMPT_FILE\" \"$OUTSIDE/file\"; {RunGround.Fix}");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Completed, WorkItemState.Review);
        Assert.Equal(run.Prompt, File.ReadAllText(Path.Combine(ground.Outside, "stdin")));
        Assert.Equal(run.Prompt, File.ReadAllText(Path.Combine(ground.Outside, "file")));
    }

    [Fact]
    public async Task ExecuteAsync_NothingChanged_EndsAsNoChanges()
    {
        await using var ground = await RunGround.StartAsync("echo looked at it");
        await ground.ApproveAsync();

        await ground.AssertEndedAsync(await ground.RunAsync(), RunEndReason.NoChanges, WorkItemState.Proposed);
    }

    [Fact]
    public async Task ExecuteAsync_AgentFails_EndsAsFailedWithItsLastLinesAndKeepsTheWork()
    {
        await using var ground = await RunGround.StartAsync("echo half > half.txt; echo no idea how; exit 7");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.Failed, WorkItemState.Proposed);
        Assert.Contains("exit code 7", run.Run.EndDetail, StringComparison.Ordinal);
        Assert.Contains("no idea how", run.Run.EndDetail, StringComparison.Ordinal);
        Assert.Equal("half", (await ground.StoreGitAsync(run, "show", $"refs/claude-manager/wip/{run.Run.Id}:half.txt")).Text);
    }

    [Theory]
    [InlineData("echo '# more' >> src/sum.sh", "still there")]
    [InlineData("git mv src/sum.sh src/total.sh; mkdir -p src; printf '#!/bin/sh\\necho 0\\n' > src/sum.sh", "still there")]
    public async Task ExecuteAsync_FindingStillPresent_EndsAsVerificationFailed(string script, string why)
    {
        await using var ground = await RunGround.StartAsync(script);
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.VerificationFailed, WorkItemState.Proposed);
        Assert.Contains(why, run.Run.EndDetail, StringComparison.Ordinal);
        Assert.Equal("present", run.Receipt!.FindingState);
    }

    [Fact]
    public async Task ExecuteAsync_ChecksBroken_EndsAsVerificationFailedWithBothResults()
    {
        await using var ground = await RunGround.StartAsync(RunGround.Fix + "; sed -i 's/echo 0/echo 1/' src/sum.sh");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.VerificationFailed, WorkItemState.Proposed);
        Assert.Equal(0, Assert.Single(run.Receipt!.Before).ExitCode);
        Assert.Equal(1, Assert.Single(run.Receipt.After).ExitCode);
        Assert.Contains("passed before the change", run.Run.EndDetail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rm tests/more.sh", "fewer tests")]
    [InlineData("rm tests/run.sh; printf '#!/bin/sh\\ntrue\\n' > tests/run.sh; sed -i s/test_more/more/ tests/more.sh", "fewer tests")]
    public async Task ExecuteAsync_TestTakenAway_EndsAsVerificationFailed(string script, string why)
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; {script}");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.VerificationFailed, WorkItemState.Proposed);
        Assert.Contains(why, run.Run.EndDetail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mkdir -p .github/workflows; echo 'on: push' > .github/workflows/ci.yml", "protected_path", ".github/workflows/ci.yml")]
    [InlineData("mkdir -p .claude; echo '{}' > .claude/settings.json", "protected_path", ".claude/settings.json")]
    [InlineData("ln -s /etc/passwd users", "symlink", "users")]
    [InlineData("head -c 2000 /dev/urandom > blob.bin", "binary", "blob.bin")]
    public async Task ExecuteAsync_DiffThatMustNotLeave_EndsAsPolicyBlocked(string script, string rule, string path)
    {
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; {script}");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.Contains(run.Gate!.Hits, h => h.Rule == rule && h.Path == path);
    }

    [Fact]
    public async Task ExecuteAsync_SecretInTheDiff_EndsAsPolicyBlockedAndTheStoreDoesNotHoldIt()
    {
        const string Secret = "ghp_R4nd0mT0kenR4nd0mT0kenR4nd0mT0ken12";
        await using var ground = await RunGround.StartAsync($"{RunGround.Fix}; echo 'login --with {Secret}' >> src/sum.sh; echo using {Secret}; echo '# {Secret}' >> tests/more.sh");
        await ground.ApproveAsync();

        var run = await ground.RunAsync();

        await ground.AssertEndedAsync(run, RunEndReason.PolicyBlocked, WorkItemState.Proposed);
        Assert.Contains(run.Gate!.Hits, h => h.Rule == "secret" && h.Path == "src/sum.sh");
        Assert.Contains(await ground.EventsAsync(run.Run.Id), e => e.Text.StartsWith("using ", StringComparison.Ordinal));

        // The bundle is compressed, so that it may not be there at all; the rest is searched as bytes.
        var kinds = await ground.ReadAsync((db, ct) => db.RunArtifacts.Select(a => a.Kind).ToListAsync(ct));
        Assert.Equal([Core.Runs.RunArtifacts.Diff], kinds);
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(ground.DatabaseFile)!, "test.db*"))
        {
            Assert.Equal(-1, (await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)).AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(Secret)));
        }
    }
}
