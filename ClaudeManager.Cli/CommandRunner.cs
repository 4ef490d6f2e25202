using System.CommandLine;

namespace ClaudeManager.Cli;

/// <summary>Runs a command's body, and is the one place where a fault becomes words and an exit code.</summary>
internal sealed class CommandRunner(Terminal terminal, GlobalOptions options)
{
    public void Handle(Command command, Func<Invocation, CancellationToken, Task<int>> body)
        => command.SetAction((parse, ct) => RunAsync(new Invocation(parse, options, terminal), body, ct));

    private static async Task<int> RunAsync(Invocation invocation, Func<Invocation, CancellationToken, Task<int>> body, CancellationToken ct)
    {
        try
        {
            return await body(invocation, ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception fault)
        {
            return Failure.Report(fault, invocation);
        }
    }
}
