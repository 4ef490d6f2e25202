using System.Diagnostics;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Worker.Tests.Runs;

/// <summary>W3C Trace Context: what an agent tells a collector of its own belongs to the trace of its run.</summary>
public sealed class TraceTests
{
    [Fact]
    public async Task Execute_WithinATrace_TellsTheProgramWhich()
    {
        await using var ground = await RunGround.StartAsync("printf %s \"$TRACEPARENT\" >\"$OUTSIDE/trace\"; " + RunGround.Fix);
        await ground.ApproveAsync();
        var claim = await ground.ClaimAsync();

        using var trace = new Activity("run").SetIdFormat(ActivityIdFormat.W3C).Start();
        await ground.ExecuteAsync(claim!);

        await ground.AssertEndedAsync(await ground.RunOfAsync(claim!.Run.Id), RunEndReason.Completed, WorkItemState.Review);
        Assert.StartsWith($"00-{trace.TraceId}-", await File.ReadAllTextAsync(Path.Combine(ground.Outside, "trace"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
