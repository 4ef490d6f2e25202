using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>Ctrl+C on the server while an agent works: once it saves the work and lets go, twice it is gone.</summary>
public sealed class StopTests
{
    private const string AgentWaits = "The agent waits";

    // Deaf to both polite signals, so that only a server that does not wait ends before its patience does. The second time there is nothing left to wait for.
    private const string AgentScript =
        """
        [ "$1" = polite ] || trap '' INT TERM
        cat >/dev/null
        if [ -e "$2" ]; then
          echo 'The agent goes on'
          [ ! -e notes.txt ] || echo 'The agent finds its notes'
        else
          : >"$2"
          echo 'half of the work' >notes.txt
          echo 'The agent waits'
          while :; do sleep 0.1; done
        fi
        sed '/TODO/d' main.sh >main.new && cat main.new >main.sh && rm main.new
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Interrupt_Once_SavesTheWorkAndTheRunGoesOnFromIt()
    {
        using var directory = new TemporaryDirectory();
        await using var repository = await TestRepository.CreateAsync(Ct, ("main.sh", "# TODO: say it louder\necho hello\n"));
        await using var manager = await StartAsync("polite", directory);
        var run = await WorkingRunAsync(manager, repository);

        Assert.Equal(0, await manager.InterruptAsync(twice: false, Ct));

        Assert.Empty(ManagerProcess.ProcessesOf(manager.Boot));
        Assert.False(File.Exists(manager.Data.ServerFile));
        await manager.StartAgainAsync(Ct);
        var ended = await manager.WaitForEndAsync(run.Id, Ct);
        Assert.Equal(2, ended.Run.Attempt);
        Assert.NotNull(ended.LastSnapshotAt);
        Assert.Contains(ended.History, entry => entry.Detail?.StartsWith("The service stops", StringComparison.Ordinal) == true);
        Assert.Contains(await manager.Api.GetRunEventsAsync(run.Id, 0, 500, Ct), e => e is { Attempt: 2, Text: "The agent finds its notes" });
        Assert.Equal("half of the work", await repository.GitAsync(Ct, "show", ended.Run.Branch + ":notes.txt"));
    }

    [Fact]
    public async Task Interrupt_Twice_EndsAtOnceAndTheNextStartClearsUp()
    {
        using var directory = new TemporaryDirectory();
        await using var repository = await TestRepository.CreateAsync(Ct, ("main.sh", "# TODO: say it louder\necho hello\n"));
        await using var manager = await StartAsync("deaf", directory);
        var run = await WorkingRunAsync(manager, repository);
        var first = manager.Boot;

        Assert.Equal(130, await manager.InterruptAsync(twice: true, Ct));

        Assert.NotEmpty(ManagerProcess.ProcessesOf(first));
        await manager.StartAgainAsync(Ct);
        var ended = await manager.WaitForEndAsync(run.Id, Ct);
        Assert.Equal(2, ended.Run.Attempt);
        Assert.Empty(ManagerProcess.ProcessesOf(first));
        Assert.Contains(await manager.Api.GetRunEventsAsync(run.Id, 0, 500, Ct), e => e is { Attempt: 2, Text: "The agent goes on" });
    }

    private static Task<ManagerProcess> StartAsync(string manners, TemporaryDirectory directory)
    {
        var configuration = new
        {
            executor = new
            {
                sandbox = "off",
                // The agent would not end within any.
                stopGraceSeconds = 1,
                commands = new { slow = new { program = "sh", args = new[] { "-c", AgentScript.ReplaceLineEndings("\n"), "slow", manners, directory.Combine("started") } } },
                verify = new Dictionary<string, string[][]> { ["*"] = [["sh", "main.sh"]] },
            },
        };
        return ManagerProcess.StartAsync(Ct, configuration: JsonSerializer.Serialize(configuration));
    }

    /// <summary>Proposes and approves the one TODO, and waits until its agent is at work.</summary>
    private static async Task<RunDto> WorkingRunAsync(ManagerProcess manager, TestRepository repository)
    {
        await manager.Api.AddRepositoryAsync(new AddRepositoryRequest(repository.Path, Propose: true), Ct);
        var overview = await manager.WaitForAsync((api, ct) => api.GetOverviewAsync(ct), o => o.NeedsApproval.Count > 0, "the comment is proposed", Ct);
        var run = await manager.ApproveAsync(Assert.Single(overview.NeedsApproval).Id, "command:slow", Ct);
        await manager.WaitForAsync((api, ct) => api.GetRunEventsAsync(run.Id, 0, 500, ct), events => events.Any(e => e.Text == AgentWaits), "the agent waits", Ct);
        return run;
    }
}
