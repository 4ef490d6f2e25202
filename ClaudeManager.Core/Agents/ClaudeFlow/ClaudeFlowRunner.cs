using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Agents.ClaudeCode;
using ClaudeManager.Core.Agents.Gateway;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Agents.ClaudeFlow;

/// <summary>
/// The real claude-flow CLI, which wraps the task into a prompt of its own and starts Claude Code with it. Its own word that all went well is worth nothing: only the events of the Claude Code it
/// started say that somebody worked. It would start that one with its permissions skipped and with the repository's hooks, settings and MCP servers, so it is given a <c>claude</c> that adds what
/// was approved (<see cref="ClaudeCodeRunner.Policy"/>) and announces itself.
/// </summary>
public sealed partial class ClaudeFlowRunner(ContainedProcess processes, HostEnvironment host, ModelGateway gateway, ModelCredentials credentials, DataDirectory data, TimeProvider time) : IAgentRunner
{
    public const string Name = "claude-flow";

    private const bool Network = true;
    private const string Packages = "/node_modules/";

    /// <summary>Bytes. claude-flow puts the task into its own prompt twice, and Linux takes no argument of more than 128 KiB.</summary>
    internal const int LongestObjective = 60_000;

    /// <summary>What it writes beside the work, in whatever folder it runs.</summary>
    private static readonly string[] s_litter = [".claude-flow", ".hive-mind"];

    private static readonly TimeSpan s_setupTimeout = TimeSpan.FromMinutes(2);

    public string Key => Name;

    /// <summary>Its own command, then the Claude Code it starts; as there, the rest is the service's own or in the approval already.</summary>
    public AgentProgram? Describe(string name, ExecutorConfiguration executor)
    {
        var claude = executor.ClaudeCode;
        string[] permissions = executor.ClaudeFlow.SkipPermissions ? [] : ["--permission-mode", claude.PermissionMode];
        string[] model = claude.Model is null ? [] : ["--model", claude.Model];
        return name == Name
            ? new AgentProgram([executor.ClaudeFlow.Path, .. Spawn(executor.ClaudeFlow), claude.Path, .. permissions, .. model], claude.Environment, Network, TakesTools: true)
            : null;
    }

    public Task<AgentAvailability> ProbeAsync(string name, ManagerConfiguration configuration, CancellationToken ct)
    {
        var settings = configuration.Executor;
        try
        {
            host.Resolve(settings.ClaudeCode.Path, Environment.CurrentDirectory);
            // Asked for its version it already writes files, so that waits until it is in a run's containment.
            return Task.FromResult(new AgentAvailability(host.Resolve(settings.ClaudeFlow.Path, Environment.CurrentDirectory), null, credentials.Problem));
        }
        catch (ProgramNotStartedException e)
        {
            return Task.FromResult(new AgentAvailability(null, null, $"claude-flow cannot work here: {e.Message}. Install it (npm install -g claude-flow@{settings.ClaudeFlow.Version} @anthropic-ai/claude-code), or set executor.claudeFlow.path."));
        }
    }

    public async Task<AgentOutcome> RunAsync(string name, AgentRequest request, IAgentSink sink, CancellationToken ct)
    {
        if (credentials.Problem is { } problem)
        {
            return Misconfigured(problem);
        }

        if (ClaudeCodeRunner.UsedUp(request) is { } nothingLeft)
        {
            return nothingLeft;
        }

        if (Encoding.UTF8.GetByteCount(request.Prompt) > LongestObjective)
        {
            return Misconfigured($"The prompt is longer than the {LongestObjective} bytes claude-flow can be given: approve the item with claude-code.");
        }

        using var key = gateway.Issue(request.Run);
        try
        {
            return await WorkAsync(request, key, sink, ct);
        }
        catch (ProgramNotStartedException e)
        {
            return Misconfigured($"claude-flow cannot work here: {e.Message}.");
        }
    }

    private async Task<AgentOutcome> WorkAsync(AgentRequest request, ModelKey key, IAgentSink sink, CancellationToken ct)
    {
        var program = host.Resolve(request.Executor.ClaudeFlow.Path, Environment.CurrentDirectory);
        var claude = Real(host.Resolve(request.Executor.ClaudeCode.Path, Environment.CurrentDirectory));
        var announcement = "claude-manager: Claude Code begins, " + RandomNumberGenerator.GetHexString(32, lowercase: true);
        var stub = WriteClaude(request, claude, announcement);
        string[] programs = [Package(Real(program)), Package(claude), stub];
        var environment = ClaudeCodeRunner.Environment(request, gateway, key);
        environment["PATH"] = $"{stub}:{string.Join(':', host.SearchPath)}";
        if (!request.Resume && s_litter.FirstOrDefault(folder => Path.Exists(Path.Combine(request.Workspace, folder))) is { } own)
        {
            return Misconfigured($"The repository has a folder {own} of its own, into which claude-flow would write: approve the item with claude-code.");
        }

        // From here on the folders are its own, also for the next attempt.
        await sink.SessionStartedAsync(null, ct);
        await CleanAsync();
        try
        {
            var (asked, said) = await SetUpAsync(["--version"]);
            if (asked.ExitCode != 0 || VersionNumber().Match(said).Value is not { Length: > 0 } version)
            {
                return Misconfigured($"'{program} --version' gave no version: {said}");
            }

            if (version != request.Executor.ClaudeFlow.Version)
            {
                return Misconfigured($"claude-flow {version} is installed, but {request.Executor.ClaudeFlow.Version} is the version that is known to work (npm install -g claude-flow@{request.Executor.ClaudeFlow.Version}, or set executor.claudeFlow.version).");
            }

            await sink.SessionStartedAsync(version, ct);
            var (begun, complaint) = await SetUpAsync(["hive-mind", "init"]);
            return begun.ExitCode == 0
                ? await SpawnAsync()
                : new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, $"claude-flow could not begin (exit code {begun.ExitCode}): {complaint}");
        }
        finally
        {
            await CleanAsync();
        }

        async Task CleanAsync()
        {
            foreach (var folder in s_litter)
            {
                await AgentDirectory.RemoveAsync(Path.Combine(request.Workspace, folder), CancellationToken.None);
            }
        }

        async Task<(ContainedResult Ended, string Said)> SetUpAsync(IReadOnlyList<string> arguments)
        {
            var said = new StringBuilder();
            var ended = await processes.RunAsync(Contained([program, .. arguments], s_setupTimeout), sink, (line, _) =>
            {
                if (said.Length < 2_000)
                {
                    said.AppendLine(line.Length <= 500 ? line : line[..500]);
                }

                return ValueTask.FromResult(LineVerdict.Continue);
            }, null, ct);
            return (ended, said.ToString().Trim());
        }

        async Task<AgentOutcome> SpawnAsync()
        {
            var reader = new ClaudeFlowOutput(request.Workspace, announcement);
            var usage = reader.Stream.Usage;
            // One argument with its name: a task that begins with a dash is still a task.
            var ended = await processes.RunAsync(Contained([program, .. Spawn(request.Executor.ClaudeFlow), "--objective=" + request.Prompt], request.Executor.Timeout), sink, async (line, isError) =>
            {
                foreach (var agentEvent in reader.Read(line, isError))
                {
                    await sink.AppendAsync(agentEvent, ct);
                }

                if (reader.Stream.Usage != usage)
                {
                    usage = reader.Stream.Usage;
                    await sink.UsageAsync(usage, ct);
                }

                return reader.Stream.Result is null ? LineVerdict.Continue : LineVerdict.Finish;
            }, request.Executor.Stall, ct);

            return ended.End is ContainedEnd.TimedOut or ContainedEnd.Stalled || reader.Stream.Version is not null
                ? ClaudeCodeRunner.OutcomeOf(ended, reader.Stream, reader.Complaints, key, request, time.GetUtcNow())
                : new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, $"claude-flow ended (exit code {ended.ExitCode}) without any sign that an agent worked.{(reader.Complaints.Length > 0 ? " " + reader.Complaints.Trim() : "")}");
        }

        ContainedCommand Contained(IReadOnlyList<string> command, TimeSpan timeout)
            => new(request.Run, "agent", command, request.Workspace, request.Home, environment, request.Sandbox, Network, timeout, ReadOnlyPaths: programs);
    }

    private static string[] Spawn(ClaudeFlowConfiguration settings)
        => ["hive-mind", "spawn", "--claude", "--non-interactive", settings.SkipPermissions ? "--dangerously-skip-permissions" : "--no-auto-permissions"];

    /// <summary>A <c>claude</c> that is found before the real one and starts it with the policy of the run. Nothing of the task is in it, and it lies where the agent cannot write.</summary>
    /// <returns>Its folder.</returns>
    private string WriteClaude(AgentRequest request, string claude, string announcement)
    {
        var folder = Directory.CreateDirectory(Path.Combine(data.RunDirectory(request.Run.RunId), "claude-flow")).FullName;
        var path = Path.Combine(folder, "claude");
        string[] arguments = [claude, "--include-partial-messages", .. ClaudeCodeRunner.Policy(request, withPermissions: !request.Executor.ClaudeFlow.SkipPermissions)];
        var quoted = string.Join(' ', arguments.Select(a => $"'{a.Replace("'", @"'\''", StringComparison.Ordinal)}'"));
        // claude-flow hands over whatever .mcp.json lies in the repository, and ignores the option that names another.
        File.WriteAllText(path, $"""
            #!/bin/sh
            for argument; do
              shift
              case "$argument" in --mcp-config*) ;; *) set -- "$@" "$argument" ;; esac
            done
            echo '{announcement}'
            exec {quoted} "$@"

            """);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }

        return folder;
    }

    private static string Real(string program) => File.ResolveLinkTarget(program, returnFinalTarget: true)?.FullName ?? program;

    /// <summary>What a program of npm needs beside it, which the sandbox would not show: all packages it was installed with. Another program is whole by itself.</summary>
    private static string Package(string program)
        => program.IndexOf(Packages, StringComparison.Ordinal) is var at and >= 0 ? program[..(at + Packages.Length - 1)] : program;

    private static AgentOutcome Misconfigured(string detail) => new(RunEndReason.ConfigurationError, FailureClass.Configuration, detail);

    [GeneratedRegex(@"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?", RegexOptions.CultureInvariant)]
    private static partial Regex VersionNumber();
}
