using System.Collections.Concurrent;
using System.Diagnostics;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>
/// Starts processes from one thread that lives as long as we do. <c>bwrap --die-with-parent</c> is PR_SET_PDEATHSIG, which fires when the <em>thread</em> that forked ends,
/// and threads of the pool come and go.
/// </summary>
internal static class ProcessStarter
{
    private static readonly BlockingCollection<(ProcessStartInfo Start, TaskCompletionSource<Process> Started)> s_requests = [];

    static ProcessStarter() => new Thread(Serve) { IsBackground = true, Name = "process starter" }.Start();

    public static Task<Process> StartAsync(ProcessStartInfo start)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        s_requests.Add((start, started));
        return started.Task;
    }

    private static void Serve()
    {
        foreach (var (start, started) in s_requests.GetConsumingEnumerable())
        {
            try
            {
                started.SetResult(Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start."));
            }
            catch (Exception fault)
            {
                started.SetException(fault);
            }
        }
    }
}
