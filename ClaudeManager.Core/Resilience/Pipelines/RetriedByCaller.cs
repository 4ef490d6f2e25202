namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>
/// Work that somebody further out tries again as a whole, such as an entry of the outbox. Pipelines do not repeat calls within it, or the attempts of both would multiply.
/// </summary>
internal static class RetriedByCaller
{
    private static readonly AsyncLocal<bool> s_now = new();

    public static bool Now => s_now.Value;

    /// <summary>Holds for everything the caller starts until it is disposed of.</summary>
    public static Scope Begin()
    {
        s_now.Value = true;
        return default;
    }

    public readonly struct Scope : IDisposable
    {
        public void Dispose() => s_now.Value = false;
    }
}
