using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Tests.Shared.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.Agents.Processes;

public sealed class OrphanReaperTests : IDisposable
{
    private readonly string _dead = "dead-" + Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
    private readonly string _live = "live-" + Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
    private readonly List<Process> _processes = [];

    [Fact]
    public async Task ReapAsync_CarriesADeadBoot_IsKilledAndALiveOneIsNot()
    {
        var orphan = await StartAsync(_dead, "echo up; exec sleep 7777");
        var escaped = await StartAsync(_dead, "trap '' TERM INT; setsid -w sh -c 'echo up; sleep 7777; :'");
        var living = await StartAsync(_live, "echo up; exec sleep 7777");

        Assert.Superset(new HashSet<string> { _dead, _live }, OrphanReaper.BootsSeen().ToHashSet());
        var reaped = await ReapAsync([]);

        await orphan.WaitForExitAsync(TestContext.Current.CancellationToken);
        await escaped.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.False(living.HasExited);
        Assert.True(reaped.Count >= 4);
        Assert.All(reaped, process => Assert.Equal(new RunIdentity(7, 1, _dead), process.Run));
        Assert.DoesNotContain(_dead, OrphanReaper.BootsSeen());
    }

    [Fact]
    public async Task ReapAsync_EnvironmentWiped_IsFoundByItsRow()
    {
        var orphan = await StartAsync(null, "sleep 7777 & echo up; wait");

        var reaped = await ReapAsync([Row(orphan.Id, ProcessTable.StartOf(orphan.Id)!.Value)]);

        await orphan.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(2, reaped.Count);
        Assert.All(reaped, process => Assert.Equal(_dead, process.BootId));
    }

    [Fact]
    public async Task ReapAsync_LeaderOfTheRowIsGone_ItsSessionIsEnded()
    {
        var leader = await StartAsync(null, "(trap '' INT; echo up; exec sleep 7777) & read gone");
        var row = Row(leader.Id, ProcessTable.StartOf(leader.Id)!.Value);
        await leader.StandardInput.WriteLineAsync();
        await leader.WaitForExitAsync(TestContext.Current.CancellationToken);

        var reaped = Assert.Single(await ReapAsync([row]));

        Assert.NotEqual(leader.Id, reaped.ProcessId);
        Assert.Equal("", await leader.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task ReapAsync_PidWasReused_LeavesTheStrangerAlone()
    {
        var stranger = await StartAsync(null, "echo up; exec sleep 7777");

        Assert.Empty(await ReapAsync([Row(stranger.Id, ProcessTable.StartOf(stranger.Id)!.Value - 1)]));

        Assert.False(stranger.HasExited);
    }

    [Fact]
    public async Task ReapAsync_ChildOfAnOrphanCarriesALiveBoot_IsLeftAlone()
    {
        // A server that was itself started by a run of another one, as its own tests are.
        var orphan = await StartAsync(_dead, $"{RunIdentity.Variable}={new RunIdentity(8, 1, _live)} setsid sleep 7777 & echo up; echo $!; wait");
        var child = Process.GetProcessById(int.Parse((await orphan.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!, CultureInfo.InvariantCulture));
        _processes.Add(child);
        await Eventually.SeeAsync(OrphanReaper.BootsSeen, boots => boots.Contains(_live), "the child runs", TestContext.Current.CancellationToken);

        var reaped = await ReapAsync([]);

        await orphan.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(child.Id, reaped.Select(process => process.ProcessId));
        Assert.False(child.HasExited);
    }

    [Fact]
    public async Task ReapAsync_RowOfALiveBoot_IsLeftAlone()
    {
        var living = await StartAsync(null, "echo up; exec sleep 7777");
        var row = Row(living.Id, ProcessTable.StartOf(living.Id)!.Value);
        row.BootId = _live;

        Assert.Empty(await ReapAsync([row]));

        Assert.False(living.HasExited);
    }

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }
    }

    private Task<IReadOnlyList<ReapedProcess>> ReapAsync(IReadOnlyCollection<RunProcessEntity> rows) =>
        new OrphanReaper(TimeProvider.System, NullLogger<OrphanReaper>.Instance).ReapAsync(new HashSet<string> { _dead }, rows, TestContext.Current.CancellationToken);

    private RunProcessEntity Row(int id, long start) => new() { RunId = 7, BootId = _dead, Host = "here", ProcessId = id, ProcessStart = start, Purpose = "test" };

    /// <summary>Starts a script in a session of its own and waits until it says it is up.</summary>
    private async Task<Process> StartAsync(string? boot, string script)
    {
        var start = new ProcessStartInfo("setsid", ["sh", "-c", script]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment.Remove(RunIdentity.Variable);
        if (boot is not null)
        {
            start.Environment[RunIdentity.Variable] = new RunIdentity(7, 1, boot).ToString();
        }

        var process = Process.Start(start)!;
        _processes.Add(process);
        Assert.Equal("up", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        return process;
    }
}
