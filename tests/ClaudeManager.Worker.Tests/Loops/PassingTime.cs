using ClaudeManager.Tests.Shared.Processes;
using Microsoft.Extensions.Time.Testing;

namespace ClaudeManager.Worker.Tests.Loops;

/// <summary>A clock for loops: it stands still until a test lets it go on.</summary>
internal static class PassingTime
{
    private static readonly TimeSpan s_breath = TimeSpan.FromMilliseconds(5);

    public static FakeTimeProvider StartingAt(int hour, int minute) => new(new DateTimeOffset(2026, 11, 2, hour, minute, 0, TimeSpan.Zero));

    /// <summary>Lets time pass step by step until a loop has done what is looked for.</summary>
    public static async Task PassAsync(this FakeTimeProvider time, TimeSpan step, Func<Task<bool>> until, string what)
    {
        using var patience = new CancellationTokenSource(Eventually.Patience, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, TestContext.Current.CancellationToken);
        while (!await until())
        {
            Assert.False(patience.IsCancellationRequested, $"Not within {Eventually.Patience}: {what}");
            time.Advance(step);

            // The loop runs beside the test: a step of its time takes it a moment of real time.
            await Task.Delay(s_breath, TimeProvider.System, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
