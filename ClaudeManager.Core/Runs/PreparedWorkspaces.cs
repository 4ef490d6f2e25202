using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs;

/// <summary>
/// Keeps a workspace ready for the repositories whose next run is likeliest: those with work to approve or waiting, the one that ran last first, as many as fit into
/// <c>executor.preparedWorkspacesMb</c>. Made at the scanned commit, because that is what an approval binds.
/// </summary>
public sealed class PreparedWorkspaces(Store store, WorkspaceStore workspaces, CurrentConfiguration configuration, ILogger<PreparedWorkspaces> logger)
{
    private const int MostRepositories = 16;

    private readonly Dictionary<long, string> _failed = [];

    /// <summary>One round: makes what is missing and removes what nobody waits for.</summary>
    public async Task RefreshAsync(CancellationToken ct)
    {
        var left = configuration.Value.Executor.PreparedWorkspacesMb * 1024L * 1024;
        var wanted = new List<Candidate>();
        foreach (var candidate in left == 0 ? [] : await CandidatesAsync(ct).ConfigureAwait(false))
        {
            if (await TryAsync(candidate, SizeAsync, ct).ConfigureAwait(false) is { } size && size <= left)
            {
                left -= size;
                wanted.Add(candidate);
            }
        }

        await workspaces.KeepPreparedAsync(wanted.Select(w => w.RepositoryId).ToHashSet(), ct).ConfigureAwait(false);
        foreach (var candidate in wanted.Where(w => !w.Busy))
        {
            await TryAsync(candidate, PrepareAsync, ct).ConfigureAwait(false);
        }
    }

    private Task<List<Candidate>> CandidatesAsync(CancellationToken ct)
        => store.ReadAsync((db, token) => db.Repositories
            .Where(r => !r.Removed && r.Accepted && r.Kind == RepositoryKind.Local && r.ScannedCommit != null
                && db.WorkItems.Any(w => w.RepositoryId == r.Id && (w.State == WorkItemState.Proposed || w.State == WorkItemState.Approved || w.State == WorkItemState.Queued)))
            .OrderByDescending(r => db.Runs.Where(x => x.RepositoryId == r.Id).Max(x => (long?)x.Id) ?? 0).ThenBy(r => r.Id)
            .Take(MostRepositories)
            .Select(r => new Candidate(r.Id, r.Location, r.ScannedCommit!, db.Runs.Any(x => x.RepositoryId == r.Id && x.State == RunState.Preparing)))
            .ToListAsync(token), ct);

    private async Task<long?> SizeAsync(Candidate candidate, CancellationToken ct)
        => await workspaces.SizeAsync(candidate.RepositoryId, candidate.Location, candidate.Commit, ct).ConfigureAwait(false);

    private async Task<long?> PrepareAsync(Candidate candidate, CancellationToken ct)
    {
        await workspaces.PrepareAheadAsync(candidate.RepositoryId, candidate.Location, candidate.Commit, ct).ConfigureAwait(false);
        return null;
    }

    /// <summary>A repository that cannot be prepared for is left alone until it moves on: its run will say what is wrong.</summary>
    private async Task<long?> TryAsync(Candidate candidate, Func<Candidate, CancellationToken, Task<long?>> step, CancellationToken ct)
    {
        if (_failed.GetValueOrDefault(candidate.RepositoryId) == candidate.Commit)
        {
            return null;
        }

        try
        {
            return await step(candidate, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _failed[candidate.RepositoryId] = candidate.Commit;
            Log.WorkspaceNotPrepared(logger, candidate.RepositoryId, e);
            return null;
        }
    }

    /// <param name="Busy">A run is being prepared: it needs the disk now.</param>
    private sealed record Candidate(long RepositoryId, string Location, string Commit, bool Busy);
}
