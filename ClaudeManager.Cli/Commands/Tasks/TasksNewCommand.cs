using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

internal sealed class TasksNewCommand : Command
{
    private readonly Option<string> _repository = new("--repo", "-r") { Description = "The repository: name, id or path.", DefaultValueFactory = _ => "." };
    private readonly Option<string> _title = new("--title") { Description = "What is to be done, in one line.", Required = true };
    private readonly Option<string> _description = new("--description") { Description = "What an agent needs to know.", Required = true };
    private readonly Option<string?> _agent = new("--agent", "-a") { Description = "claude-code or command:NAME; default: as configured." };

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
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var repository = await connection.Api.FindRepositoryAsync(invocation.Get(_repository)!, invocation.WorkingDirectory, ct).ConfigureAwait(false);
        var request = new NewWorkItemRequest(repository.Id, invocation.Get(_title)!, invocation.Get(_description)!, invocation.Get(_agent));
        return invocation.Output.Changed(await connection.Api.NewWorkItemAsync(request, ct).ConfigureAwait(false));
    }
}
