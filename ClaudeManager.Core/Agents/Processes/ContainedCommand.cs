using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Agents.Processes;

/// <summary>A program to run on behalf of a run, in its containment.</summary>
/// <param name="Purpose"><c>agent</c>, <c>verify</c>, … as stored with the process.</param>
/// <param name="Command">Program and arguments; never a shell string.</param>
/// <param name="Directory">Working directory, and the only writable place besides <paramref name="Home"/> and a private /tmp.</param>
/// <param name="Home">HOME of the process.</param>
/// <param name="Environment">Added to the allow-list (PATH, LANG, TERM=dumb, proxy and CA variables of <c>network</c>); nothing else is inherited.</param>
/// <param name="Network">False: its own empty network namespace where the sandbox can give one.</param>
/// <param name="Timeout">Wall time; then the group is stopped and the result says so.</param>
/// <param name="Input">Written to standard input, which is then closed.</param>
/// <param name="ReadOnlyPaths">Further paths of the host to show read-only (an agent's own program folder).</param>
public sealed record ContainedCommand(
    RunIdentity Run,
    string Purpose,
    IReadOnlyList<string> Command,
    string Directory,
    string Home,
    IReadOnlyDictionary<string, string> Environment,
    SandboxLevel Sandbox,
    bool Network,
    TimeSpan Timeout,
    byte[]? Input = null,
    IReadOnlyList<string>? ReadOnlyPaths = null);

public enum ContainedEnd
{
    Exited,
    TimedOut,
    Stalled,

    /// <summary>The reader asked for it, e.g. because the result has arrived and the program lingers.</summary>
    Stopped,
}

/// <param name="ExitCode">128 + signal where a signal ended it.</param>
public sealed record ContainedResult(ContainedEnd End, int ExitCode, double Seconds);

/// <summary>What the reader of a line wants next.</summary>
public enum LineVerdict
{
    Continue,

    /// <summary>The work is done: give the program a grace to end by itself, then stop the group.</summary>
    Finish,
}

/// <summary>The program could not be started at all.</summary>
public sealed class ProgramNotStartedException(string program, string why) : ClaudeManagerException(
    ErrorCodes.ProgramNotStarted, $"'{program}' could not be started: {why}")
{
    public string Program => program;
}
