using System.Globalization;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Scanning;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Repositories;

/// <summary>The repositories an operator has given into care.</summary>
public sealed class RepositoryRegistry(Store store, ScanService scans, RepositorySource source, GitHubMirrors mirrors, CurrentConfiguration configuration, DataDirectory data, ILogger<RepositoryRegistry> logger)
{
    private static readonly WorkItemState[] s_decided = [WorkItemState.Done, WorkItemState.Rejected, WorkItemState.Closed];

    /// <summary>Registers a repository and asks for its first scan. One that is there already is returned, one that was removed comes back with its history.</summary>
    public async Task<Outcome<RepositoryDto>> AddAsync(OperationContext operation, AddRepositoryRequest request, CancellationToken ct)
    {
        var accepted = request.Propose || configuration.Value.Analyzer.FirstScan == "propose";
        if (RepositoryPlace.IsOnGitHub(request.Path, out var name))
        {
            return await AddAsync(operation, name, request.Branch, accepted, ct).ConfigureAwait(false);
        }

        var opened = await LocalRepository.OpenAsync(request.Path, request.Branch, ct).ConfigureAwait(false);
        return opened.Value is { } local
            ? await RegisterAsync(operation, Place.Of(local), request.Branch, accepted, isSample: false, ct).ConfigureAwait(false)
            : opened.Refusal!;
    }

    /// <summary>Makes and registers the sample repository, or returns the one there is. Its findings are proposed at once: trying it out is what it is for.</summary>
    public async Task<Outcome<RepositoryDto>> AddSampleAsync(OperationContext operation, CancellationToken ct)
    {
        await SampleRepository.CreateAsync(data.SampleRepository, ct).ConfigureAwait(false);
        var opened = await LocalRepository.OpenAsync(data.SampleRepository, branch: null, ct).ConfigureAwait(false);
        return opened.Value is { } local
            ? await RegisterAsync(operation, Place.Of(local), branch: null, accepted: true, isSample: true, ct).ConfigureAwait(false)
            : opened.Refusal!;
    }

    /// <summary>
    /// Registers what <c>github.reposToScan</c> names and nobody has registered or removed yet. GitHub is not asked: a repository that is not there says so by its first scan, and keeps no other from
    /// being registered.
    /// </summary>
    public async Task RegisterConfiguredAsync(OperationContext operation, CancellationToken ct)
    {
        var current = configuration.Value;
        var named = current.GitHub.ReposToScan;
        var known = named.Count == 0 ? [] : await store.ReadAsync((db, token) => db.Repositories.Select(r => r.Location).ToListAsync(token), ct).ConfigureAwait(false);
        foreach (var text in named)
        {
            Place place;
            if (RepositoryPlace.IsOnGitHub(text, out var name))
            {
                place = new Place(RepositoryKind.GitHub, name.ToString(), name.ToString(), null, null);
            }
            else if (await LocalRepository.OpenAsync(RepositoryPlace.AtHome(text), branch: null, ct).ConfigureAwait(false) is { Value: { } local })
            {
                place = Place.Of(local);
            }
            else
            {
                Log.NotRegistered(logger, text);
                continue;
            }

            // Names on GitHub are the same whatever their case.
            if (!known.Contains(place.Location, place.Kind == RepositoryKind.GitHub ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal))
            {
                await RegisterAsync(operation, place, branch: null, current.Analyzer.FirstScan == "propose", isSample: false, ct).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Registers what the configuration names and scans every repository in one round. One that fails says so in its own result.</summary>
    public async Task<IReadOnlyList<ScanResultDto>> ScanAllAsync(OperationContext operation, bool full, bool? propose, CancellationToken ct)
    {
        await RegisterConfiguredAsync(operation, ct).ConfigureAwait(false);
        var ids = await store.ReadAsync((db, token) => db.Repositories.Where(r => !r.Removed).OrderBy(r => r.Name).ThenBy(r => r.Id).Select(r => r.Id).ToListAsync(token), ct).ConfigureAwait(false);
        using var round = await scans.BeginRoundAsync(ids, ct).ConfigureAwait(false);
        var results = new ScanResultDto?[ids.Count];
        await Parallel.ForAsync(0, ids.Count, new ParallelOptions { MaxDegreeOfParallelism = configuration.Value.Analyzer.MaxConcurrentScans, CancellationToken = ct }, async (i, token) =>
        {
            // Null: removed meanwhile.
            results[i] = (await scans.ScanAsync(operation, ids[i], full, propose, token, round).ConfigureAwait(false)).Value;
        }).ConfigureAwait(false);
        return [.. results.OfType<ScanResultDto>()];
    }

    public Task<Page<RepositoryDto>> ListAsync(int skip, int take, CancellationToken ct)
        => store.ReadSnapshotAsync(async (db, token) =>
        {
            var query = db.Repositories.Where(r => !r.Removed);
            var page = await query.OrderBy(r => r.Name).ThenBy(r => r.Id).Skip(skip).Take(take).ToListAsync(token).ConfigureAwait(false);
            return new Page<RepositoryDto>(await ToDtosAsync(db, store.Time, page, token).ConfigureAwait(false), await query.CountAsync(token).ConfigureAwait(false));
        }, ct);

    public Task<Outcome<RepositoryDto>> GetAsync(long id, CancellationToken ct)
        => store.ReadAsync<Outcome<RepositoryDto>>(async (db, token) => await FindAsync(db, id, token).ConfigureAwait(false) is { } repository
            ? (await ToDtosAsync(db, store.Time, [repository], token).ConfigureAwait(false))[0]
            : Refusal.NotFound("repository", id), ct);

    /// <summary>Takes a repository out of care. What is known of it is kept, hidden, for the day it is added again.</summary>
    /// <returns>Null when done.</returns>
    public async Task<Refusal?> RemoveAsync(OperationContext operation, long id, CancellationToken ct)
    {
        long? mirror = null;
        var refused = await store.WriteAsync<Refusal?>(operation, async (tx, token) =>
        {
            if (await FindAsync(tx.Db, id, token).ConfigureAwait(false) is not { } repository)
            {
                return Refusal.NotFound("repository", id);
            }

            var unfinished = await tx.Db.Runs.CountAsync(r => r.WorkItem!.RepositoryId == id && r.State != RunState.Ended, token).ConfigureAwait(false);
            if (unfinished > 0)
            {
                return Refusal.Conflict(ErrorCodes.RepositoryBusy, FormattableString.Invariant($"'{repository.Name}' has {unfinished} unfinished run(s)."), "Cancel them first, or wait until they have ended.");
            }

            repository.Removed = true;
            mirror = repository.GitHubId;
            Changed(tx, repository, "repository.removed");
            return null;
        }, ct).ConfigureAwait(false);
        if (refused is null && mirror is { } gitHubId)
        {
            await mirrors.RemoveAsync(gitHubId, ct).ConfigureAwait(false);
        }

        return refused;
    }

    /// <summary>Gives back the disk that dry runs of repositories took which nobody added.</summary>
    public async Task ForgetPreviewsAsync(CancellationToken ct)
        => await mirrors.RemoveAbandonedAsync(await store.ReadAsync((db, token) => db.Repositories.Where(r => !r.Removed && r.GitHubId != null).Select(r => r.GitHubId!.Value).ToHashSetAsync(token), ct).ConfigureAwait(false), ct).ConfigureAwait(false);

    /// <summary>Ends the first scan's dry run: what it found is proposed, now and by every later scan.</summary>
    public async Task<Outcome<ScanResultDto>> AcceptAsync(OperationContext operation, long id, CancellationToken ct)
    {
        var refusal = await store.WriteAsync<Refusal?>(operation, async (tx, token) =>
        {
            if (await FindAsync(tx.Db, id, token).ConfigureAwait(false) is not { } repository)
            {
                return Refusal.NotFound("repository", id);
            }

            if (!repository.Accepted)
            {
                repository.Accepted = true;
                Changed(tx, repository, "repository.accepted");
            }

            return null;
        }, ct).ConfigureAwait(false);
        return refusal is null ? await scans.ScanAsync(operation, id, full: false, propose: true, ct).ConfigureAwait(false) : refusal;
    }

    /// <summary>Leaves word for the scan loop.</summary>
    public Task<Outcome<RepositoryDto>> RequestScanAsync(OperationContext operation, long id, CancellationToken ct)
        => store.WriteAsync<Outcome<RepositoryDto>>(operation, async (tx, token) =>
        {
            if (await FindAsync(tx.Db, id, token).ConfigureAwait(false) is not { } repository)
            {
                return Refusal.NotFound("repository", id);
            }

            repository.ScanRequestedAt = tx.Now;
            Changed(tx, repository, "repository.scan_requested");
            return (await ToDtosAsync(tx.Db, store.Time, [repository], token).ConfigureAwait(false))[0];
        }, ct);

    private async Task<Outcome<RepositoryDto>> AddAsync(OperationContext operation, RepositoryName name, string? branch, bool accepted, CancellationToken ct)
    {
        if (configuration.Value.GitHub.ManagerRepo is null)
        {
            return new Refusal(RefusalKind.Invalid, ErrorCodes.NoManagerRepository, $"There is no repository in which the proposals for {name} could be filed.", "Set github.managerRepo to the owner/name of one, and github.username to whose it is.", "path");
        }

        var state = await source.FindStateAsync(name, null, ct).ConfigureAwait(false);
        return state.Value is { } found
            ? await RegisterAsync(operation, new Place(RepositoryKind.GitHub, found.Name.ToString(), found.Name.ToString(), found.DefaultBranch, found.Id), branch, accepted, isSample: false, ct).ConfigureAwait(false)
            : state.Refusal!;
    }

    private async Task<RepositoryDto> RegisterAsync(OperationContext operation, Place place, string? branch, bool accepted, bool isSample, CancellationToken ct)
    {
        try
        {
            return await RegisterOnceAsync(operation, place, branch, accepted, isSample, ct).ConfigureAwait(false);
        }
        catch (DbUpdateException)
        {
            // Another process registered or changed the same repository in between: now it is there to be seen.
            return await RegisterOnceAsync(operation, place, branch, accepted, isSample, ct).ConfigureAwait(false);
        }
    }

    private Task<RepositoryDto> RegisterOnceAsync(OperationContext operation, Place place, string? branch, bool accepted, bool isSample, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            // By GitHub's number first: a repository that was renamed is the same.
            var repository = await tx.Db.Repositories.Where(r => r.Kind == place.Kind && ((place.GitHubId != null && r.GitHubId == place.GitHubId) || (r.Location == place.Location && (place.GitHubId == null || r.GitHubId == null))))
                .OrderBy(r => r.Removed).ThenBy(r => r.Id).FirstOrDefaultAsync(token).ConfigureAwait(false);
            if (repository is null)
            {
                repository = new RepositoryEntity
                {
                    Name = place.Name,
                    Kind = place.Kind,
                    Location = place.Location,
                    GitHubId = place.GitHubId,
                    BranchOverride = branch,
                    DefaultBranch = place.Branch,
                    IsSample = isSample,
                    Accepted = accepted,
                    ScanRequestedAt = tx.Now,
                    CreatedAt = tx.Now,
                    UpdatedAt = tx.Now,
                };
                tx.Db.Repositories.Add(repository);
                await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
                Changed(tx, repository, "repository.added");
            }
            else if (repository.Removed || (accepted && !repository.Accepted) || (branch is not null && branch != repository.BranchOverride))
            {
                var action = repository.Removed ? "repository.added" : "repository.changed";
                repository.Removed = false;
                repository.Accepted |= accepted;
                repository.BranchOverride = branch ?? repository.BranchOverride;
                repository.ScanRequestedAt = tx.Now;
                Changed(tx, repository, action);
            }

            return (await ToDtosAsync(tx.Db, store.Time, [repository], token).ConfigureAwait(false))[0];
        }, ct);

    private static Task<RepositoryEntity?> FindAsync(ManagerDbContext db, long id, CancellationToken ct) => db.Repositories.FirstOrDefaultAsync(r => r.Id == id && !r.Removed, ct);

    private static void Changed(StoreTransaction tx, RepositoryEntity repository, string action)
    {
        repository.Version++;
        repository.UpdatedAt = tx.Now;
        tx.Audit(new AuditRecord("repository", action, "repository", repository.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["name"] = repository.Name, ["location"] = repository.Location }));
        tx.Publish("repository.changed", "repository", repository.Id, ManagerJson.Name(repository.ScanState), repository.Name);
    }

    private static async Task<IReadOnlyList<RepositoryDto>> ToDtosAsync(ManagerDbContext db, TimeProvider time, IReadOnlyList<RepositoryEntity> repositories, CancellationToken ct)
    {
        var ids = repositories.Select(r => r.Id).ToList();
        var findings = await db.Findings.Where(f => ids.Contains(f.RepositoryId) && !f.Gone)
            .GroupBy(f => new { f.RepositoryId, f.Marker })
            .Select(g => new { g.Key.RepositoryId, g.Key.Marker, Count = g.Count() })
            .ToListAsync(ct).ConfigureAwait(false);
        var items = await db.WorkItems.Where(w => ids.Contains(w.RepositoryId) && !s_decided.Contains(w.State))
            .GroupBy(w => w.RepositoryId)
            .Select(g => new { RepositoryId = g.Key, Count = g.Count() })
            .ToDictionaryAsync(g => g.RepositoryId, g => g.Count, ct).ConfigureAwait(false);
        var running = await RunningScan.ListAsync(db, time, ct).ConfigureAwait(false);
        return [.. repositories.Select(r => new RepositoryDto(
            r.Id,
            r.Name,
            r.Kind,
            r.Location,
            r.DefaultBranch,
            // A process that died in a scan has left its mark, but scans no more.
            r.ScanState is RepositoryScanState.Scanning && !running.ContainsKey(r.Id) ? r.ScanStateAtRest() : r.ScanState,
            r.ScannedCommit,
            r.LastScanAt,
            r.LastScanSeconds,
            r.LastScanFilesRead,
            r.LastScanError,
            r.IsSample,
            r.Accepted,
            findings.Where(f => f.RepositoryId == r.Id).ToDictionary(f => f.Marker, f => f.Count),
            items.GetValueOrDefault(r.Id),
            r.CreatedAt,
            running.GetValueOrDefault(r.Id)))];
    }

    /// <param name="GitHubId">GitHub's number of it, when GitHub was asked.</param>
    private sealed record Place(RepositoryKind Kind, string Name, string Location, string? Branch, long? GitHubId)
    {
        public static Place Of(LocalRepository local) => new(RepositoryKind.Local, local.Name, local.Path, local.Branch, null);
    }
}
