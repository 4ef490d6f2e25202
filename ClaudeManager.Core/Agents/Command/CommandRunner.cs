using System.Text;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Core.Agents.Command;

/// <summary>
/// A program the operator defined (<c>executor.commands.NAME</c>), as agent <c>command:NAME</c>, for work that needs no model. It finds the prompt on standard input and in the file named by
/// <c>CLAUDE_MANAGER_PROMPT_FILE</c>; its lines are the transcript; exit code 0 says it is done.
/// </summary>
public sealed class CommandRunner(ContainedProcess processes, HostEnvironment host, BuiltInCommands builtIn) : IAgentRunner
{
    public const string PromptFileVariable = "CLAUDE_MANAGER_PROMPT_FILE";

    private const string Prefix = "command:";
    private const bool Network = true;
    private const int TailLines = 20;
    private const int MaxLine = 2_000;

    public string Key => "command";

    public AgentProgram? Describe(string name, ExecutorConfiguration executor)
        => Find(name, executor) is { } definition ? new AgentProgram([definition.Program, .. definition.Args], definition.Environment, Network, TakesTools: false) : null;

    public Task<AgentAvailability> ProbeAsync(string name, ManagerConfiguration configuration, CancellationToken ct) => Task.FromResult(Probe(name, configuration.Executor));

    public async Task<AgentOutcome> RunAsync(string name, AgentRequest request, IAgentSink sink, CancellationToken ct)
    {
        if (Find(name, request.Executor) is not { } definition)
        {
            return Misconfigured(Unknown(name, request.Executor));
        }

        var prompt = Encoding.UTF8.GetBytes(request.Prompt);
        var promptFile = Path.Combine(Directory.CreateDirectory(request.Home).FullName, "prompt.md");
        // An earlier attempt may have put anything there, such as a link to a file of ours: nothing is written through it.
        await AgentDirectory.RemoveAsync(promptFile, ct);
        await using (var file = new FileStream(promptFile, FileMode.CreateNew, FileAccess.Write))
        {
            await file.WriteAsync(prompt, ct);
        }

        var timeout = definition.Timeout ?? request.Executor.Timeout;
        var command = new ContainedCommand(
            request.Run, "agent", [definition.Program, .. definition.Args], request.Workspace, request.Home,
            new Dictionary<string, string>(definition.Environment) { [PromptFileVariable] = promptFile },
            request.Sandbox, Network, timeout, prompt);
        var tail = new Queue<string>();
        ContainedResult ended;
        try
        {
            ended = await processes.RunAsync(command, sink, OnLineAsync, request.Executor.Stall, ct);
        }
        catch (ProgramNotStartedException e)
        {
            return Misconfigured($"{name}: {e.Message}.");
        }

        return (ended.End, ended.ExitCode) switch
        {
            (ContainedEnd.TimedOut, _) => new AgentOutcome(RunEndReason.TimedOut, FailureClass.Agent, FormattableString.Invariant($"{name} was stopped after {timeout.TotalSeconds:0.#} s.{Said()}")),
            (ContainedEnd.Stalled, _) => new AgentOutcome(RunEndReason.Stalled, FailureClass.Agent, FormattableString.Invariant($"{name} was stopped after {request.Executor.Stall.TotalSeconds:0.#} s without output (executor.stallSeconds).{Said()}")),
            (_, 0) => new AgentOutcome(RunEndReason.Completed, null, tail.LastOrDefault() ?? $"{name} ended in good order."),
            (_, var code) => new AgentOutcome(RunEndReason.Failed, FailureClass.Agent, $"{name} ended with exit code {code}.{Said()}"),
        };

        async ValueTask<LineVerdict> OnLineAsync(string line, bool isError)
        {
            var shown = line.Length <= MaxLine ? line : FormattableString.Invariant($"{line[..MaxLine]}… [{line.Length - MaxLine} characters left out]");
            if (tail.Count == TailLines)
            {
                tail.Dequeue();
            }

            tail.Enqueue(shown);
            await sink.AppendAsync(new AgentEvent("output", shown), ct);
            return LineVerdict.Continue;
        }

        string Said() => tail.Count == 0 ? " It printed nothing." : " Its last lines:\n" + string.Join('\n', tail);
    }

    private AgentAvailability Probe(string name, ExecutorConfiguration executor)
    {
        if (Find(name, executor) is not { } definition)
        {
            return new AgentAvailability(null, null, Unknown(name, executor));
        }

        // A relative path names a program of the repository, which only a workspace has.
        if (definition.Program.Contains('/', StringComparison.Ordinal) && !Path.IsPathRooted(definition.Program))
        {
            return new AgentAvailability(definition.Program, null, null);
        }

        try
        {
            return new AgentAvailability(host.Resolve(definition.Program, "/"), null, null);
        }
        catch (ProgramNotStartedException e)
        {
            return new AgentAvailability(null, null, $"{name}: {e.Message}. Install it, or correct executor.commands.");
        }
    }

    private CommandAgentConfiguration? Find(string name, ExecutorConfiguration executor)
        => !name.StartsWith(Prefix, StringComparison.Ordinal) ? null
            : builtIn.Commands.GetValueOrDefault(name[Prefix.Length..]) ?? executor.Commands.GetValueOrDefault(name[Prefix.Length..]);

    private string Unknown(string name, ExecutorConfiguration executor)
    {
        var known = builtIn.Commands.Keys.Union(executor.Commands.Keys).Order(StringComparer.Ordinal).Select(command => Prefix + command).ToArray();
        return $"There is no agent '{name}': define it in executor.commands. {(known.Length == 0 ? "None is defined." : $"Defined are {string.Join(", ", known)}.")}";
    }

    private static AgentOutcome Misconfigured(string detail) => new(RunEndReason.ConfigurationError, FailureClass.Configuration, detail);
}
