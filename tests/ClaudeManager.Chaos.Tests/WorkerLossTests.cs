using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Properties;

namespace ClaudeManager.Chaos.Tests;

/// <summary>A Worker that dies, and one that only seems to. The agents say nothing while they work: what keeps a lease is the Worker.</summary>
public sealed class WorkerLossTests
{
    private const string Repository = "acme/app";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Where its death is seen at once, and where its lease has to run out.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Worker_Killed_TheOtherStartsItsWorkAgainAndItHasOneEffect(bool onAnotherMachine)
    {
        Assert.SkipUnless(TestRun.IsLong || onAnotherMachine, "Part of the long run: eng/test.sh --long.");
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var fleet = await ManagerFleet.StartAsync(workers: 2, [Repository], Ct);
        using var person = new Person(fleet);
        await person.PushAsync(Repository, [4], Ct);
        var item = (await person.ProposedAsync(1, Ct))[0];
        await person.GitHubToldAsync(Ct);
        var run = await person.ApproveAsync(item.Id, Ct);
        var first = await person.WorkerOfAsync(run.Id, Ct);
        if (onAnotherMachine)
        {
            await person.MoveElsewhereAsync(first, Ct);
        }

        await first.KillAsync(Ct);

        var ended = await person.EndedAsync(run.Id, Ct);
        Assert.Equal((RunEndReason.Completed, 2), (ended.Run.EndReason, ended.Run.Attempt));
        await OneEffect.AssertAsync(fleet, person, Repository, 1, Ct);
    }

    /// <summary>The pause is longer than a lease. The other Worker takes it for one on another machine, so only the paused one itself can stop its agent.</summary>
    [Fact]
    public async Task Worker_PausedPastItsLease_StopsItsAgentAndWritesNothingMore()
    {
        // Longer than the lease, the reaper's round and a slow machine together: the agent must not be done before its Worker wakes.
        const int seconds = 40;
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var fleet = await ManagerFleet.StartAsync(workers: 2, [Repository], Ct);
        using var person = new Person(fleet);
        await person.PushAsync(Repository, [seconds], Ct);
        var item = (await person.ProposedAsync(1, Ct))[0];
        await person.GitHubToldAsync(Ct);
        var run = await person.ApproveAsync(item.Id, Ct);
        var first = await person.WorkerOfAsync(run.Id, Ct);
        await person.MoveElsewhereAsync(first, Ct);

        var paused = first.Pause()!.Value;
        try
        {
            await Eventually.SeeAsync(token => person.NumberAsync($"SELECT count(*) FROM runs WHERE id = {run.Id} AND attempt = 2 AND state = 'running'", token), count => count == 1, "the other one has it", Ct);
        }
        finally
        {
            Node.Continue(paused);
        }

        await Eventually.SeeAsync(() => first.Log, log => log.Contains($"The lease of run {run.Id} (attempt 1) is lost", StringComparison.Ordinal), "the paused Worker knows that it lost the lease", Ct);
        await Eventually.SeeAsync(token => person.NumberAsync($"SELECT count(*) FROM run_processes WHERE run_id = {run.Id} AND attempt = 1 AND ended_at IS NULL", token), count => count == 0, "its agent is gone", Ct);
        Assert.Equal(0, await person.NumberAsync($"SELECT count(*) FROM run_processes WHERE run_id = {run.Id} AND attempt = 1 AND purpose = 'agent' AND ended_at >= started_at + {seconds} * interval '1 second'", Ct));
        var ended = await person.EndedAsync(run.Id, Ct);

        Assert.Equal((RunEndReason.Completed, 2, paused), (ended.Run.EndReason, ended.Run.Attempt, first.ProcessId));
        await OneEffect.AssertAsync(fleet, person, Repository, 1, Ct);
    }
}
