using System.Collections.Concurrent;
using System.Globalization;
using System.Linq.Expressions;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Telemetry;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Scanning;

/// <summary>Scans repositories: as a dry run that writes nothing, or for good, with findings, proposals and the repository's state in one transaction.</summary>
public sealed class ScanService(Store store, RepositorySource source, GitHubGateway gateway, CurrentConfiguration configuration, IEnumerable<IScanner> scanners, ILogger<ScanService> logger)
{
    /// <summary>GitHub's clock and ours may differ, and a round may have begun before another one ended.</summary>
    private static readonly TimeSpan s_overlap = TimeSpan.FromDays(1);

    private static readonly IReadOnlyDictionary<Marker, GitHubIssue> s_nothing = new Dictionary<Marker, GitHubIssue>();

    private readonly ConcurrentDictionary<long, SemaphoreSlim> _oneAtATime = [];
    private readonly Dictionary<string, IScanner> _byKey = scanners.ToDictionary(s => s.Key);

    /// <summary>What a scan of a repository would find and propose. Writes nothing; the repository need not be registered.</summary>
    /// <param name="place">A path, or <c>owner/name</c> on GitHub.</param>
    /// <param name="explain">Also name the reason of every marker hit that is no finding; reads files that are otherwise left out.</param>
    public Task<Outcome<ScanPreviewDto>> PreviewAsync(string place, string? branch, bool explain, CancellationToken ct)
        => WithinTimeAsync(async token =>
        {
            if (!RepositoryPlace.IsOnGitHub(place, out var name))
            {
                var local = await LocalRepository.OpenAsync(place, branch, token).ConfigureAwait(false);
                return local.Value is { } opened
                    ? await PreviewAsync(await FindAsync(r => r.Kind == RepositoryKind.Local && r.Location == opened.Path, token).ConfigureAwait(false), opened, null, explain, token).ConfigureAwait(false)
                    : local.Refusal!;
            }

            var state = await source.FindStateAsync(name, null, token).ConfigureAwait(false);
            return state.Value is { } found
                ? await PreviewAsync(await FindAsync(r => r.GitHubId == found.Id, token).ConfigureAwait(false), found, branch, explain, token).ConfigureAwait(false)
                : state.Refusal!;
        }, ct);

    /// <summary>Dry run of a registered repository, on the branch it is scanned on.</summary>
    public Task<Outcome<ScanPreviewDto>> PreviewAsync(long repositoryId, bool explain, CancellationToken ct)
        => WithinTimeAsync(async token =>
        {
            if (await FindAsync(r => r.Id == repositoryId, token).ConfigureAwait(false) is not { } repository)
            {
                return Refusal.NotFound("repository", repositoryId);
            }

            if (repository.Kind == RepositoryKind.GitHub)
            {
                var state = await source.FindStateAsync(RepositoryName.Parse(repository.Location), repository.GitHubId, token).ConfigureAwait(false);
                return state.Value is { } found ? await PreviewAsync(repository, found, repository.BranchOverride, explain, token).ConfigureAwait(false) : state.Refusal!;
            }

            var local = await LocalRepository.OpenAsync(repository.Location, repository.BranchOverride, token).ConfigureAwait(false);
            return local.Value is { } opened ? await PreviewAsync(repository, opened, null, explain, token).ConfigureAwait(false) : local.Refusal!;
        }, ct);

    /// <summary>Asks GitHub, by one request for each hundred, how the repositories of a round stand: those in which nothing has changed cost nothing more.</summary>
    public async Task<ScanRound> BeginRoundAsync(IReadOnlyCollection<long> repositoryIds, CancellationToken ct)
    {
        using var lane = GitHubLanes.Begin(GitHubLane.Scan);
        var remote = await store.ReadAsync((db, token) => db.Repositories
            .Where(r => repositoryIds.Contains(r.Id) && r.Kind == RepositoryKind.GitHub && !r.Removed)
            .Select(r => new { r.Id, r.Location, r.GitHubId, r.LastScanAt, HasProposed = db.WorkItems.Any(w => w.RepositoryId == r.Id) })
            .ToListAsync(token), ct).ConfigureAwait(false);
        var states = remote.Count == 0 ? [] : await source.FindStatesAsync([.. remote.Select(r => (RepositoryName.Parse(r.Location), r.GitHubId))], ct).ConfigureAwait(false);

        // What this store wrote it knows; of a repository it has never proposed for it knows nothing.
        var since = remote.Any(r => !r.HasProposed || r.LastScanAt is null) ? null : remote.Min(r => r.LastScanAt) - s_overlap;
        return new ScanRound(remote.Zip(states).ToDictionary(r => r.First.Id, r => r.Second), token => ListProposalsAsync(since, token));
    }

    /// <summary>Scans a registered repository for good. A scan that fails is an answer too: <see cref="ScanResultDto.Error"/>, kept with the repository.</summary>
    /// <param name="full">Reads every file again instead of only what changed since the last scanned commit.</param>
    /// <param name="propose">Null: once the repository is accepted. True also accepts it.</param>
    /// <param name="round">What is known of GitHub already; null asks for this repository alone.</param>
    public async Task<Outcome<ScanResultDto>> ScanAsync(OperationContext operation, long repositoryId, bool full, bool? propose, CancellationToken ct, ScanRound? round = null)
    {
        using var activity = ManagerTelemetry.Source.StartActivity("scan");
        using var lane = GitHubLanes.Begin(GitHubLane.Scan);
        var gate = _oneAtATime.GetOrAdd(repositoryId, static _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await ScanAloneAsync(operation, repositoryId, full, propose, round, ct).ConfigureAwait(false);
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<Outcome<ScanPreviewDto>> WithinTimeAsync(Func<CancellationToken, Task<Outcome<ScanPreviewDto>>> preview, CancellationToken ct)
    {
        var current = configuration.Value;
        using var lane = GitHubLanes.Begin(GitHubLane.Scan);
        using var limit = new CancellationTokenSource(current.Analyzer.ScanTimeout, store.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return await preview(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new Refusal(RefusalKind.Unavailable, ErrorCodes.ScanTimedOut, TimeOutText(current), "Exclude what need not be scanned (analyzer.excludePatterns) or raise analyzer.scanTimeoutSeconds.");
        }
    }

    private async Task<Outcome<ScanPreviewDto>> PreviewAsync(RepositoryEntity? registered, GitHubRepositoryState state, string? branch, bool explain, CancellationToken ct)
    {
        var opened = await source.OpenAsync(state, branch, ct).ConfigureAwait(false);
        return opened.Value is { } mirror ? await PreviewAsync(registered, mirror, state, explain, ct).ConfigureAwait(false) : opened.Refusal!;
    }

    private async Task<ScanPreviewDto> PreviewAsync(RepositoryEntity? registered, LocalRepository repository, GitHubRepositoryState? state, bool explain, CancellationToken ct)
    {
        var current = configuration.Value;
        var started = store.Time.GetTimestamp();
        var known = registered is null ? [] : await store.ReadAsync((db, token) => db.Findings.Where(f => f.RepositoryId == registered.Id).ToListAsync(token), ct).ConfigureAwait(false);
        var settled = registered is null ? [] : await store.ReadAsync((db, token) => db.Findings.Where(f => f.RepositoryId == registered.Id && f.WorkItemId != null).Select(f => f.Fingerprint).ToHashSetAsync(token), ct).ConfigureAwait(false);
        var results = await LookAsync(new ScanRequest(repository, registered?.ScannedCommit, Full: true, explain, current.Analyzer) { GitHub = state }, Enabled(current), registered, ct).ConfigureAwait(false);
        var problems = results.SelectMany(r => r.Result.Problems).ToList();
        var findings = results.SelectMany(r => Findings(r, known)).OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Line).ToList();
        if (state is not null)
        {
            var place = new RepositoryEntity { Name = state.Name.ToString(), Kind = RepositoryKind.GitHub, Location = state.Name.ToString(), GitHubId = state.Id };
            try
            {
                var proposals = await ListProposalsAsync(null, ct).ConfigureAwait(false);
                settled.UnionWith(findings.Select(f => f.Fingerprint).Where(fingerprint => proposals.ContainsKey(ProposalText.MarkerOf(place, fingerprint))));
            }
            catch (ClaudeManagerException fault)
            {
                problems.Add(MemoryProblem(fault.Message, fault.Fix));
            }
        }

        var scores = findings.ToDictionary(f => f, f => Ranker.Rank(_byKey[f.Scanner].Weigh(f), current.Ranking, store.Time.GetUtcNow()).Score);
        var (taken, candidates) = (findings.Where(f => settled.Contains(f.Fingerprint)), findings.Where(f => !settled.Contains(f.Fingerprint)));
        var distinct = ProposalWriter.WithoutRepetition(candidates, taken, f => f, f => scores[f], state?.Name);
        var groups = ProposalWriter.WithinCaps(ProposalGroups.Of(distinct, f => f, current.Analyzer.GroupProposals), g => g[0].Path, g => g.Max(f => scores[f]), current.Analyzer).ToList();
        var proposed = groups.SelectMany(g => g).ToHashSet();
        // The results of a local repository stay in it.
        var forecast = state is null || groups.Count == 0
            ? null
            : await gateway.ForecastAsync(ProposalWriter.BatchOf(groups.Count, proposed.SelectMany(f => _byKey[f.Scanner].Labels)), GitHubLane.Propose, ct).ConfigureAwait(false);
        return new ScanPreviewDto(
            state?.Name.ToString() ?? repository.Name,
            repository.Commit,
            repository.Branch,
            MostOf(results, r => r.FilesListed),
            MostOf(results, r => r.FilesRead),
            store.Time.GetElapsedTime(started).TotalSeconds,
            [.. findings.Select(f => f.ToDto(scores[f], proposed.Contains(f)))],
            groups.Count,
            forecast?.Requests ?? 0,
            forecast?.Points ?? 0,
            forecast?.DoneAt,
            problems,
            explain ? [.. results.SelectMany(r => r.Result.Explanations)] : null);
    }

    private Task<RepositoryEntity?> FindAsync(Expression<Func<RepositoryEntity, bool>> which, CancellationToken ct)
        => store.ReadAsync((db, token) => db.Repositories.Where(r => !r.Removed).Where(which).OrderBy(r => r.Id).FirstOrDefaultAsync(token), ct);

    private async Task<IReadOnlyDictionary<Marker, GitHubIssue>> ListProposalsAsync(DateTimeOffset? since, CancellationToken ct)
        => configuration.Value.GitHub.ManagerRepo is { } manager
            ? ProposalText.ByFinding(await gateway.ListProposalsAsync(RepositoryName.Parse(manager), ct, since).ConfigureAwait(false))
            : throw new CredentialException(ErrorCodes.ManagerRepositoryMissing, "There is no repository to propose in.", "Set github.managerRepo to the owner/name of the repository where issues are to be filed.");

    private static ScanProblemDto MemoryProblem(string message, string? fix) => new(null, "proposals_unknown", $"What is proposed already cannot be read: {message} {fix}".TrimEnd());

    private async Task<Outcome<ScanResultDto>> ScanAloneAsync(OperationContext operation, long repositoryId, bool full, bool? propose, ScanRound? given, CancellationToken ct)
    {
        var current = configuration.Value;
        var begun = new Begun(store.Time.GetUtcNow(), store.Time.GetTimestamp());
        await using var running = new RunningScan(store, repositoryId, logger);
        using var limit = new CancellationTokenSource(current.Analyzer.ScanTimeout, store.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        var failed = RepositoryScanState.Failed;
        string failure;
        ScanRound? own = null;
        try
        {
            while (true)
            {
                var repository = await FindAsync(r => r.Id == repositoryId, either.Token).ConfigureAwait(false);
                if (repository is null)
                {
                    return Refusal.NotFound("repository", repositoryId);
                }

                var round = given ?? (own ??= await BeginRoundAsync([repositoryId], either.Token).ConfigureAwait(false));
                var rules = RulesOf(current.Analyzer);
                var known = repository.ScanRules == rules ? repository.ScannedCommit : null;
                var state = repository.Kind == RepositoryKind.GitHub ? await StateAsync(repository, round, either.Token).ConfigureAwait(false) : default(Outcome<GitHubRepositoryState>?);
                var memories = await store.ReadAsync((db, token) => MemoriesOf(db, repositoryId).ToDictionaryAsync(s => s.Key, s => s.Value, token), either.Token).ConfigureAwait(false);
                var beyond = Enabled(current).Where(s => s.LooksBeyondCommits && (full || known is null || !s.IsSettled(current.Analyzer, state?.Value, memories.GetValueOrDefault(MemoryKey(repositoryId, s.Key))))).ToList();
                var opened = state?.Refusal is { } unreachable ? unreachable : await OpenAsync(repository, state?.Value, full || beyond.Count > 0 ? null : known, either.Token).ConfigureAwait(false);
                if (opened.Refusal is { } twice && twice.ErrorCode == ErrorCodes.RegisteredTwice && repository.ScannedCommit is null)
                {
                    await ForgetFormerNameAsync(operation, repositoryId, twice, running, either.Token).ConfigureAwait(false);
                    return twice;
                }

                if (opened.Value is not { } seen)
                {
                    failure = $"{opened.Refusal!.Message} {opened.Refusal.Fix}";
                    failed = repository.Kind == RepositoryKind.GitHub && opened.Refusal.Kind is RefusalKind.NotFound or RefusalKind.Conflict ? RepositoryScanState.Unavailable : RepositoryScanState.Failed;
                    break;
                }

                IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results = [];
                List<IScanner> wanted = full || known != seen.Commit ? [.. Enabled(current).Where(s => !s.LooksBeyondCommits || beyond.Contains(s))] : beyond;
                if (wanted.Count > 0)
                {
                    await MarkScanningAsync(operation, repositoryId, running, either.Token).ConfigureAwait(false);
                    results = await RunScannersAsync(wanted, new ScanRequest(seen.Repository!, repository.ScannedCommit, full || known is null, Explain: false, current.Analyzer) { GitHub = seen.State, Progress = running.Progress }, either.Token).ConfigureAwait(false);
                }

                var memory = await RememberAsync(repository, round, results, propose, either.Token).ConfigureAwait(false);
                if (await FinishAsync(operation, repository, new Examined(seen, rules, results, memory), propose, current, begun, running, either.Token).ConfigureAwait(false) is { } result)
                {
                    Log.ScanFinished(logger, repositoryId, result.FilesRead, result.Found, result.New, result.Closed, result.Seconds);
                    return result;
                }

                // Another process finished a scan in between: what this one compared with is no longer what is known.
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            failure = TimeOutText(current);
        }
        catch (OperationCanceledException)
        {
            await UnmarkScanningAsync(operation, repositoryId, running).ConfigureAwait(false);
            throw;
        }
        catch (Exception e)
        {
            // Whatever it is, the repository must not stay marked as being scanned, and the operator is told.
            Log.ScanFailed(logger, repositoryId, e);
            failure = e.Message;
        }
        finally
        {
            own?.Dispose();
        }

        return await FailAsync(operation, repositoryId, failed, failure, begun, running, ct).ConfigureAwait(false);
    }

    private async Task<Outcome<GitHubRepositoryState>> StateAsync(RepositoryEntity repository, ScanRound round, CancellationToken ct)
    {
        var state = round.StateOf(repository.Id) ?? await source.FindStateAsync(RepositoryName.Parse(repository.Location), repository.GitHubId, ct).ConfigureAwait(false);
        if (state.Value is not { } found)
        {
            return state;
        }

        if (await FindAsync(r => r.GitHubId == found.Id && r.Id != repository.Id, ct).ConfigureAwait(false) is { } same)
        {
            return Refusal.Conflict(ErrorCodes.RegisteredTwice, $"{repository.Location} is {same.Location}, which is registered too.", "Remove one of them.");
        }

        // A removed repository keeps its name, so that the configuration does not register it again.
        var name = found.Name.ToString();
        return name != repository.Location && await store.ReadAsync((db, token) => db.Repositories.AnyAsync(r => r.Removed && r.Kind == RepositoryKind.GitHub && r.Location == name, token), ct).ConfigureAwait(false)
            ? Refusal.Conflict(ErrorCodes.RegisteredTwice, $"{repository.Location} is called {name} now, which was registered and removed.", $"Add {name} again, or remove {repository.Location} too.")
            : state;
    }

    /// <param name="state">Of one on GitHub.</param>
    /// <param name="known">The commit whose findings are known: when GitHub's state says that it is the newest, the mirror is not even opened.</param>
    private async Task<Outcome<Seen>> OpenAsync(RepositoryEntity repository, GitHubRepositoryState? state, string? known, CancellationToken ct)
    {
        if (state is not { } found)
        {
            var local = await LocalRepository.OpenAsync(repository.Location, repository.BranchOverride, ct).ConfigureAwait(false);
            return local.Value is { } here ? new Seen(here.Commit, here.Branch, here, null) : local.Refusal!;
        }

        if (repository.BranchOverride is null && known is not null && found.Commit == known)
        {
            return new Seen(known, found.DefaultBranch!, null, found);
        }

        var opened = await source.OpenAsync(found, repository.BranchOverride, ct).ConfigureAwait(false);
        return opened.Value is { } mirror ? new Seen(mirror.Commit, mirror.Branch, mirror, found) : opened.Refusal!;
    }

    /// <summary>What GitHub knows of earlier proposals, when there may be something to propose. The memory of a local repository is the store alone.</summary>
    private async Task<Outcome<IReadOnlyDictionary<Marker, GitHubIssue>>> RememberAsync(
        RepositoryEntity repository, ScanRound round, IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results, bool? propose, CancellationToken ct)
    {
        var mayPropose = repository.Kind == RepositoryKind.GitHub && (propose ?? repository.Accepted)
            && (results.Any(r => r.Result.Found.Count > 0)
                || await store.ReadAsync((db, token) => db.Findings.AnyAsync(f => f.RepositoryId == repository.Id && !f.Gone && f.WorkItemId == null, token), ct).ConfigureAwait(false));
        return mayPropose ? await round.ProposalsAsync(ct).ConfigureAwait(false) : new(s_nothing, null);
    }

    /// <summary>Scanners look at the same files: what each of them did does not add up to a number of files.</summary>
    private static int MostOf(IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results, Func<ScannerResult, int> count) => results.Select(r => count(r.Result)).DefaultIfEmpty().Max();

    /// <summary>The scanners of a dry run. Of a registered repository one can see how far it is.</summary>
    private async Task<IReadOnlyList<(IScanner Scanner, ScannerResult Result)>> LookAsync(ScanRequest request, IReadOnlyList<IScanner> wanted, RepositoryEntity? registered, CancellationToken ct)
    {
        if (registered is null)
        {
            return await RunScannersAsync(wanted, request, ct).ConfigureAwait(false);
        }

        await using var running = new RunningScan(store, registered.Id, logger);
        await store.WriteAsync(RunningScan.Operation, running.BeginAsync, ct).ConfigureAwait(false);
        try
        {
            running.StartReporting();
            return await RunScannersAsync(wanted, request with { Progress = running.Progress }, ct).ConfigureAwait(false);
        }
        finally
        {
            await store.WriteAsync(RunningScan.Operation, running.EndAsync, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private static async Task<IReadOnlyList<(IScanner Scanner, ScannerResult Result)>> RunScannersAsync(IEnumerable<IScanner> wanted, ScanRequest request, CancellationToken ct)
    {
        var results = new List<(IScanner, ScannerResult)>();
        foreach (var scanner in wanted)
        {
            try
            {
                results.Add((scanner, await scanner.ScanAsync(request, ct).ConfigureAwait(false)));
            }
            catch (ClaudeManagerException fault)
            {
                // What is outside the repository fails its own part of the scan only.
                results.Add((scanner, ScannerResult.Unknown(new ScanProblemDto(null, scanner.Key, $"{fault.Message} {fault.Fix}".TrimEnd()))));
            }
        }

        return results;
    }

    private IReadOnlyList<IScanner> Enabled(ManagerConfiguration current) => [.. scanners.Where(s => s.IsEnabled(current.Analyzer))];

    /// <summary>Writes everything the scan says, or null when it was outrun.</summary>
    private async Task<ScanResultDto?> FinishAsync(
        OperationContext operation,
        RepositoryEntity before,
        Examined examined,
        bool? propose,
        ManagerConfiguration current,
        Begun begun,
        RunningScan running,
        CancellationToken ct)
    {
        try
        {
            return await store.WriteAsync(operation, async (tx, token) =>
            {
                var repository = await tx.Db.Repositories.FirstAsync(r => r.Id == before.Id, token).ConfigureAwait(false);
                if (repository.ScannedCommit != before.ScannedCommit || repository.ScanRules != before.ScanRules)
                {
                    return null;
                }

                var (opened, rules, results, memory) = examined;
                var problems = results.SelectMany(r => r.Result.Problems).ToList();
                if (opened.State is { } state)
                {
                    problems.AddRange(Follow(tx, repository, state));
                }

                var changes = await ApplyAsync(tx, repository, opened.Commit, results, token).ConfigureAwait(false);
                repository.Accepted |= propose is true;
                var mayPropose = propose ?? repository.Accepted;
                if (mayPropose && memory.Refusal is { } unknown)
                {
                    // Proposing what may be proposed already would be proposing it twice. What is found is kept, and proposed by a later scan.
                    problems.Add(MemoryProblem(unknown.Message, unknown.Fix));
                    mayPropose = false;
                }

                var counts = await ProposalWriter.ApplyAsync(tx, repository, changes, mayPropose, memory.Value ?? s_nothing, current, _byKey, token).ConfigureAwait(false);
                var open = await tx.Db.Findings.CountAsync(f => f.RepositoryId == repository.Id && !f.Gone, token).ConfigureAwait(false);

                var seconds = store.Time.GetElapsedTime(begun.Timestamp).TotalSeconds;
                var filesRead = MostOf(results, r => r.FilesRead);
                tx.Db.Scans.Add(new ScanEntity
                {
                    RepositoryId = repository.Id,
                    Commit = opened.Commit,
                    StartedAt = begun.At,
                    Seconds = seconds,
                    FilesListed = MostOf(results, r => r.FilesListed),
                    FilesRead = filesRead,
                    Found = open,
                    New = changes.New.Count,
                    Closed = changes.Gone.Count,
                    Reopened = changes.Returned.Count,
                    Proposed = counts.Proposed,
                    Problems = JsonSerializer.Serialize(problems, ManagerJson.Options),
                });
                await KeepMemoriesAsync(tx, repository.Id, results, token).ConfigureAwait(false);
                repository.DefaultBranch = opened.Branch;
                repository.ScannedCommit = opened.Commit;
                repository.ScanRules = rules;
                repository.ScanState = repository.Accepted ? RepositoryScanState.Ok : RepositoryScanState.Preview;
                repository.LastScanAt = tx.Now;
                repository.LastScanSeconds = seconds;
                repository.LastScanFilesRead = filesRead;
                repository.LastScanError = null;
                Touch(tx, repository, begun);
                await running.EndAsync(tx, token).ConfigureAwait(false);
                tx.Audit(new AuditRecord("scan", "repository.scanned", "repository", Id(repository.Id), Details: new Dictionary<string, object?>
                {
                    ["commit"] = opened.Commit,
                    ["new"] = changes.New.Count,
                    ["gone"] = changes.Gone.Count,
                    ["returned"] = changes.Returned.Count,
                    ["proposed"] = counts.Proposed,
                    ["problems"] = problems.Count,
                }));
                return new ScanResultDto(repository.Id, repository.Name, opened.Commit, open, changes.New.Count, changes.Gone.Count, changes.Returned.Count, counts.Proposed, filesRead, seconds, problems, Error: null);
            }, ct).ConfigureAwait(false);
        }
        catch (DbUpdateConcurrencyException)
        {
            return null;
        }
        catch (DbUpdateException e) when (Store.IsTaken(e))
        {
            // Outrun only if another process has written the repository too; a name that is taken for good is a fault of its own.
            if ((await FindAsync(r => r.Id == before.Id, ct).ConfigureAwait(false))?.Version == before.Version)
            {
                throw;
            }

            return null;
        }
    }

    /// <summary>What does not depend on what was read before: whoever else wrote the repository in between, it is read and written again.</summary>
    private async Task<T> WriteOverAsync<T>(OperationContext operation, Func<StoreTransaction, CancellationToken, Task<T>> write, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return await store.WriteAsync(operation, write, ct).ConfigureAwait(false);
            }
            catch (DbUpdateConcurrencyException)
            {
                // Again.
            }
        }
    }

    /// <summary>The configuration still names a repository as it was called before: it is kept as removed, so that it is not registered again, and nothing is known of it that could be lost.</summary>
    private Task ForgetFormerNameAsync(OperationContext operation, long repositoryId, Refusal twice, RunningScan running, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.AsTracking().FirstAsync(r => r.Id == repositoryId, token).ConfigureAwait(false);
            (repository.Removed, repository.ScanRequestedAt, repository.UpdatedAt) = (true, null, tx.Now);
            repository.Version++;
            await running.EndAsync(tx, token).ConfigureAwait(false);
            tx.Audit(new AuditRecord("repository", "repository.removed", "repository", Id(repositoryId), Details: new Dictionary<string, object?> { ["name"] = repository.Name, ["reason"] = twice.Message }));
            tx.Publish("repository.changed", "repository", repositoryId, ManagerJson.Name(repository.ScanState), repository.Name);
        }, ct);

    private static IQueryable<SettingEntity> MemoriesOf(ManagerDbContext db, long repositoryId)
    {
        var prefix = MemoryKey(repositoryId, "");
        return db.Settings.Where(s => s.Key.StartsWith(prefix));
    }

    private static string MemoryKey(long repositoryId, string scanner) => $"scan.{Id(repositoryId)}:{scanner}";

    private static async Task KeepMemoriesAsync(StoreTransaction tx, long repositoryId, IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results, CancellationToken ct)
    {
        var kept = await MemoriesOf(tx.Db, repositoryId).AsTracking().ToDictionaryAsync(s => s.Key, ct).ConfigureAwait(false);
        foreach (var (scanner, result) in results)
        {
            if (result.Memory is not { } memory)
            {
                continue;
            }

            var key = MemoryKey(repositoryId, scanner.Key);
            if (!kept.TryGetValue(key, out var setting))
            {
                tx.Db.Settings.Add(setting = new SettingEntity { Key = key, Value = memory });
            }

            (setting.Value, setting.UpdatedAt) = (memory, tx.Now);
        }
    }

    /// <summary>Takes over what GitHub says of the repository: its number, and its new name when it was renamed or transferred.</summary>
    private static IEnumerable<ScanProblemDto> Follow(StoreTransaction tx, RepositoryEntity repository, GitHubRepositoryState state)
    {
        repository.GitHubId = state.Id;
        var (was, now) = (repository.Location, state.Name.ToString());
        if (was == now)
        {
            return [];
        }

        (repository.Location, repository.Name) = (now, now);
        tx.Audit(new AuditRecord("repository", "repository.renamed", "repository", Id(repository.Id), Details: new Dictionary<string, object?> { ["from"] = was, ["to"] = now }));
        return [new ScanProblemDto(null, "renamed", $"{was} is called {now} now, and is followed there.")];
    }

    private static async Task<FindingChanges> ApplyAsync(StoreTransaction tx, RepositoryEntity repository, string commit, IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results, CancellationToken ct)
    {
        List<FindingEntity> added = [], moved = [], changed = [], gone = [], returned = [];
        foreach (var (scanner, result) in results)
        {
            var known = await tx.Db.Findings.Where(f => f.RepositoryId == repository.Id && f.Scanner == scanner.Key).ToListAsync(ct).ConfigureAwait(false);
            var matches = FindingTracker.Match(scanner.Key, known, result);
            foreach (var (finding, now) in matches.Seen)
            {
                var (wasGone, text, place) = (finding.Gone, finding.TextHash, (finding.Path, finding.Line, finding.EndLine, finding.Text, finding.Context, finding.ContextStartLine));
                finding.Take(now, commit, tx.Now);
                if (wasGone)
                {
                    returned.Add(finding);
                }
                else if (text != finding.TextHash)
                {
                    changed.Add(finding);
                }
                else if (place != (finding.Path, finding.Line, finding.EndLine, finding.Text, finding.Context, finding.ContextStartLine))
                {
                    moved.Add(finding);
                }
            }

            foreach (var finding in matches.Gone)
            {
                (finding.Gone, finding.GoneCommit, finding.UpdatedAt) = (true, commit, tx.Now);
                gone.Add(finding);
            }

            added.AddRange(matches.New.Select(n => FindingMapping.Create(repository.Id, scanner.Key, n.Fingerprint, n.Now, commit, tx.Now)));
        }

        tx.Db.Findings.AddRange(added);
        return new FindingChanges(commit, added, moved, changed, gone, returned);
    }

    /// <summary>The same without a transaction, for a dry run: copies, none of them known to any context.</summary>
    private IEnumerable<FindingEntity> Findings((IScanner Scanner, ScannerResult Result) scanned, IReadOnlyList<FindingEntity> known)
    {
        var matches = FindingTracker.Match(scanned.Scanner.Key, [.. known.Where(f => f.Scanner == scanned.Scanner.Key)], scanned.Result);
        var now = store.Time.GetUtcNow();
        foreach (var (finding, occurrence) in matches.Seen)
        {
            finding.Take(occurrence, "", now);
        }

        return [.. matches.Seen.Select(s => s.Known), .. matches.New.Select(n => FindingMapping.Create(0, scanned.Scanner.Key, n.Fingerprint, n.Now, "", now))];
    }

    private async Task MarkScanningAsync(OperationContext operation, long repositoryId, RunningScan running, CancellationToken ct)
    {
        await WriteOverAsync(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.FirstAsync(r => r.Id == repositoryId, token).ConfigureAwait(false);
            repository.ScanState = RepositoryScanState.Scanning;
            await running.BeginAsync(tx, token).ConfigureAwait(false);
            tx.Publish("repository.changed", "repository", repositoryId, ManagerJson.Name(repository.ScanState), repository.Name);
            return true;
        }, ct).ConfigureAwait(false);
        running.StartReporting();
    }

    /// <summary>Nobody scans it any more. The request may be over, this must still be written.</summary>
    private Task<bool> UnmarkScanningAsync(OperationContext operation, long repositoryId, RunningScan running)
        => WriteOverAsync(operation, async (tx, token) =>
        {
            await running.EndAsync(tx, token).ConfigureAwait(false);
            var repository = await tx.Db.Repositories.FirstOrDefaultAsync(r => r.Id == repositoryId && r.ScanState == RepositoryScanState.Scanning, token).ConfigureAwait(false);
            if (repository is not null)
            {
                repository.ScanState = repository.ScanStateAtRest();
                tx.Publish("repository.changed", "repository", repositoryId, ManagerJson.Name(repository.ScanState), repository.Name);
            }

            return true;
        }, CancellationToken.None);

    private Task<Outcome<ScanResultDto>> FailAsync(OperationContext operation, long repositoryId, RepositoryScanState state, string error, Begun begun, RunningScan running, CancellationToken ct)
        => WriteOverAsync<Outcome<ScanResultDto>>(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.FirstAsync(r => r.Id == repositoryId, token).ConfigureAwait(false);
            var seconds = store.Time.GetElapsedTime(begun.Timestamp).TotalSeconds;
            tx.Db.Scans.Add(new ScanEntity { RepositoryId = repositoryId, StartedAt = begun.At, Seconds = seconds, Problems = "[]", Error = error });
            repository.ScanState = state;
            repository.LastScanAt = tx.Now;
            repository.LastScanSeconds = seconds;
            repository.LastScanFilesRead = 0;
            repository.LastScanError = error;
            Touch(tx, repository, begun);
            await running.EndAsync(tx, token).ConfigureAwait(false);
            tx.Audit(new AuditRecord("scan", "repository.scan_failed", "repository", Id(repositoryId), AuditSeverity.Medium, AuditResult.Failure, new Dictionary<string, object?> { ["error"] = error }));
            return new ScanResultDto(repositoryId, repository.Name, null, 0, 0, 0, 0, 0, 0, seconds, [], error);
        }, ct);

    /// <summary>A finished scan, good or bad, also answers whoever asked for one before it began.</summary>
    private static void Touch(StoreTransaction tx, RepositoryEntity repository, Begun begun)
    {
        if (repository.ScanRequestedAt <= begun.At)
        {
            repository.ScanRequestedAt = null;
        }

        repository.Version++;
        repository.UpdatedAt = tx.Now;
        tx.Publish("repository.changed", "repository", repository.Id, ManagerJson.Name(repository.ScanState), repository.Name);
    }

    private string RulesOf(AnalyzerConfiguration analyzer)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', scanners.Where(s => s.IsEnabled(analyzer)).SelectMany(s => new[] { s.Key, s.RulesOf(analyzer) })))));

    private static string TimeOutText(ManagerConfiguration current)
        => FormattableString.Invariant($"The scan took longer than {current.Analyzer.ScanTimeout.TotalSeconds:0.#} s.");

    private static string Id(long id) => id.ToString(CultureInfo.InvariantCulture);

    /// <summary>All that one scan has to say, before it is written.</summary>
    private sealed record Examined(Seen Seen, string Rules, IReadOnlyList<(IScanner Scanner, ScannerResult Result)> Results, Outcome<IReadOnlyDictionary<Marker, GitHubIssue>> Memory);

    /// <param name="Repository">Null when nothing has changed, so that nothing need be read.</param>
    /// <param name="State">Of one on GitHub.</param>
    private sealed record Seen(string Commit, string Branch, LocalRepository? Repository, GitHubRepositoryState? State);

    private readonly record struct Begun(DateTimeOffset At, long Timestamp);
}
