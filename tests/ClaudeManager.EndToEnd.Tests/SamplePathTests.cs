using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>The whole path without a key or an agent, as the sample offers it to a newcomer.</summary>
public sealed class SamplePathTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sample_EveryItemApproved_EndsAsAVerifiedBranchEach()
    {
        await using var manager = await ManagerProcess.StartAsync(Ct, arguments: "--sample");
        var sample = manager.Data.SampleRepository;
        var items = (await manager.WaitForAsync((api, ct) => api.GetOverviewAsync(ct), o => o.NeedsApproval.Count == 3, "the sample's three comments are proposed", Ct)).NeedsApproval;
        var mainBefore = await GitAsync(sample, "rev-parse", "main");

        var runs = new List<RunDto>();
        foreach (var item in items)
        {
            Assert.True(item.IsSample);
            runs.Add(await manager.ApproveAsync(item.Id, null, Ct));
        }

        foreach (var run in runs)
        {
            var ended = await manager.WaitForEndAsync(run.Id, Ct);
            Assert.Equal("passed", ended.Receipt!.Verdict);
            Assert.Equal("gone", ended.Receipt.FindingState);
            Assert.True(ended.Gate!.Passed);
            Assert.Equal(SandboxLevel.Bwrap, ended.Run.Sandbox);
            Assert.Equal(ended.Run.ResultCommit, await GitAsync(sample, "rev-parse", "refs/heads/" + ended.Run.Branch));
            await AssertTestsPassAndPatchAppliesAsync(sample, ended.Run.Branch!, await manager.Api.GetRunPatchAsync(run.Id, Ct));
        }

        Assert.Equal("main", await GitAsync(sample, "symbolic-ref", "--short", "HEAD"));
        Assert.Equal(mainBefore, await GitAsync(sample, "rev-parse", "main"));
        Assert.Empty(await GitAsync(sample, "status", "--porcelain"));
        await Eventually.SeeAsync(() => string.Join(' ', Directory.GetFileSystemEntries(manager.Data.RunsRoot)), left => left.Length == 0, "no workspace is left", Ct);
        Assert.Empty(ManagerProcess.ProcessesOf(manager.Boot));
    }

    private static async Task AssertTestsPassAndPatchAppliesAsync(string sample, string branch, string patch)
    {
        using var directory = new TemporaryDirectory();
        await GitCommand.RunAsync(directory.Path, ["clone", "--quiet", "--branch", "main", sample, "clone"], Ct);
        var clone = directory.Combine("clone");

        await GitCommand.RunAsync(clone, ["-c", "user.name=Ada Author", "-c", "user.email=ada@example.org", "am", "--quiet"], Ct, Encoding.UTF8.GetBytes(patch));

        Assert.Equal(await GitAsync(sample, "rev-parse", branch + "^{tree}"), await GitAsync(clone, "rev-parse", "HEAD^{tree}"));
        var (exitCode, output) = await Programs.RunAsync(clone, "sh", ["tests/run.sh"], Ct);
        Assert.True(exitCode == 0, output);
    }

    private static async Task<string> GitAsync(string directory, params string[] arguments) => (await GitCommand.RunAsync(directory, arguments, Ct)).Text;
}
