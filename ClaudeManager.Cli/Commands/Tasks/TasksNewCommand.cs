using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksNewCommand : Command
{
    private readonly Option<string> _repository = new("--repo", "-r") { Description = "The repository: name, id, path, or owner/name on GitHub, where it becomes an issue.", DefaultValueFactory = _ => "." };
    private readonly Option<string> _title = new("--title") { Description = "What is to be done, in one line.", Required = true };
    private readonly Option<string> _description = new("--description") { Description = "What an agent needs to know.", Required = true };
    private readonly Option<string?> _agent = new("--agent", "-a", "--executor") { Description = "claude-code, claude-flow, mention or command:NAME; default: as configured." };

    public TasksNewCommand(CommandRunner runner)
        : base("new", "Write a work item yourself.")
    {
        Options.Add(_repository);
        Options.Add(_title);
        Options.Add(_description);
        Options.Add(_agent);
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct, withEffects: true).ConfigureAwait(false);
        var named = invocation.Get(_repository)!;
        var repository = RepositoryPlace.IsOnGitHub(named, out var onGitHub)
            ? await connection.Api.TryFindRepositoryAsync(named, invocation.WorkingDirectory, ct).ConfigureAwait(false)
                ?? await connection.Api.AddRepositoryAsync(new AddRepositoryRequest(onGitHub.ToString()), ct).ConfigureAwait(false)
            : await connection.Api.FindRepositoryAsync(named, invocation.WorkingDirectory, ct).ConfigureAwait(false);
        var before = connection.IsOwn && repository.Kind == RepositoryKind.GitHub ? await connection.Api.GetOutboxAsync(ct).ConfigureAwait(false) : null;
        var agent = invocation.Get(_agent) is "terragon" ? "mention" : invocation.Get(_agent);
        var request = new NewWorkItemRequest(repository.Id, invocation.Get(_title)!, invocation.Get(_description)!, agent);
        var code = invocation.Output.Changed(await connection.Api.NewWorkItemAsync(request, ct).ConfigureAwait(false));
        return before is null || code != ExitCode.Ok ? code : await ScanCommand.DrainAsync(connection.Api, before.Failed, invocation, ct).ConfigureAwait(false);
    }
}
