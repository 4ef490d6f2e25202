namespace ClaudeManager.Tests.Shared.Processes;

/// <summary>Waits for what nobody announces: files and processes. The limit only ends a test that would never end.</summary>
public static class Eventually
{
    /// <summary>Generous, because a loaded machine is slow, not wrong.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>Looks again until <paramref name="wanted"/> holds for what <paramref name="look"/> sees, and returns that.</summary>
    public static Task<T> SeeAsync<T>(Func<T> look, Func<T, bool> wanted, string what, CancellationToken ct) => SeeAsync(_ => Task.FromResult(look()), wanted, what, ct);

    /// <summary>The same for what takes a request to see.</summary>
    public static async Task<T> SeeAsync<T>(Func<CancellationToken, Task<T>> look, Func<T, bool> wanted, string what, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Patience, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        T? seen = default;
        try
        {
            seen = await look(either.Token);
            while (!wanted(seen))
            {
                await Task.Delay(s_pollInterval, TimeProvider.System, either.Token);
                seen = await look(either.Token);
            }

            return seen;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new TimeoutException($"Not within {Patience}: {what}. Last seen: {seen}.");
        }
    }
}
