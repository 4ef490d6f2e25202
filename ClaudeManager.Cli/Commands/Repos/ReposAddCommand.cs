using System.CommandLine;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Cli.Commands.Repos;

internal sealed class ReposAddCommand : Command
{
    private readonly Argument<string> _path = new("repository") { Description = "A local git repository, or owner/name of one on GitHub.", DefaultValueFactory = _ => "." };
    private readonly Option<string?> _branch = new("--branch") { Description = "The branch to scan; default: the repository's default branch." };
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "Propose what was found, without asking." };

    public ReposAddCommand(CommandRunner runner)
        : base("add", "Register a repository: first a dry run of what would be proposed, then, after your yes, the proposals.")
    {
        Arguments.Add(_path);
        Options.Add(_branch);
        Options.Add(_yes);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        var output = invocation.Output;
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var request = new AddRepositoryRequest(RepositoryPlace.Resolve(invocation.Get(_path)!, invocation.WorkingDirectory), invocation.Get(_branch), invocation.Get(_yes));
        if (!request.Propose)
        {
            var look = connection.Api.PreviewPathAsync(request, explain: false, ct);
            var preview = await invocation.WatchAsync(connection.Api, invocation.Get(_path)!, repositoryId: null, look, ct).ConfigureAwait(false);
            if (!output.IsJson)
            {
                output.Preview(preview);
            }

            if (!output.Confirm("Register it and propose these?"))
            {
                output.Say("Nothing was registered.");
                return ExitCode.Denied;
            }
        }

        var repository = await connection.Api.AddRepositoryAsync(request with { Propose = true }, ct).ConfigureAwait(false);
        var scan = connection.Api.ScanRepositoryAsync(repository.Id, full: false, propose: true, ct);
        var result = await invocation.WatchAsync(connection.Api, repository.Name, repository.Id, scan, ct).ConfigureAwait(false);
        output.Result(result, () => output.Scanned(result));
        return result.Error is null ? ExitCode.Ok : ExitCode.Failed;
    }
}
