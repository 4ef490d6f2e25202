using System.Diagnostics;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>How long a program may take to follow each request to end before the next, harder one.</summary>
public sealed record StopGraces
{
    /// <summary>After the work is done, to end by itself. Default 10 s.</summary>
    public TimeSpan Finish { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After SIGINT. Default 10 s.</summary>
    public TimeSpan Interrupt { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After SIGTERM; then comes SIGKILL. Default 5 s.</summary>
    public TimeSpan Terminate { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>Runs programs on behalf of a run: in a session of their own, in their sandbox, with an environment of our making, and with nothing left of them afterwards.</summary>
public sealed class ContainedProcess(Sandbox sandbox, HostEnvironment host, CurrentConfiguration current, TimeProvider time, ILogger<ContainedProcess> logger)
{
    /// <summary>Longer lines are cut, so that no program can exhaust our memory.</summary>
    public const int MaxLineBytes = 10 * 1024 * 1024;

    /// <summary>Names one start: the marker of the run is shared by everything the run starts, even side by side.</summary>
    private const string ProcessVariable = "CLAUDE_MANAGER_PROCESS";

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>SIGKILL is not answered at once by a process in uninterruptible sleep; past this we say so instead of waiting for ever.</summary>
    private static readonly TimeSpan s_killDeadline = TimeSpan.FromSeconds(30);

    /// <summary>With every process dead the pipes end at once, unless one got away (see <see cref="ProcessGroup"/>) and holds them.</summary>
    private static readonly TimeSpan s_drainDeadline = TimeSpan.FromSeconds(30);

    public StopGraces Graces { get; init; } = new();

    /// <summary>Runs a command to its end. When this returns or throws, nothing it has started runs any more.</summary>
    /// <param name="onLine">Called for one line at a time, of both streams; true for standard error. A fault in it stops the program and is thrown.</param>
    /// <param name="stall">No line for this long ends it as <see cref="ContainedEnd.Stalled"/>.</param>
    /// <exception cref="ProgramNotStartedException">The program is not there or cannot be executed.</exception>
    public async Task<ContainedResult> RunAsync(ContainedCommand command, IAgentSink sink, Func<string, bool, ValueTask<LineVerdict>> onLine, TimeSpan? stall, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var nonce = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        var started = time.GetTimestamp();
        using var process = await StartAsync(command, nonce).ConfigureAwait(false);
        var group = new ProcessGroup(process.Id, ProcessTable.StartOf(process.Id) ?? 0, nonce, inSandbox: command.Sandbox == SandboxLevel.Bwrap);
        var exited = process.WaitForExitAsync(CancellationToken.None);
        using var output = new Output(process, onLine, time);
        ContainedEnd end;
        try
        {
            await sink.ProcessStartedAsync(group.Leader, group.LeaderStart, command.Purpose, ct).ConfigureAwait(false);
            output.Begin();
            var input = WriteInputAsync(process, command.Input);
            end = await WatchAsync(exited, output, command.Timeout, stall, ct).ConfigureAwait(false);
            await StopAsync(group, exited, alreadyDone: end == ContainedEnd.Exited).ConfigureAwait(false);
            await DrainAsync(output, group).ConfigureAwait(false);
            await output.ThrowIfFaultedAsync().ConfigureAwait(false);
            await input.ConfigureAwait(false);
        }
        catch (Exception)
        {
            await StopAsync(group, exited, alreadyDone: false).ConfigureAwait(false);
            await DrainAsync(output, group).ConfigureAwait(false);
            await RecordEndAfterFaultAsync(sink, group).ConfigureAwait(false);
            throw;
        }

        // Not the caller's token: the process has ended, whatever has been cancelled since.
        await sink.ProcessEndedAsync(group.Leader, group.LeaderStart, CancellationToken.None).ConfigureAwait(false);
        return new ContainedResult(end, process.ExitCode, time.GetElapsedTime(started).TotalSeconds);
    }

    private async Task<Process> StartAsync(ContainedCommand command, string nonce)
    {
        var network = current.Value.Network;
        var program = host.Resolve(command.Command[0], command.Directory);
        List<string> arguments = command.Sandbox == SandboxLevel.Bwrap
            ? [host.Resolve("bwrap", "/"), .. sandbox.Arguments(command, program, [.. command.ReadOnlyPaths ?? [], .. network.CaBundle is { } bundle ? [bundle] : Array.Empty<string>()])]
            : [program];
        arguments.AddRange(command.Command.Skip(1));

        var start = new ProcessStartInfo
        {
            WorkingDirectory = command.Directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // A session of its own: one group to signal, and no terminal to take over. macOS has no setsid program, but perl.
        (start.FileName, string[] session) = OperatingSystem.IsMacOS()
            ? ("/usr/bin/perl", ["-MPOSIX", "-e", "POSIX::setsid(); exec { $ARGV[0] } @ARGV or die $!"])
            : (host.Resolve("setsid", "/"), Array.Empty<string>());
        foreach (var argument in session.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Clear();
        foreach (var (name, value) in host.Variables().Concat(command.Network ? NetworkVariables(network) : []).Concat(command.Environment))
        {
            start.Environment[name] = value;
        }

        start.Environment["HOME"] = command.Home;
        start.Environment[RunIdentity.Variable] = command.Run.ToString();
        start.Environment[ProcessVariable] = nonce;
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } trace })
        {
            // What the program tells a collector of its own belongs to the run's trace (W3C Trace Context).
            start.Environment["TRACEPARENT"] = trace;
        }

        if (command.Sandbox == SandboxLevel.Process)
        {
            start.Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(command.Home, "tmp")).FullName;
        }

        try
        {
            return await ProcessStarter.StartAsync(start).ConfigureAwait(false);
        }
        catch (System.ComponentModel.Win32Exception fault)
        {
            throw new ProgramNotStartedException(command.Command[0], fault.Message);
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> NetworkVariables(NetworkConfiguration network)
    {
        (string? Value, string[] Names)[] settings =
        [
            (network.Proxy, ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]),
            (network.NoProxy, ["NO_PROXY", "no_proxy"]),
            (network.CaBundle, ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE"]),
        ];
        return settings.Where(setting => setting.Value is not null).SelectMany(setting => setting.Names, (setting, name) => KeyValuePair.Create(name, setting.Value!));
    }

    private static async Task WriteInputAsync(Process process, byte[]? input)
    {
        try
        {
            if (input is not null)
            {
                await process.StandardInput.BaseStream.WriteAsync(input).ConfigureAwait(false);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program closed its end without reading everything: its right.
        }
    }

    /// <summary>Waits for the first thing that ends the command. Throws on cancellation and on a fault of the reader.</summary>
    private async Task<ContainedEnd> WatchAsync(Task exited, Output output, TimeSpan timeout, TimeSpan? stall, CancellationToken ct)
    {
        using var watch = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var timedOut = Task.Delay(timeout, time, watch.Token);
        var stalled = stall is { } limit ? StalledAsync(output, limit, watch.Token) : Task.Delay(Timeout.InfiniteTimeSpan, time, watch.Token);
        try
        {
            var first = await Task.WhenAny(exited, timedOut, stalled, output.Faulted, output.Finished).ConfigureAwait(false);
            if (first == output.Finished)
            {
                var graceOver = Task.Delay(Graces.Finish, time, watch.Token);
                first = await Task.WhenAny(exited, timedOut, graceOver, output.Faulted).ConfigureAwait(false);
                if (first == graceOver)
                {
                    ct.ThrowIfCancellationRequested();
                    return ContainedEnd.Stopped;
                }
            }

            ct.ThrowIfCancellationRequested();
            await first.ConfigureAwait(false);
            return first == exited ? ContainedEnd.Exited : first == stalled ? ContainedEnd.Stalled : ContainedEnd.TimedOut;
        }
        finally
        {
            await watch.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task StalledAsync(Output output, TimeSpan limit, CancellationToken ct)
    {
        TimeSpan left;
        while ((left = limit - time.GetElapsedTime(output.LastLineAt)) > TimeSpan.Zero)
        {
            await Task.Delay(left, time, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the program, politely at first, and then everything it left running.</summary>
    private async Task StopAsync(ProcessGroup group, Task exited, bool alreadyDone)
    {
        if (!alreadyDone && !exited.IsCompleted)
        {
            group.Ask(Signals.Interrupt);
            if (!await EndsWithinAsync(exited, Graces.Interrupt).ConfigureAwait(false))
            {
                group.Ask(Signals.Terminate);
                await EndsWithinAsync(exited, Graces.Terminate).ConfigureAwait(false);
            }
        }

        var began = time.GetTimestamp();
        while (group.KillLeft() is var left and > 0)
        {
            if (time.GetElapsedTime(began) > s_killDeadline)
            {
                Log.NotKilled(logger, group.Leader, left);
                return;
            }

            await Task.Delay(s_pollInterval, time).ConfigureAwait(false);
        }

        await exited.ConfigureAwait(false);
    }

    private async Task DrainAsync(Output output, ProcessGroup group)
    {
        if (!await output.DrainAsync(s_drainDeadline).ConfigureAwait(false))
        {
            Log.OutputHeldOpen(logger, group.Leader);
        }
    }

    private async Task<bool> EndsWithinAsync(Task exited, TimeSpan grace) =>
        await Task.WhenAny(exited, Task.Delay(grace, time)).ConfigureAwait(false) == exited;

    private async Task RecordEndAfterFaultAsync(IAgentSink sink, ProcessGroup group)
    {
        try
        {
            await sink.ProcessEndedAsync(group.Leader, group.LeaderStart, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception second)
        {
            // The fault that stopped the program is the one to report (a lost lease refuses this write too); the row is closed by the reaper.
            Log.EndNotRecorded(logger, second, group.Leader);
        }
    }

    /// <summary>
    /// Everything one start brought about: its session, what descends from it, and what left both but still carries the nonce. In the sandbox that is everything there is; without it a program
    /// that leaves its session, its parent and its environment behind is out of reach.
    /// </summary>
    private sealed class ProcessGroup(int leader, long leaderStart, string nonce, bool inSandbox)
    {
        private readonly HashSet<(int Id, long Start)> _seen = [];

        public int Leader => leader;

        public long LeaderStart => leaderStart;

        /// <summary>
        /// Signals the program's group. In a sandbox that is the group inside, whose leader is bwrap's child: signalling bwrap itself would kill everything at once, while the inner bwrap,
        /// being init of its namespace, ignores all but SIGKILL.
        /// </summary>
        public void Ask(int signal)
        {
            var table = ProcessTable.Snapshot();
            Remember(table);
            foreach (var target in inSandbox ? table.Where(entry => entry.Parent == leader).Select(entry => entry.Id) : [leader])
            {
                SignalGroup(target, signal);
            }
        }

        /// <summary>SIGKILLs what is left and says how much there was.</summary>
        public int KillLeft()
        {
            var groupKilled = Signals.SendToGroup(leader, Signals.Kill);
            var table = ProcessTable.Snapshot();
            if (table.Count == 0)
            {
                return groupKilled ? 1 : 0;
            }

            var left = Remember(table);
            foreach (var entry in left)
            {
                Signals.Send(entry.Id, Signals.Kill);
            }

            return left.Count;
        }

        /// <summary>Finds what belongs to us, and keeps it in mind: once its parent has ended, a process outside our session cannot be told by its descent any more.</summary>
        private List<ProcessEntry> Remember(IReadOnlyList<ProcessEntry> table)
        {
            var reused = table.Any(entry => entry.Id == leader && leaderStart != 0 && entry.Start != leaderStart);
            var ours = ProcessTable.WithDescendants(table, entry =>
                (entry.Session == leader && !reused) || _seen.Contains((entry.Id, entry.Start)) || ProcessTable.VariableOf(entry.Id, ProcessVariable) == nonce);
            _seen.UnionWith(ours.Select(entry => (entry.Id, entry.Start)));
            return ours;
        }

        private static void SignalGroup(int group, int signal)
        {
            // Between fork and setsid there is no such group yet, only the process.
            if (!Signals.SendToGroup(group, signal))
            {
                Signals.Send(group, signal);
            }
        }
    }

    /// <summary>Both output streams as one sequence of lines.</summary>
    private sealed class Output(Process process, Func<string, bool, ValueTask<LineVerdict>> onLine, TimeProvider time) : IDisposable
    {
        private readonly CancellationTokenSource _giveUp = new();
        private readonly SemaphoreSlim _oneAtATime = new(1, 1);
        private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _faulted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Task _readers = Task.CompletedTask;
        private long _lastLineAt = time.GetTimestamp();

        /// <summary>Completes when the reader of lines has had enough.</summary>
        public Task Finished => _finished.Task;

        /// <summary>Never completes but by the fault of the reader of lines.</summary>
        public Task Faulted => _faulted.Task;

        public long LastLineAt => Volatile.Read(ref _lastLineAt);

        public void Begin() => _readers = Task.WhenAll(
            ReadAsync(process.StandardOutput.BaseStream, isError: false),
            ReadAsync(process.StandardError.BaseStream, isError: true));

        /// <summary>Waits for the last line. False when somebody still held the pipes at the deadline.</summary>
        public async Task<bool> DrainAsync(TimeSpan deadline)
        {
            if (await Task.WhenAny(_readers, Task.Delay(deadline, time)).ConfigureAwait(false) == _readers)
            {
                await _readers.ConfigureAwait(false);
                return true;
            }

            await _giveUp.CancelAsync().ConfigureAwait(false);
            try
            {
                await _readers.ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // What was there has been read; there is no end to wait for.
            }

            return false;
        }

        public Task ThrowIfFaultedAsync() => _faulted.Task.IsFaulted ? _faulted.Task : Task.CompletedTask;

        public void Dispose()
        {
            _oneAtATime.Dispose();
            _giveUp.Dispose();
        }

        private async Task ReadAsync(Stream stream, bool isError)
        {
            using var reader = new LineReader(stream, MaxLineBytes);
            await reader.ReadAsync(line => DeliverAsync(line, isError), _giveUp.Token).ConfigureAwait(false);
        }

        private async ValueTask DeliverAsync(string line, bool isError)
        {
            await _oneAtATime.WaitAsync().ConfigureAwait(false);
            try
            {
                // After a fault nothing more is delivered, but the pipe is still emptied: a program that cannot write cannot end in good order.
                if (_faulted.Task.IsCompleted)
                {
                    return;
                }

                Volatile.Write(ref _lastLineAt, time.GetTimestamp());
                if (await onLine(line, isError).ConfigureAwait(false) == LineVerdict.Finish)
                {
                    _finished.TrySetResult();
                }

                // A slow reader is not a stalled program.
                Volatile.Write(ref _lastLineAt, time.GetTimestamp());
            }
            catch (Exception fault)
            {
                _faulted.TrySetException(fault);
            }
            finally
            {
                _oneAtATime.Release();
            }
        }
    }
}
