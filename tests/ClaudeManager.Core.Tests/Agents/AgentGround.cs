using System.Collections.Concurrent;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.ClaudeCode;
using ClaudeManager.Core.Agents.Command;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using ClaudeManager.Tests.Shared.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace ClaudeManager.Core.Tests.Agents;

/// <summary>A run's workspace and home, a model to talk to, and the sink that keeps what the agent said.</summary>
internal sealed class AgentGround : IAgentSink, IAsyncDisposable
{
    public const string RealKey = "sk-ant-the-real-key";

    private readonly string _root = Directory.CreateTempSubdirectory("cm-agent-").FullName;
    private readonly ConcurrentQueue<AgentEvent> _events = new();
    private readonly ConcurrentQueue<int> _processes = new();
    private readonly TaskCompletionSource _sessionStarted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CurrentConfiguration _configuration = new(ManagerConfiguration.Default);

    private AgentGround(ModelCredentials credentials)
    {
        Data = new DataDirectory(Path.Combine(_root, "data"));
        Workspace = Directory.CreateDirectory(Path.Combine(Data.RunDirectory(1), "workspace")).FullName;
        Home = Directory.CreateDirectory(Path.Combine(Data.RunDirectory(1), "home")).FullName;
        Credentials = credentials;
        Gateway = new ModelGateway(credentials, _configuration, Pipelines(_configuration), TimeProvider.System, NullLogger<ModelGateway>.Instance);
        var sandbox = new Sandbox(Data, Host);
        Processes = new ContainedProcess(sandbox, Host, _configuration, TimeProvider.System, NullLogger<ContainedProcess>.Instance)
        {
            Graces = new StopGraces { Finish = TimeSpan.FromSeconds(5), Interrupt = TimeSpan.FromSeconds(2), Terminate = TimeSpan.FromSeconds(2) },
        };
        Claude = new ClaudeCodeRunner(Processes, Host, Gateway, credentials, TimeProvider.System);
    }

    public static UpstreamPipelines Pipelines(CurrentConfiguration configuration, CircuitBreakers? breakers = null)
        => new(configuration, breakers ?? new CircuitBreakers(configuration, TimeProvider.System, NullLogger<CircuitBreakers>.Instance), TimeProvider.System, new Random(7), NullLogger<UpstreamPipelines>.Instance);

    public static HostEnvironment Host { get; } = HostEnvironment.Current();

    public DataDirectory Data { get; }

    public string Workspace { get; }

    public string Home { get; }

    public ModelCredentials Credentials { get; }

    public ModelGateway Gateway { get; }

    public ContainedProcess Processes { get; }

    public ClaudeCodeRunner Claude { get; }

    public IReadOnlyCollection<AgentEvent> Events => _events;

    public IEnumerable<string> Texts(string kind) => _events.Where(e => e.Kind == kind).Select(e => e.Text);

    public AgentUsage? Usage { get; private set; }

    public string? Version { get; private set; }

    public Task SessionStarted => _sessionStarted.Task;

    public IReadOnlyCollection<int> StartedProcesses => _processes;

    /// <summary>What the run started and nobody ended.</summary>
    public IReadOnlyList<int> StillRunning()
        => [.. ProcessTable.Snapshot().Where(p => !p.IsZombie && ProcessTable.VariableOf(p.Id, RunIdentity.Variable)?.EndsWith(Path.GetFileName(_root), StringComparison.Ordinal) == true).Select(p => p.Id)];

    public static async Task<AgentGround> StartAsync(MessagesApi? model = null)
    {
        var ground = new AgentGround(new ModelCredentials(new SecretString(RealKey), null, model?.BaseAddress ?? new Uri("http://127.0.0.1:9")));
        await ground.Gateway.StartAsync(TestContext.Current.CancellationToken);
        return ground;
    }

    public CommandRunner Command(BuiltInCommands? builtIn = null) => new(Processes, Host, builtIn ?? BuiltInCommands.None);

    public AgentRequest Request(string prompt = "Do it.", Func<ExecutorConfiguration, ExecutorConfiguration>? executor = null) => new(
        new RunIdentity(1, 1, "boot-" + Path.GetFileName(_root)),
        Workspace,
        Home,
        prompt,
        Guid.CreateVersion7(TimeProvider.System.GetUtcNow()),
        Resume: false,
        SandboxLevel.Process,
        ["Read", "Edit", "Write", "Bash(git diff *)", "Bash(echo *)"],
        BudgetUsd: 5,
        (executor ?? (e => e))(ManagerConfiguration.Default.Executor),
        new NetworkConfiguration());

    /// <summary>A program that stands in for the CLI and says what the script says.</summary>
    public ExecutorConfiguration WithFakeClaude(ExecutorConfiguration executor, string script)
    {
        var path = Script("claude", script);
        return executor with { ClaudeCode = executor.ClaudeCode with { Path = path } };
    }

    public string Script(string name, string script)
    {
        var path = Path.Combine(_root, name);
        File.WriteAllText(path, "#!/bin/sh\n" + script + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }

    public string Write(string path, string content)
    {
        var file = new FileInfo(Path.Combine(Workspace, path));
        file.Directory!.Create();
        File.WriteAllText(file.FullName, content);
        return file.FullName;
    }

    public string Read(string path) => File.ReadAllText(Path.Combine(Workspace, path));

    public bool Exists(string path) => File.Exists(Path.Combine(Workspace, path));

    public ValueTask AppendAsync(AgentEvent agentEvent, CancellationToken ct)
    {
        _events.Enqueue(agentEvent);
        return ValueTask.CompletedTask;
    }

    public ValueTask UsageAsync(AgentUsage usage, CancellationToken ct)
    {
        Usage = usage;
        return ValueTask.CompletedTask;
    }

    public ValueTask SessionStartedAsync(string? agentVersion, CancellationToken ct)
    {
        Version = agentVersion;
        _sessionStarted.TrySetResult();
        return ValueTask.CompletedTask;
    }

    public Task ProcessStartedAsync(int processId, long processStart, string purpose, CancellationToken ct)
    {
        _processes.Enqueue(processId);
        return Task.CompletedTask;
    }

    public Task ProcessEndedAsync(int processId, long processStart, CancellationToken ct) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }
}
