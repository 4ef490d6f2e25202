using System.CommandLine;
using ClaudeManager.Core.Operations;

namespace ClaudeManager.Cli.Commands.Db;

internal sealed class DbStatusCommand : Command
{
    public DbStatusCommand(CommandRunner runner)
        : base("status", "Which store, which migrations it has and lacks, and whether a killed process left its migration lock behind.")
        => runner.Handle(this, RunAsync);

    private static async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var store = OpenStore.Of(invocation.LoadStartup());
        var status = await store.RunAsync(OperationCatalog.GetDatabaseStatus, (database, token) => database.GetStatusAsync(token), ct).ConfigureAwait(false);
        var output = invocation.Output;
        output.Result(status, () => output.Facts(
            ("Store", $"{status.Provider}, {status.Target}"),
            ("Applied", status.Applied.Count == 0 ? "none" : $"{status.Applied.Count}, last {status.Applied[^1]}"),
            ("Pending", status.Pending.Count == 0 ? "none" : string.Join(", ", status.Pending)),
            ("Lock", status.Locked ? "held; if no migration is running, release it: claude-manager db unlock" : "free")));
        return ExitCode.Ok;
    }
}
