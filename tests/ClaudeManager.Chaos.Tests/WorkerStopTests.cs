using ClaudeManager.Core.Contracts;
using ClaudeManager.Tests.Shared.Persistence;
using ClaudeManager.Tests.Shared.Properties;

namespace ClaudeManager.Chaos.Tests;

/// <summary>A Worker that is told to stop while its agent works: the other one goes on with the run.</summary>
public sealed class WorkerStopTests
{
    private const string Repository = "acme/app";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Worker_ToldToStop_ParksWhatOutlastsTheGraceAndTheOtherGoesOn()
    {
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var fleet = await StartAsync(graceSeconds: 1);
        using var person = new Person(fleet);
        var (run, worker) = await WorkingAsync(person);

        Assert.Equal(0, await worker.StopAsync(Ct));

        var ended = await person.EndedAsync(run, Ct);
        Assert.Equal((RunEndReason.Completed, 2), (ended.Run.EndReason, ended.Run.Attempt));
        Assert.Single(ended.History, h => h.Action == "run.parked");
        await OneEffect.AssertAsync(fleet, person, Repository, 1, Ct);
    }

    /// <summary>The first Ctrl+C gives the run more time than anybody has.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public async Task Worker_InterruptedTwice_EndsAtOnceAndTheOtherGoesOn()
    {
        Assert.SkipUnless(TestRun.IsLong, "Part of the long run: eng/test.sh --long.");
        Assert.SkipUnless(PostgresServer.IsInstalled, PostgresServer.Missing);
        await using var fleet = await StartAsync(graceSeconds: 3600);
        using var person = new Person(fleet);
        var (run, worker) = await WorkingAsync(person);

        Assert.Equal(130, await worker.InterruptTwiceAsync(Ct));

        var ended = await person.EndedAsync(run, Ct);
        Assert.Equal((RunEndReason.Completed, 2), (ended.Run.EndReason, ended.Run.Attempt));
        await OneEffect.AssertAsync(fleet, person, Repository, 1, Ct);
    }

    private static Task<ManagerFleet> StartAsync(int graceSeconds)
        => ManagerFleet.StartAsync(workers: 2, [Repository], Ct, c => ((Dictionary<string, object>)c["executor"])["stopGraceSeconds"] = graceSeconds);

    private static async Task<(long Run, Node Worker)> WorkingAsync(Person person)
    {
        await person.PushAsync(Repository, [15], Ct);
        var run = await person.ApproveAsync((await person.ProposedAsync(1, Ct))[0].Id, Ct);
        return (run.Id, await person.WorkerOfAsync(run.Id, Ct));
    }
}
