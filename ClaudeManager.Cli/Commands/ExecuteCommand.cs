using System.CommandLine;
using ClaudeManager.Cli.Commands.Runs;
using ClaudeManager.Cli.Commands.Tasks;
using ClaudeManager.Core.Agents.Mention;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands;

internal sealed class ExecuteCommand : Command
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    // What no waiting opens: somebody has to act.
    private static readonly string[] s_closedUntilSomebodyActs = ["approval", "staleness", "agent", "quarantine"];

    private readonly Option<long?> _id = new("--task-id", "-t") { Description = "The work item's number." };
    private readonly Option<int?> _issue = new("--issue", "-i") { Description = "Or the number of its issue on GitHub, which needs the label approved-for-dev; default: ISSUE_NUMBER of the environment." };
    private readonly Option<string?> _repository = new("--repo", "-r") { Description = "With --issue: owner/name of the repository the issue is in; default: github.managerRepo." };
    private readonly Option<string?> _agent = new("--agent", "-a") { Description = "With --approve or --dry-run: claude-code, claude-flow, mention or command:NAME; default: as configured." };
    private readonly Option<bool> _approve = new("--approve") { Description = "Approve it first, if that has not been done." };
    private readonly Option<bool> _yes = new("--yes", "-y") { Description = "With --approve: do not ask." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Print what an agent would be sent; start nothing." };

    public ExecuteCommand(CommandRunner runner)
        : base("execute", "Run an agent on an approved work item and wait for the end. Exit code 0: a verified result is there.")
    {
        Options.Add(_id);
        Options.Add(_issue);
        Options.Add(_repository);
        Options.Add(_agent);
        Options.Add(_approve);
        Options.Add(_yes);
        Options.Add(_dryRun);
        Validators.Add(result =>
        {
            if (result.GetValue(_id) is not null && result.GetValue(_issue) is not null)
            {
                result.AddError("--task-id and --issue exclude each other.");
            }
            else if (result.GetValue(_id) is null && (result.GetValue(_dryRun) || result.GetValue(_approve)))
            {
                result.AddError("--dry-run and --approve go with --task-id: an issue is approved by its label.");
            }
        });
        runner.Handle(this, RunAsync);
    }

    private async Task<int> RunAsync(Invocation invocation, CancellationToken ct)
    {
        if (invocation.Get(_id) is not { } id)
        {
            return await RunIssueAsync(invocation, ct).ConfigureAwait(false);
        }

        if (invocation.Get(_dryRun))
        {
            await using var reading = await invocation.ConnectAsync(ct).ConfigureAwait(false);
            var preview = await reading.Api.PreviewApprovalAsync(id, invocation.Get(_agent), ct).ConfigureAwait(false);
            invocation.Output.Result(preview, () => invocation.Output.ApprovalPreview(preview, new TasksApproveCommand.Choice(invocation.Get(_agent))));
            return ExitCode.Ok;
        }

        await using var connection = await invocation.ConnectAsync(ct, withRuns: true).ConfigureAwait(false);
        var item = (await connection.Api.GetWorkItemAsync(id, ct).ConfigureAwait(false)).Item;
        if (item.State == WorkItemState.Proposed && invocation.Get(_approve))
        {
            if (await TasksApproveCommand.ApproveAsync(connection.Api, invocation, id, new TasksApproveCommand.Choice(invocation.Get(_agent)), invocation.Get(_yes), ct).ConfigureAwait(false) is null)
            {
                return ExitCode.Denied;
            }
        }
        else if (!IsUnderWay(item.State))
        {
            throw new CommandFailedException(ExitCode.Denied, $"Work item {id} is {ManagerJson.Name(item.State)}, not approved. Approve it: claude-manager tasks approve {id}, or add --approve.");
        }

        return await FollowAsync(connection.Api, id, invocation, ct).ConfigureAwait(false);
    }

    /// <summary>What a job on GitHub starts for an issue: without a server and with an empty data directory, everything that is known is in the issue.</summary>
    private async Task<int> RunIssueAsync(Invocation invocation, CancellationToken ct)
    {
        var startup = invocation.LoadStartup();
        var manager = startup.Configuration.GitHub.ManagerRepo;
        var (repository, number) = invocation.Get(_issue) is { } given ? (invocation.Get(_repository) ?? manager, given)
            : startup.Issue is { } named ? (named.Repository, named.Number)
            : throw new CommandFailedException(ExitCode.Usage, "Say what to run: --task-id ID, or --issue NUMBER (or ISSUE_NUMBER and REPOSITORY_NAME in the environment).");
        if (repository is null)
        {
            throw new CommandFailedException(ExitCode.Usage, "Say which repository the issue is in: --repo owner/name, REPOSITORY_NAME, or github.managerRepo.");
        }

        var overrides = manager is null ? new Dictionary<string, string> { ["github.managerRepo"] = repository, ["github.username"] = startup.Configuration.GitHub.Username ?? repository.Split('/')[0] } : null;
        await using var connection = await invocation.ConnectAsync(ct, withRuns: true, overrides: overrides).ConfigureAwait(false);
        var before = connection.IsOwn ? await connection.Api.GetOutboxAsync(ct).ConfigureAwait(false) : null;
        var item = (await connection.Api.TakeIssueAsync(new TakeIssueRequest(repository, number), ct).ConfigureAwait(false)).Item;
        var code = IsUnderWay(item.State) ? await FollowAsync(connection.Api, item.Id, invocation, ct).ConfigureAwait(false) : ExitCode.Denied;
        var written = before is null ? ExitCode.Ok : await ScanCommand.DrainAsync(connection.Api, before.Failed, invocation, ct).ConfigureAwait(false);
        return code switch
        {
            ExitCode.Denied => throw new CommandFailedException(ExitCode.Denied, $"{repository}#{number} is not approved. {item.StateReason ?? "Somebody with write access has to set the label approved-for-dev."}"),
            ExitCode.Ok => written,
            _ => code,
        };
    }

    private static async Task<int> FollowAsync(ManagerApiClient api, long id, Invocation invocation, CancellationToken ct)
    {
        long? runId = null;
        RunTranscript? transcript = null;
        string? waitsFor = null;
        while (true)
        {
            var detail = await api.GetWorkItemAsync(id, ct).ConfigureAwait(false);
            if (detail.Item.LatestRunId != runId && detail.Item.LatestRunId is { } started)
            {
                runId = started;
                transcript = new RunTranscript(api, started);
                invocation.Output.Say($"Run {started}");
            }

            if (transcript is not null)
            {
                await foreach (var item in transcript.ReadNewAsync(ct).ConfigureAwait(false))
                {
                    invocation.Output.Say(invocation.Output.EventText(item));
                }
            }

            if (!IsUnderWay(detail.Item.State))
            {
                return await EndAsync(api, detail.Item, runId, invocation, ct).ConfigureAwait(false);
            }

            if (detail.Item.State != WorkItemState.Running && detail.Gates.FirstOrDefault(gate => !gate.Open) is { } closed)
            {
                if (s_closedUntilSomebodyActs.Contains(closed.Name))
                {
                    throw new CommandFailedException(ExitCode.TryLater, $"It cannot run: {closed.Why} {closed.Fix}");
                }

                if (closed.Why != waitsFor)
                {
                    invocation.Output.Say($"Waiting: {closed.Why}");
                    waitsFor = closed.Why;
                }
            }

            await Task.Delay(s_pause, invocation.Time, ct).ConfigureAwait(false);
        }
    }

    private static async Task<int> EndAsync(ManagerApiClient api, WorkItemDto item, long? runId, Invocation invocation, CancellationToken ct)
    {
        if (runId is not { } id)
        {
            throw new CommandFailedException(ExitCode.Failed, $"Work item {item.Id} became {ManagerJson.Name(item.State)} without a run.");
        }

        var run = await api.GetRunAsync(id, ct).ConfigureAwait(false);
        invocation.Output.Result(run, () => invocation.Output.Detail(run));
        // Whom a job has asked answers without it.
        return run.Run is { EndReason: RunEndReason.Completed } or { State: RunState.Parked, Agent: MentionRunner.Name } ? ExitCode.Ok : ExitCode.Failed;
    }

    private static bool IsUnderWay(WorkItemState state) => state is WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Running;
}
