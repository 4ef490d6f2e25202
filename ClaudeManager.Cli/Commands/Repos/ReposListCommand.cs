using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Repos;

internal sealed class ReposListCommand : Command
{
    public ReposListCommand(CommandRunner runner)
        : base("list", "List the registered repositories.")
        => runner.Handle(this, RunAsync);

    private static async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var repositories = await connection.Api.ListAllRepositoriesAsync(ct).ConfigureAwait(false);
        var output = invocation.Output;
        output.Result(repositories, () =>
        {
            output.Table(
                ["Id", "Name", "Scan", "Last scan", "Findings", "Open items", "Where"],
                repositories.Select(repository => new[]
                {
                    $"{repository.Id}", repository.IsSample ? repository.Name + " [sample]" : repository.Name, ManagerJson.Name(repository.ScanState),
                    output.Time(repository.LastScanAt), $"{repository.Findings.Values.Sum()}", $"{repository.OpenWorkItems}", repository.Location,
                }));
            foreach (var failed in repositories.Where(repository => repository.LastScanError is not null))
            {
                output.Say($"{failed.Name}: {failed.LastScanError}");
            }
        });
        return ExitCode.Ok;
    }
}
