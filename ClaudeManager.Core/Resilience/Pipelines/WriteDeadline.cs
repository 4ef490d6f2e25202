using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>
/// Until when what runs here may write outside. A lease fences what goes into the database; what leaves the process nobody can fence, so the last step before the wire looks at the clock. A process that was paused for
/// longer than its lease wakes up there and sends nothing: somebody else has looked and sent meanwhile.
/// </summary>
internal static class WriteDeadline
{
    private static readonly AsyncLocal<DateTimeOffset?> s_current = new();

    /// <summary>Holds for everything the caller starts until it is disposed of.</summary>
    /// <param name="deadline">By this process's clock, read before the lease was taken: so it is never later than the lease's end.</param>
    public static Scope Begin(DateTimeOffset deadline)
    {
        s_current.Value = deadline;
        return default;
    }

    /// <exception cref="WriteTooLateException">It is over.</exception>
    public static void ThrowIfOver(TimeProvider time)
    {
        if (s_current.Value <= time.GetUtcNow())
        {
            throw new WriteTooLateException();
        }
    }

    public readonly struct Scope : IDisposable
    {
        public void Dispose() => s_current.Value = null;
    }
}

/// <summary>The lease under which something was to be written outside has run out: nothing was sent.</summary>
public sealed class WriteTooLateException() : ClaudeManagerException("CM7051", FailureClass.Transient, "The process was held up for longer than its lease lasts: nothing was sent. It is tried again from the beginning.");
