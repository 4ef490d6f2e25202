using System.CommandLine;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;

namespace ClaudeManager.Cli.Commands.Db;

internal sealed class DbMigrateCommand : Command
{
    public DbMigrateCommand(CommandRunner runner)
        : base("migrate", "Bring the store's schema up to date.")
        => runner.Handle(this, RunAsync);

    private static async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        var startup = invocation.LoadStartup();
        using var ownership = startup.Store is StoreTarget.Sqlite ? OpenStore.Claim(startup) : null;
        await using var store = OpenStore.Of(startup);
        var pending = await store.RunAsync(OperationCatalog.MigrateDatabase, async (database, token) =>
        {
            var missing = (await database.GetStatusAsync(token).ConfigureAwait(false)).Pending;
            await database.MigrateAsync(token).ConfigureAwait(false);
            return missing;
        }, ct).ConfigureAwait(false);
        invocation.Output.Result(pending, () => invocation.Output.Say(pending.Count == 0 ? "The schema was up to date." : $"Applied {string.Join(", ", pending)}."));
        return ExitCode.Ok;
    }
}
