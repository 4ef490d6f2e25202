using System.Collections.Concurrent;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs.Outcomes;

/// <summary>What became of the branches put into local repositories: merged by whatever way, deleted, or overtaken by the branch they are to go to.</summary>
public sealed class BranchOutcomes(Store store, DataDirectory data, ILogger<BranchOutcomes> logger)
{
    /// <summary>What the refs of a repository said when a run's branch was looked at last: while they say the same, nothing has come of it.</summary>
    private readonly ConcurrentDictionary<long, string> _seen = [];

    /// <summary>Looks at every result that waits. One that fails is logged and leaves the others alone.</summary>
    public async Task PollAsync(OperationContext operation, CancellationToken ct)
    {
        var waiting = await store.ReadAsync((db, token) => db.Runs
            .Where(r => r.Branch != null && r.ResultCommit != null && r.Id == r.WorkItem!.LatestRunId && r.WorkItem.Repository!.Kind == RepositoryKind.Local && !r.WorkItem.Repository.Removed
                && (r.WorkItem.State == WorkItemState.Review || r.WorkItem.State == WorkItemState.Conflict))
            .Include(r => r.WorkItem!.Repository).ToListAsync(token), ct).ConfigureAwait(false);
        foreach (var run in waiting)
        {
            try
            {
                await HandleAsync(operation, run, ct).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                Log.BranchNotHandled(logger, run.Branch!, run.Id, fault);
            }
        }
    }

    /// <param name="run">With its work item and repository.</param>
    public async Task HandleAsync(OperationContext operation, RunEntity run, CancellationToken ct)
    {
        var repository = run.WorkItem!.Repository!;
        var refs = (await GitCommand.RunAsync(repository.Location, ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/", $"refs/remotes/origin/{repository.DefaultBranch}"], ct).ConfigureAwait(false)).Text;
        if (_seen.TryGetValue(run.Id, out var seen) && seen == refs)
        {
            return;
        }

        var objects = data.ObjectStore(repository.Id);
        var tip = refs.Split('\n').Select(line => line.Split(' ', 2)).Where(f => f is [_, var name] && name == "refs/heads/" + run.Branch).Select(f => f[0]).FirstOrDefault();
        var result = tip ?? run.ResultCommit!;
        if (await Staleness.IsMergedAsync(repository.Location, repository.DefaultBranch!, objects, result, ct).ConfigureAwait(false))
        {
            await MoveAsync(operation, run, WorkItemState.Done, $"Branch {run.Branch} was merged into {repository.DefaultBranch}.", ct).ConfigureAwait(false);
        }
        else if (tip is null && !await IsElsewhereAsync(repository.Location, result, ct).ConfigureAwait(false))
        {
            await MoveAsync(operation, run, WorkItemState.Proposed, $"Branch {run.Branch} was deleted without being merged.", ct).ConfigureAwait(false);
        }
        else
        {
            var merges = await Staleness.MergesCleanlyAsync(repository.Location, repository.DefaultBranch!, objects, run.BaseCommit, result, ct).ConfigureAwait(false);
            await MoveAsync(operation, run, merges ? WorkItemState.Review : WorkItemState.Conflict, merges ? $"Branch {run.Branch} waits for your review." : $"Branch {run.Branch} no longer merges cleanly into {repository.DefaultBranch}.", ct).ConfigureAwait(false);
            _seen[run.Id] = refs;
            return;
        }

        _seen.TryRemove(run.Id, out _);
    }

    /// <summary>Renamed, or merged into another branch: somebody still works with it.</summary>
    private static async Task<bool> IsElsewhereAsync(string repository, string commit, CancellationToken ct)
        => (await GitCommand.TryAsync(repository, ["for-each-ref", "--count=1", "--contains", commit, "refs/heads/"], ct).ConfigureAwait(false)) is { ExitCode: 0, Text.Length: > 0 };

    private Task MoveAsync(OperationContext operation, RunEntity run, WorkItemState to, string why, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            var item = await tx.Db.WorkItems.AsTracking().SingleAsync(w => w.Id == run.WorkItemId, token).ConfigureAwait(false);
            if (item.LatestRunId == run.Id && item.State is WorkItemState.Review or WorkItemState.Conflict && item.State != to)
            {
                WorkItemStateMachine.Move(tx, item, to, why, to is WorkItemState.Done or WorkItemState.Proposed ? AuditSeverity.Medium : AuditSeverity.Low);
            }
        }, ct);
}
