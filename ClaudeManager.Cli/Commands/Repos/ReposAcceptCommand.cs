using System.CommandLine;
using ClaudeManager.Cli.Connection;

namespace ClaudeManager.Cli.Commands.Repos;

internal sealed class ReposAcceptCommand : Command
{
    private readonly Argument<string> _repository = new("repository") { Description = "Name, id or path." };

    public ReposAcceptCommand(CommandRunner runner)
        : base("accept", "Let the findings of a repository's first scan be proposed.")
    {
        Arguments.Add(_repository);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var repository = await connection.Api.FindRepositoryAsync(invocation.Get(_repository)!, invocation.WorkingDirectory, ct).ConfigureAwait(false);
        var result = await connection.Api.AcceptRepositoryAsync(repository.Id, ct).ConfigureAwait(false);
        invocation.Output.Result(result, () => invocation.Output.Scanned(result));
        return result.Error is null ? ExitCode.Ok : ExitCode.Failed;
    }
}
