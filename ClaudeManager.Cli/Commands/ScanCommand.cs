using System.CommandLine;
using ClaudeManager.Cli.Commands.Repos;
using ClaudeManager.Cli.Connection;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Repositories;

namespace ClaudeManager.Cli.Commands;

internal sealed class ScanCommand : Command
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly Option<string[]> _repositories = new("--repo", "-r") { Description = "Name, id, path or owner/name (repeatable); default: all registered and configured ones, or the one you are in when there are none.", DefaultValueFactory = _ => [] };
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
        var named = invocation.Get(_repositories) ?? [];
        // A job without a server has nobody who could accept a first scan; --dry-run is there for looking first.
        var overrides = named.Length == 0 ? new Dictionary<string, string> { ["analyzer.firstScan"] = "propose" } : null;
        await using var connection = await invocation.ConnectAsync(ct, withEffects: !invocation.Get(_dryRun), overrides: overrides).ConfigureAwait(false);
        if (invocation.Get(_dryRun))
        {
            return await PreviewAsync(connection.Api, await NamedAsync(connection.Api, named, invocation, ct).ConfigureAwait(false), invocation, ct).ConfigureAwait(false);
        }

        var before = connection.IsOwn ? await connection.Api.GetOutboxAsync(ct).ConfigureAwait(false) : null;
        var code = await ScanAsync(connection.Api, named, invocation, ct).ConfigureAwait(false);
        var written = before is null ? ExitCode.Ok : await DrainAsync(connection.Api, before.Failed, invocation, ct).ConfigureAwait(false);
        return code == ExitCode.Ok ? written : code;
    }

    /// <summary>What is meant when nothing is named: all that is registered or configured, else where the person is.</summary>
    private static async Task<string[]> NamedAsync(ManagerApiClient api, string[] named, Invocation invocation, CancellationToken ct)
    {
        if (named.Length > 0)
        {
            return named;
        }

        string[] all =
        [
            .. (await api.ListAllRepositoriesAsync(ct).ConfigureAwait(false)).Select(repository => repository.Location)
                .Union(invocation.LoadStartup().Configuration.GitHub.ReposToScan, StringComparer.OrdinalIgnoreCase),
        ];
        return all.Length > 0 ? all : [invocation.WorkingDirectory];
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
        var full = invocation.Get(_full);
        var results = named.Length > 0 ? [] : (await api.ScanAllRepositoriesAsync(full, propose, ct).ConfigureAwait(false)).ToList();
        var failed = ExitCode.Ok;
        if (results.Count == 0)
        {
            failed = await ForEachAsync(named.Length > 0 ? named : [invocation.WorkingDirectory], invocation, async name =>
            {
                var repository = await api.TryFindRepositoryAsync(name, invocation.WorkingDirectory, ct).ConfigureAwait(false)
                    ?? await api.AddRepositoryAsync(new AddRepositoryRequest(RepositoryPlace.Resolve(name, invocation.WorkingDirectory)), ct).ConfigureAwait(false);
                results.Add(await invocation.WatchAsync(api, repository.Name, repository.Id, api.ScanRepositoryAsync(repository.Id, full, propose, ct), ct).ConfigureAwait(false));
            }).ConfigureAwait(false);
        }

        invocation.Output.Result(results, () => results.ForEach(invocation.Output.Scanned));
        return results.Exists(result => result.Error is not null) ? ExitCode.Failed : failed;
    }

    /// <summary>Without a server it is this process that writes to GitHub: it ends when all is there, or when the rest cannot be for now.</summary>
    internal static async Task<int> DrainAsync(ManagerApiClient api, int failedBefore, Invocation invocation, CancellationToken ct)
    {
        string? said = null;
        while (true)
        {
            var outbox = await api.GetOutboxAsync(ct).ConfigureAwait(false);
            if (outbox.Pending == 0)
            {
                return outbox.Failed > failedBefore
                    ? throw new CommandFailedException(ExitCode.Failed, $"GitHub did not take {outbox.Failed - failedBefore} of the changes; the work items say why.")
                    : ExitCode.Ok;
            }

            if (outbox.Waiting == outbox.Pending)
            {
                throw new CommandFailedException(ExitCode.TryLater, $"{outbox.Pending} changes are not on GitHub yet and cannot be before {invocation.Output.Time(outbox.NextAttemptAt)}: {outbox.Problem} The next command that writes goes on with them.");
            }

            var end = invocation.Output.Time(outbox.ExpectedAllThereAt);
            if (end != said)
            {
                invocation.Output.Say($"Writing to GitHub: {outbox.Pending} left, all there by {end}.");
                said = end;
            }

            await Task.Delay(s_pause, invocation.Time, ct).ConfigureAwait(false);
        }
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
