using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Tests.Shared.Processes;

namespace ClaudeManager.Chaos;

/// <summary>One program of the service with a data directory of its own: what a supervisor keeps alive.</summary>
public sealed class Node(string name, string program, string directory, IReadOnlyDictionary<string, string> environment) : IAsyncDisposable
{
    private const int StopSignal = 19;
    private const int ContinueSignal = 18;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly List<string> _logs = [];
    private ProgramProcess? _process;

    public string Name => name;

    public int? ProcessId => _process?.Id;

    public Uri? Address => _process?.Address;

    /// <summary>Where its runs have their workspaces.</summary>
    public string RunsRoot { get; } = Path.Combine(directory, "state", "claude-manager", "runs");

    /// <summary>Starts that ended before it listened, as may happen while the database is away.</summary>
    public int FailedStarts { get; private set; }

    /// <summary>Everything it has said, all processes of it.</summary>
    public string Log => string.Join("\n--- killed ---\n", [.. _logs, _process?.Output ?? ""]);

    /// <summary>From the first error it has said on; a report has no room for more.</summary>
    public string Faults => Log is var log && log.IndexOf("fail: ", StringComparison.Ordinal) is var at and >= 0 ? log[at..] : log;

    /// <summary>Starts it, again and again until it is up, unless it is.</summary>
    public async Task EnsureStartedAsync(CancellationToken ct)
    {
        await _gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            Directory.CreateDirectory(directory);
            while (_process is null)
            {
                try
                {
                    _process = await ProgramProcess.StartAsync(program, [], directory, environment, ct).ConfigureAwait(false);
                }
                catch (Exception e) when (e is InvalidOperationException or TimeoutException)
                {
                    FailedStarts++;
                    _logs.Add(e.Message);
                    await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, ct).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary><c>kill -9</c>; null when it was not up.</summary>
    public async Task<int?> KillAsync(CancellationToken ct)
    {
        await _gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (_process is not { } process)
            {
                return null;
            }

            await process.KillAsync(ct).ConfigureAwait(false);
            _logs.Add(process.Output);
            var id = process.Id;
            _process = null;
            await process.DisposeAsync().ConfigureAwait(false);
            return id;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>SIGSTOP; returns the process to go on with, null when it was not up.</summary>
    public int? Pause()
    {
        var id = ProcessId;
        return id is { } process && Signals.Send(process, StopSignal) ? id : null;
    }

    public static void Continue(int processId) => Signals.Send(processId, ContinueSignal);

    /// <summary>SIGTERM; its exit code, null when it was not up.</summary>
    public async Task<int?> StopAsync(CancellationToken ct)
    {
        await _gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (_process is not { } process)
            {
                return null;
            }

            var code = await process.StopAsync(ct).ConfigureAwait(false);
            _logs.Add(process.Output);
            _process = null;
            await process.DisposeAsync().ConfigureAwait(false);
            return code;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ctrl+C, and again as soon as it has said that it stops; its exit code.</summary>
    public async Task<int> InterruptTwiceAsync(CancellationToken ct)
    {
        await _gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var process = _process ?? throw new InvalidOperationException($"{name} is not up.");
            process.Interrupt();
            await Eventually.SeeAsync(() => process.Output, output => output.Contains("Application is shutting down", StringComparison.Ordinal), $"{name} says that it stops", ct).ConfigureAwait(false);
            process.Interrupt();
            var code = await process.WaitForExitAsync(ct).ConfigureAwait(false);
            _logs.Add(process.Output);
            _process = null;
            await process.DisposeAsync().ConfigureAwait(false);
            return code;
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (ProcessId is { } id)
        {
            Continue(id);
        }

        await KillAsync(CancellationToken.None).ConfigureAwait(false);
        _gate.Dispose();
    }
}
