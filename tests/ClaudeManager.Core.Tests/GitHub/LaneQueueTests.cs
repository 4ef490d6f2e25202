using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Limits;

namespace ClaudeManager.Core.Tests.GitHub;

/// <summary>Who goes first in one process.</summary>
public sealed class LaneQueueTests
{
    private static readonly DateTimeOffset s_now = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset s_patient = s_now.AddHours(1);

    private readonly LaneQueue _queue = new(10);

    [Fact]
    public async Task Turn_HigherLaneComesLater_IsNextInItsLine()
    {
        using var first = Join(GitHubLane.Scan);
        Assert.True(first.TurnAsync().IsCompleted);
        var (scan, propose, approval, later) = (Join(GitHubLane.Scan), Join(GitHubLane.Propose), Join(GitHubLane.Interactive), Join(GitHubLane.Interactive));
        var turns = new[] { scan, propose, approval, later }.Select(t => t.TurnAsync()).ToArray();
        Assert.All(turns, t => Assert.False(t.IsCompleted));

        first.Run();
        await NextAsync(approval, turns[2], turns[3], turns[1], turns[0]);
        await NextAsync(later, turns[3], turns[1], turns[0]);
        await NextAsync(propose, turns[1], turns[0]);
        await NextAsync(scan, turns[0]);

        static async Task NextAsync(LaneQueue.Ticket ticket, Task<DateTimeOffset?> turn, params Task<DateTimeOffset?>[] others)
        {
            Assert.Null(await turn);
            Assert.All(others, t => Assert.False(t.IsCompleted));
            ticket.Run();
        }
    }

    [Fact]
    public void Turn_FirstWaits_OnlyAHigherLaneTriesMeanwhile()
    {
        var (scan, behind) = (Join(GitHubLane.Scan), Join(GitHubLane.Scan));
        Assert.True(scan.TurnAsync().IsCompleted);
        scan.Sleep(s_now.AddMinutes(1));

        Assert.False(behind.TurnAsync().IsCompleted);
        var approval = Join(GitHubLane.Interactive);
        Assert.True(approval.TurnAsync().IsCompleted);
        approval.Dispose();
        Assert.True(scan.TurnAsync().IsCompleted);
    }

    [Fact]
    public async Task Turn_FirstWaitsLongerThanAnotherCan_TellsHimWhen()
    {
        var until = s_now.AddMinutes(10);
        var (first, before, after) = (Join(GitHubLane.Scan), Join(GitHubLane.Scan, s_now.AddMinutes(1)), Join(GitHubLane.Scan, s_now.AddMinutes(1)));
        var patient = Join(GitHubLane.Scan);
        Assert.True(first.TurnAsync().IsCompleted);
        var (waiting, staying) = (before.TurnAsync(), patient.TurnAsync());

        first.Sleep(until);

        Assert.Equal(until, await waiting);
        Assert.Equal(until, await after.TurnAsync());
        Assert.False(staying.IsCompleted);
    }

    [Fact]
    public void Turn_LinesOfTheirOwn_DoNotWaitForEachOther()
    {
        var (core, graphQL) = (Join(GitHubLane.Scan), _queue.Join("graphql", alone: false, GitHubLane.Scan, s_patient));
        Assert.True(core.TurnAsync().IsCompleted);
        core.Sleep(s_now.AddMinutes(1));

        Assert.True(graphQL.TurnAsync().IsCompleted);
    }

    [Fact]
    public void Turn_LowerLanesHaveTheirPart_TheRestIsForThoseBefore()
    {
        Assert.Equal((8, 1, 1), (Fill(GitHubLane.Scan), Fill(GitHubLane.Propose), Fill(GitHubLane.Interactive)));

        int Fill(GitHubLane lane)
        {
            for (var running = 0; ; running++)
            {
                var ticket = Join(lane);
                if (!ticket.TurnAsync().IsCompleted)
                {
                    ticket.Dispose();
                    return running;
                }

                ticket.Run();
            }
        }
    }

    [Fact]
    public void Turn_OneAlone_TheNextWaitsForItsEnd()
    {
        var (write, next) = (_queue.Join("write", alone: true, GitHubLane.Interactive, s_patient), _queue.Join("write", alone: true, GitHubLane.Interactive, s_patient));
        Assert.True(write.TurnAsync().IsCompleted);
        var turn = next.TurnAsync();
        write.Run();
        Assert.False(turn.IsCompleted);

        write.Dispose();
        Assert.True(turn.IsCompleted);
    }

    [Fact]
    public void Dispose_AtAnyStage_GivesEverythingBack()
    {
        for (var i = 0; i < 30; i++)
        {
            var (waiting, trying, asleep, running) = (Join(GitHubLane.Interactive), Join(GitHubLane.Interactive), Join(GitHubLane.Interactive), Join(GitHubLane.Interactive));
            running.TurnAsync();
            running.Run();
            asleep.TurnAsync();
            asleep.Sleep(s_patient);
            asleep.Dispose();
            trying.TurnAsync();
            waiting.TurnAsync();
            foreach (var ticket in new[] { waiting, trying, running, running })
            {
                ticket.Dispose();
            }
        }

        using var last = Join(GitHubLane.Scan);
        Assert.True(last.TurnAsync().IsCompleted);
    }

    private LaneQueue.Ticket Join(GitHubLane lane, DateTimeOffset? deadline = null) => _queue.Join("core", alone: false, lane, deadline ?? s_patient);
}
