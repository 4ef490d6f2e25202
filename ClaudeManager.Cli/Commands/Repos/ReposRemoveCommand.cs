using System.CommandLine;
using ClaudeManager.Cli.Connection;

namespace ClaudeManager.Cli.Commands.Repos;

internal sealed class ReposRemoveCommand : Command
{
    private readonly Argument<string> _repository = new("repository") { Description = "Name, id or path." };
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "Do not ask." };

    public ReposRemoveCommand(CommandRunner runner)
        : base("remove", "Stop scanning a repository. The repository itself is not touched.")
    {
        Arguments.Add(_repository);
        Options.Add(_yes);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        var output = invocation.Output;
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var repository = await connection.Api.FindRepositoryAsync(invocation.Get(_repository)!, invocation.WorkingDirectory, ct).ConfigureAwait(false);
        if (!invocation.Get(_yes) && !output.Confirm($"Remove {repository.Name} ({repository.Location}) with its {repository.OpenWorkItems} open work items?"))
        {
            return ExitCode.Denied;
        }

        await connection.Api.RemoveRepositoryAsync(repository.Id, ct).ConfigureAwait(false);
        output.Result(repository, () => output.Say($"{repository.Name} is removed."));
        return ExitCode.Ok;
    }
}
