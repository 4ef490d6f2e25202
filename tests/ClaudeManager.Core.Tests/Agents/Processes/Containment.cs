using System.Collections.Concurrent;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.Agents.Processes;

/// <summary>A data directory with a workspace and a home in it, and what it takes to run a real program there.</summary>
internal sealed class Containment : IAgentSink, IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cm-contained-").FullName;
    private readonly ConcurrentQueue<string> _lines = new();

    public Containment(NetworkConfiguration? network = null)
    {
        Data = new DataDirectory(Path.Combine(_root, "data"));
        Workspace = Directory.CreateDirectory(Path.Combine(Data.RunDirectory(1), "workspace")).FullName;
        Home = Directory.CreateDirectory(Path.Combine(Data.RunDirectory(1), "home")).FullName;
        Sandbox = new Sandbox(Data, Host);
        Processes = new ContainedProcess(Sandbox, Host, new CurrentConfiguration(new ManagerConfiguration { Network = network ?? new() }), TimeProvider.System, NullLogger<ContainedProcess>.Instance)
        {
            Graces = new StopGraces { Finish = TimeSpan.FromMilliseconds(200), Interrupt = TimeSpan.FromMilliseconds(200), Terminate = TimeSpan.FromMilliseconds(200) },
        };
    }

    public static HostEnvironment Host { get; } = HostEnvironment.Current();

    public DataDirectory Data { get; }

    public string Outside => _root;

    public string Workspace { get; }

    public string Home { get; }

    public Sandbox Sandbox { get; }

    public ContainedProcess Processes { get; }

    public IReadOnlyCollection<string> Lines => _lines;

    public (int Id, long Start, string Purpose)? Started { get; private set; }

    public (int Id, long Start)? Ended { get; private set; }

    public Exception? ProcessStartedFault { get; init; }

    public ContainedCommand Shell(string script, SandboxLevel level = SandboxLevel.Process, bool network = false, string[]? readOnly = null, byte[]? input = null) =>
        Command(["sh", "-c", script], level) with { Network = network, ReadOnlyPaths = readOnly, Input = input };

    public ContainedCommand Command(IReadOnlyList<string> command, SandboxLevel level = SandboxLevel.Process) =>
        new(new RunIdentity(1, 2, "boot-" + Path.GetFileName(_root)), "test", command, Workspace, Home, new Dictionary<string, string>(), level, Network: false, TimeSpan.FromMinutes(1));

    /// <summary>Runs and keeps the lines; <paramref name="onLine"/> decides on each after it was kept.</summary>
    public Task<ContainedResult> RunAsync(ContainedCommand command, Func<string, ValueTask<LineVerdict>>? onLine = null, TimeSpan? stall = null, CancellationToken? ct = null) =>
        Processes.RunAsync(
            command,
            this,
            (line, isError) =>
            {
                _lines.Enqueue(isError ? "! " + line : line);
                return onLine?.Invoke(line) ?? ValueTask.FromResult(LineVerdict.Continue);
            },
            stall,
            ct ?? TestContext.Current.CancellationToken);

    public ValueTask AppendAsync(AgentEvent agentEvent, CancellationToken ct) => ValueTask.CompletedTask;

    public ValueTask UsageAsync(AgentUsage usage, CancellationToken ct) => ValueTask.CompletedTask;

    public ValueTask SessionStartedAsync(string? agentVersion, CancellationToken ct) => ValueTask.CompletedTask;

    public Task ProcessStartedAsync(int processId, long processStart, string purpose, CancellationToken ct)
    {
        Started = (processId, processStart, purpose);
        return ProcessStartedFault is null ? Task.CompletedTask : Task.FromException(ProcessStartedFault);
    }

    public Task ProcessEndedAsync(int processId, long processStart, CancellationToken ct)
    {
        Ended = (processId, processStart);
        return Task.CompletedTask;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
