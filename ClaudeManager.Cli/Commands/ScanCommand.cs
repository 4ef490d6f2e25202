using System.CommandLine;
using ClaudeManager.Cli.Commands.Repos;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands;

internal sealed class ScanCommand : Command
{
    private readonly Option<string[]> _repositories = new("--repo", "-r") { Description = "Name, id or path (repeatable); default: all registered ones, or the one you are in when there are none.", DefaultValueFactory = _ => [] };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Show what would be proposed; write nothing. Works on any path." };
    private readonly Option<bool> _explain = new("--explain") { Description = "With --dry-run: also every marker hit that is no finding, with its reason." };
    private readonly Option<bool> _full = new("--full") { Description = "Read every file again, not only what changed." };
    private readonly Option<bool> _propose = new("--propose") { Description = "Propose what is found, also on a first scan." };
    private readonly Option<bool> _noPropose = new("--no-propose") { Description = "Record what is found; propose nothing." };

    public ScanCommand(CommandRunner runner)
        : base("scan", "Scan repositories for work now.")
    {
        Options.Add(_repositories);
        Options.Add(_dryRun);
        Options.Add(_explain);
        Options.Add(_full);
        Options.Add(_propose);
        Options.Add(_noPropose);
        Validators.Add(result =>
        {
            if (result.GetValue(_propose) && result.GetValue(_noPropose))
            {
                result.AddError("--propose and --no-propose exclude each other.");
            }
            else if (result.GetValue(_explain) && !result.GetValue(_dryRun))
            {
                result.AddError("--explain goes with --dry-run.");
            }
        });
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        await using var connection = await invocation.ConnectAsync(ct).ConfigureAwait(false);
        var api = connection.Api;
        string[] named = invocation.Get(_repositories) is { Length: > 0 } given
            ? given
            : [.. (await api.ListAllRepositoriesAsync(ct).ConfigureAwait(false)).Select(repository => repository.Location)];
        if (named.Length == 0)
        {
            named = [invocation.WorkingDirectory];
        }

        return invocation.Get(_dryRun)
            ? await PreviewAsync(api, named, invocation, ct).ConfigureAwait(false)
            : await ScanAsync(api, named, invocation, ct).ConfigureAwait(false);
    }

    private async Task<int> PreviewAsync(ManagerApiClient api, string[] named, Invocation invocation, CancellationToken ct)
    {
        var previews = new List<ScanPreviewDto>();
        var failed = await ForEachAsync(named, invocation, async name =>
        {
            var preview = await ReposPreviewCommand.PreviewAsync(invocation, api, name, invocation.Get(_explain), ct).ConfigureAwait(false);
            previews.Add(preview);
        }).ConfigureAwait(false);
        invocation.Output.Result(previews, () => previews.ForEach(invocation.Output.Preview));
        return failed;
    }

    private async Task<int> ScanAsync(ManagerApiClient api, string[] named, Invocation invocation, CancellationToken ct)
    {
        bool? propose = invocation.Get(_propose) ? true : invocation.Get(_noPropose) ? false : null;
        var results = new List<ScanResultDto>();
        var failed = await ForEachAsync(named, invocation, async name =>
        {
            var repository = await api.TryFindRepositoryAsync(name, invocation.WorkingDirectory, ct).ConfigureAwait(false)
                ?? await api.AddRepositoryAsync(new AddRepositoryRequest(Path.GetFullPath(name, invocation.WorkingDirectory)), ct).ConfigureAwait(false);
            var scan = api.ScanRepositoryAsync(repository.Id, invocation.Get(_full), propose, ct);
            results.Add(await invocation.WatchAsync(api, repository.Name, repository.Id, scan, ct).ConfigureAwait(false));
        }).ConfigureAwait(false);
        invocation.Output.Result(results, () => results.ForEach(invocation.Output.Scanned));
        return results.Exists(result => result.Error is not null) ? ExitCode.Failed : failed;
    }

    /// <summary>One repository that fails says so and leaves the rest alone.</summary>
    private static async Task<int> ForEachAsync(string[] named, Invocation invocation, Func<string, Task> body)
    {
        var code = ExitCode.Ok;
        foreach (var name in named)
        {
            try
            {
                await body(name).ConfigureAwait(false);
            }
            catch (ManagerApiException fault) when (named.Length > 1)
            {
                invocation.Output.Problem($"{name}:");
                Failure.Report(fault, invocation);
                code = ExitCode.Failed;
            }
        }

        return code;
    }
}
