using System.CommandLine;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Cli.Commands.Repos;

internal sealed class ReposPreviewCommand : Command
{
    private readonly Argument<string> _repository = new("repository") { Description = "Name or id of a registered repository, or the path or owner/name of any.", DefaultValueFactory = _ => "." };
    private readonly Option<bool> _explain = new("--explain") { Description = "Also every marker hit that is no finding, with its reason." };

    public ReposPreviewCommand(CommandRunner runner)
        : base("preview", "What a scan would propose. Writes nothing.")
    {
        Arguments.Add(_repository);
        Options.Add(_explain);
        runner.Handle(this, RunAsync);
    }

    /// <summary>A dry run of a registered repository, or of a path that need not be.</summary>
    public static async Task<ScanPreviewDto> PreviewAsync(Invocation invocation, ManagerApiClient api, string repository, bool explain, CancellationToken ct)
    {
        var known = await api.TryFindRepositoryAsync(repository, invocation.WorkingDirectory, ct).ConfigureAwait(false);
        var scan = known is not null
            ? api.PreviewRepositoryAsync(known.Id, explain, ct)
            : api.PreviewPathAsync(new AddRepositoryRequest(RepositoryPlace.Resolve(repository, invocation.WorkingDirectory)), explain, ct);
        return await invocation.WatchAsync(api, known?.Name ?? repository, known?.Id, scan, ct).ConfigureAwait(false);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var preview = await PreviewAsync(invocation, connection.Api, invocation.Get(_repository)!, invocation.Get(_explain), ct).ConfigureAwait(false);
        invocation.Output.Result(preview, () => invocation.Output.Preview(preview));
        return ExitCode.Ok;
    }
}
