using System.CommandLine;
using ClaudeManager.Cli.Commands;
using ClaudeManager.Cli.Commands.Db;
using ClaudeManager.Cli.Commands.Repos;
using ClaudeManager.Cli.Commands.Runs;
using ClaudeManager.Cli.Commands.Security;
using ClaudeManager.Cli.Commands.Tasks;
using ClaudeManager.Cli.Output;

namespace ClaudeManager.Cli;

/// <summary>
/// The command tree and its one way of running. Nothing here or in a command's constructor may touch ASP.NET, a host or
/// a container: <c>--help</c> answers in a tenth of a second because those load only in the body of the command that needs them.
/// </summary>
public static class CommandLine
{
    /// <summary>Runs one command line of this process to its exit code.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        using var termination = new TerminationSignals();
        return await RunAsync(args, Terminal.OfThisProcess(), termination.Token).ConfigureAwait(false);
    }

    internal static async Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken ct)
    {
        // No response files: an argument such as "@name" is text somebody wrote in an issue as often as it is a file.
        var parse = CreateRoot(terminal).Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Errors.Count > 0)
        {
            foreach (var error in parse.Errors)
            {
                await terminal.Error.WriteLineAsync(PrintableText.Of(error.Message)).ConfigureAwait(false);
            }

            await terminal.Error.WriteLineAsync($"Try: claude-manager {CommandPath(parse)}--help").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        var invocation = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // TerminationSignals does it, for hosts too
        };
        return await parse.InvokeAsync(invocation, ct).ConfigureAwait(false);
    }

    internal static RootCommand CreateRoot(Terminal terminal)
    {
        var options = new GlobalOptions();
        var runner = new CommandRunner(terminal, options);
        var root = new RootCommand(
            """
            The control plane for AI coding agents: finds work in git repositories, proposes it, runs an agent on what you approve,
            verifies the result and gives you a branch.

            Examples:
              claude-manager start                     the server and its dashboard, in this process
              claude-manager start --sample            the same with a sample repository to try it on
              claude-manager scan --dry-run            what would be proposed for the repository you are in
              claude-manager tasks list                what was proposed, best first
              claude-manager tasks approve 12          show what an agent would be sent, and let it
              claude-manager runs logs 7 --follow      watch it work
            """)
        {
            new StartCommand(runner),
            new ScanCommand(runner),
            new ExecuteCommand(runner),
            new StatusCommand(runner),
            new Command("tasks", "Work items: what was found or asked for, and what became of it.")
            {
                new TasksListCommand(runner),
                new TasksShowCommand(runner),
                new TasksExplainCommand(runner),
                new TasksApproveCommand(runner),
                new TasksWithdrawCommand(runner),
                new TasksRejectCommand(runner),
                new TasksSnoozeCommand(runner),
                new TasksPinCommand(runner),
                new TasksReopenCommand(runner),
                new TasksNewCommand(runner),
            },
            new Command("runs", "Runs: an agent at work on one item.")
            {
                new RunsListCommand(runner),
                new RunsShowCommand(runner),
                new RunsLogsCommand(runner),
                new RunsDiffCommand(runner),
                new RunsCancelCommand(runner),
                new RunsRetryCommand(runner),
                new RunsResumeCommand(runner),
            },
            new Command("repos", "The repositories that are scanned.")
            {
                new ReposListCommand(runner),
                new ReposAddCommand(runner),
                new ReposAcceptCommand(runner),
                new ReposPreviewCommand(runner),
                new ReposRemoveCommand(runner),
            },
            new Command("security", "Who may come in.")
            {
                new Command("blocks", "Clients that are shut out because they violated the limits.")
                {
                    new BlocksListCommand(runner),
                    new BlocksLiftCommand(runner),
                },
            },
            new Command("db", "The store, without a server.")
            {
                new DbStatusCommand(runner),
                new DbMigrateCommand(runner),
                new DbUnlockCommand(runner),
            },
        };
        root.Subcommands.Single(command => command.Name == "tasks").Aliases.Add("task");
        options.AddTo(root);
        return root;
    }

    private static string CommandPath(ParseResult parse)
    {
        var names = new Stack<string>();
        for (var result = parse.CommandResult; result.Command is not RootCommand; result = (System.CommandLine.Parsing.CommandResult)result.Parent!)
        {
            names.Push(result.Command.Name + " ");
        }

        return string.Concat(names);
    }
}
