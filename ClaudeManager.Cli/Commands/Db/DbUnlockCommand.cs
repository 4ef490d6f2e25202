using System.CommandLine;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;

namespace ClaudeManager.Cli.Commands.Db;

internal sealed class DbUnlockCommand : Command
{
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "Do not ask." };

    public DbUnlockCommand(CommandRunner runner)
        : base("unlock", "Remove the migration lock a killed process left behind.")
    {
        Options.Add(_yes);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        var startup = invocation.LoadStartup();
        using var ownership = startup.Store is StoreTarget.Sqlite ? OpenStore.Claim(startup) : null;
        await using var store = OpenStore.Of(startup);
        if (!invocation.Get(_yes) && !invocation.Output.Confirm("Is it sure that no migration is running?"))
        {
            return ExitCode.Denied;
        }

        var removed = await store.RunAsync(OperationCatalog.UnlockDatabase, (database, token) => database.UnlockAsync(token), ct).ConfigureAwait(false);
        invocation.Output.Result(removed, () => invocation.Output.Say(removed ? "The lock is released." : "There was no lock."));
        return ExitCode.Ok;
    }
}
