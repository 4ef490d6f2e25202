using System.Diagnostics;
using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>Where a server is killed.</summary>
public enum KillPoint
{
    /// <summary>Claimed; the base is about to be fetched.</summary>
    Preparing,

    /// <summary>The agent works in its sandbox, which ends with the server.</summary>
    Running,

    /// <summary>The agent works without a sandbox: it outlives the server.</summary>
    RunningWithoutSandbox,

    /// <summary>The agent is done; its result is being checked.</summary>
    Verifying,

    /// <summary>The branch is about to be made.</summary>
    BeforeBranch,

    /// <summary>The same, but the killed server's git lives on and makes the branch while the next server is about to.</summary>
    BranchByOrphan,

    /// <summary>The branch is there, but nobody has written that down.</summary>
    AfterBranch,
}

/// <summary><c>kill -9</c> of the server in each stage of a run, and a new start on the same data.</summary>
public sealed class KillTests
{
    private const string AgentStarts = "The agent starts";
    private const string MakesBranch = "claude-manager: result of run";

    // The first time it waits behind the gate; what it did before must be there again in the end.
    private const string AgentScript =
        """
        cat >/dev/null
        echo 'The agent starts'
        [ ! -e notes.txt ] || echo 'The agent finds its notes'
        echo 'half of the work' >notes.txt
        if [ "$2" = waits ]; then
          echo 'The agent waits'
          while [ -e "$1" ]; do sleep 0.05; done
        fi
        sed '/TODO/d' main.sh >main.new && cat main.new >main.sh && rm main.new
        """;

    // The base has no notes: only the check of a result waits.
    private const string CheckScript = "[ ! -e notes.txt ] || while [ -e \"$1\" ]; do sleep 0.05; done; sh main.sh";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(KillPoint.Preparing, 1)]
    [InlineData(KillPoint.Running, 2)]
    [InlineData(KillPoint.RunningWithoutSandbox, 2)]
    [InlineData(KillPoint.Verifying, 1)]
    [InlineData(KillPoint.BeforeBranch, 1)]
    [InlineData(KillPoint.BranchByOrphan, 1)]
    [InlineData(KillPoint.AfterBranch, 1)]
    public async Task Kill_InEachStage_GoesOnAndEndsWithOneBranch(KillPoint point, int agentStarts)
    {
        using var gate = new Gate();
        await using var repository = await ProjectAsync();
        await using var manager = await StartAsync(gate, point is KillPoint.Running or KillPoint.RunningWithoutSandbox, sandbox: point != KillPoint.RunningWithoutSandbox);
        var item = await ProposedAsync(manager, repository);
        switch (point)
        {
            case KillPoint.Preparing:
                gate.CloseAtGit("before", " fetch ");
                break;
            case KillPoint.BeforeBranch:
                gate.CloseAtGit("before", MakesBranch);
                break;
            case KillPoint.BranchByOrphan:
                gate.CloseAtGit("orphan", MakesBranch);
                break;
            case KillPoint.AfterBranch:
                gate.CloseAtGit("after", MakesBranch);
                break;
            default:
                gate.Close();
                break;
        }

        var run = await manager.ApproveAsync(item.Id, "command:slow", Ct);
        await ReachAsync(manager, gate, run.Id, point);
        await manager.KillAsync(Ct);

        var dead = manager.Boot;
        if (point == KillPoint.RunningWithoutSandbox)
        {
            Assert.NotEmpty(ManagerProcess.ProcessesOf(dead));
        }
        else
        {
            // The kernel ends a sandbox when its parent has gone, which is not the same moment.
            await Eventually.SeeAsync(() => ManagerProcess.ProcessesOf(dead), left => left.Count == 0, "the sandbox has ended", Ct);
        }

        Assert.Equal(point == KillPoint.AfterBranch ? 1 : 0, (await BranchesAsync(repository)).Length);
        if (point is not (KillPoint.RunningWithoutSandbox or KillPoint.BranchByOrphan))
        {
            gate.Open();
        }

        await manager.StartAgainAsync(Ct);
        var again = await manager.WaitForAsync((api, ct) => api.GetRunEventsAsync(run.Id, 0, 500, ct), events => events.Any(e => e.Attempt == 2), "the run goes on", Ct);
        Assert.Empty(ManagerProcess.ProcessesOf(dead));
        if (point == KillPoint.RunningWithoutSandbox)
        {
            gate.Open();
        }

        var ended = await manager.WaitForEndAsync(run.Id, Ct);

        Assert.InRange(again.First(e => e.Attempt == 2).At - manager.StartedAt, TimeSpan.Zero, TimeSpan.FromSeconds(15));
        Assert.Equal(2, ended.Run.Attempt);
        Assert.Equal([ended.Run.Branch!], await BranchesAsync(repository));
        Assert.Equal(ended.Run.ResultCommit, await repository.GitAsync(Ct, "rev-parse", ended.Run.Branch!));
        Assert.Equal("half of the work", await repository.GitAsync(Ct, "show", ended.Run.Branch + ":notes.txt"));
        Assert.Equal("echo hello", await repository.GitAsync(Ct, "show", ended.Run.Branch + ":main.sh"));
        Assert.Equal(agentStarts, (await manager.Api.GetRunEventsAsync(run.Id, 0, 500, Ct)).Count(e => e.Text == AgentStarts));
        Assert.Equal(WorkItemState.Review, (await manager.Api.GetWorkItemAsync(item.Id, Ct)).Item.State);
        await Eventually.SeeAsync(() => string.Join(' ', Directory.GetFileSystemEntries(manager.Data.RunsRoot)), left => left.Length == 0, "no workspace is left", Ct);
        Assert.Empty(ManagerProcess.ProcessesOf(manager.Boot));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Kill_AfterASnapshot_GoesOnFromIt()
    {
        LongRun.Require();
        using var gate = new Gate();
        await using var repository = await ProjectAsync();
        await using var manager = await StartAsync(gate, agentWaits: true, sandbox: true);
        var item = await ProposedAsync(manager, repository);
        gate.Close();
        var run = await manager.ApproveAsync(item.Id, "command:slow", Ct);
        await ReachAsync(manager, gate, run.Id, KillPoint.Running);

        using (var looks = new PeriodicTimer(TimeSpan.FromSeconds(1), TimeProvider.System))
        {
            // A snapshot is nobody's news, and comes a minute after the start.
            while ((await manager.Api.GetRunAsync(run.Id, Ct)).LastSnapshotAt is null && await looks.WaitForNextTickAsync(Ct))
            {
            }
        }

        await manager.KillAsync(Ct);
        gate.Open();
        await manager.StartAgainAsync(Ct);
        await manager.WaitForEndAsync(run.Id, Ct);

        Assert.Contains(await manager.Api.GetRunEventsAsync(run.Id, 0, 500, Ct), e => e is { Attempt: 2, Text: "The agent finds its notes" });
    }

    /// <summary>Waits until the run stands exactly at the point.</summary>
    private static async Task ReachAsync(ManagerProcess manager, Gate gate, long runId, KillPoint point)
    {
        var state = point switch
        {
            KillPoint.Preparing => RunState.Preparing,
            KillPoint.Running or KillPoint.RunningWithoutSandbox => RunState.Running,
            KillPoint.Verifying => RunState.Verifying,
            KillPoint.BeforeBranch or KillPoint.BranchByOrphan or KillPoint.AfterBranch => RunState.Publishing,
            _ => throw new UnreachableException(),
        };
        switch (point)
        {
            case KillPoint.Running or KillPoint.RunningWithoutSandbox:
                await manager.WaitForAsync((api, ct) => api.GetRunEventsAsync(runId, 0, 500, ct), events => events.Any(e => e.Text == "The agent waits"), "the agent waits", Ct);
                break;
            case KillPoint.Verifying:
                await manager.WaitForAsync((api, ct) => api.GetRunAsync(runId, ct), run => run.Run.State == state, "the result is checked", Ct);
                await Eventually.SeeAsync(() => ManagerProcess.ProcessesOf(manager.Boot), running => running.Any(line => line.Contains(gate.Shut, StringComparison.Ordinal)), "the check waits", Ct);
                break;
            default:
                await gate.GitReachedAsync(Ct);
                break;
        }

        Assert.Equal(state, (await manager.Api.GetRunAsync(runId, Ct)).Run.State);
    }

    private static Task<TestRepository> ProjectAsync() => TestRepository.CreateAsync(Ct, ("main.sh", "# TODO: say it louder\necho hello\n"));

    private static Task<ManagerProcess> StartAsync(Gate gate, bool agentWaits, bool sandbox)
    {
        var configuration = new
        {
            executor = new
            {
                sandbox = sandbox ? "required" : "off",
                commands = new { slow = new { program = "sh", args = new[] { "-c", AgentScript.ReplaceLineEndings("\n"), "slow", gate.Shut, agentWaits ? "waits" : "" } } },
                verify = new Dictionary<string, string[][]> { ["*"] = [["sh", "-c", CheckScript, "check", gate.Shut]] },
            },
        };
        return ManagerProcess.StartAsync(Ct, new Dictionary<string, string> { ["PATH"] = gate.Folder + Path.PathSeparator + Programs.SearchPath }, JsonSerializer.Serialize(configuration));
    }

    private static async Task<WorkItemDto> ProposedAsync(ManagerProcess manager, TestRepository repository)
    {
        await manager.Api.AddRepositoryAsync(new AddRepositoryRequest(repository.Path, Propose: true), Ct);
        var overview = await manager.WaitForAsync((api, ct) => api.GetOverviewAsync(ct), o => o.NeedsApproval.Count > 0, "the comment is proposed", Ct);
        return Assert.Single(overview.NeedsApproval);
    }

    private static async Task<string[]> BranchesAsync(TestRepository repository)
        => (await repository.GitAsync(Ct, "for-each-ref", "--format=%(refname:short)", "refs/heads/claude-manager/")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
