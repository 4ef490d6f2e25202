using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Telemetry;
using ClaudeManager.Core.WorkItems;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Scanning;

/// <summary>Scans repositories: as a dry run that writes nothing, or for good, with findings, proposals and the repository's state in one transaction.</summary>
public sealed class ScanService(Store store, CurrentConfiguration configuration, IEnumerable<IScanner> scanners, ILogger<ScanService> logger)
{
    private readonly ConcurrentDictionary<long, SemaphoreSlim> _oneAtATime = [];

    /// <summary>What a scan of <paramref name="path"/> would find and propose. Writes nothing; the repository need not be registered.</summary>
    /// <param name="explain">Also name the reason of every marker hit that is no finding; reads files that are otherwise left out.</param>
    public async Task<Outcome<ScanPreviewDto>> PreviewAsync(string path, string? branch, bool explain, CancellationToken ct)
    {
        var current = configuration.Value;
        var started = store.Time.GetTimestamp();
        using var limit = new CancellationTokenSource(current.Analyzer.ScanTimeout, store.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            var opened = await LocalRepository.OpenAsync(path, branch, either.Token).ConfigureAwait(false);
            if (opened.Value is not { } repository)
            {
                return opened.Refusal!;
            }

            var registered = await store.ReadAsync((db, token) => db.Repositories.FirstOrDefaultAsync(r => r.Kind == RepositoryKind.Local && r.Location == repository.Path && !r.Removed, token), either.Token).ConfigureAwait(false);
            var known = registered is null ? [] : await store.ReadAsync((db, token) => db.Findings.Where(f => f.RepositoryId == registered.Id).ToListAsync(token), either.Token).ConfigureAwait(false);
            var settled = registered is null ? [] : await store.ReadAsync((db, token) => db.WorkItems.Where(w => w.RepositoryId == registered.Id).Select(w => w.Fingerprint).ToHashSetAsync(token), either.Token).ConfigureAwait(false);
            var results = await LookAsync(new ScanRequest(repository, registered?.ScannedCommit, Full: true, explain, current.Analyzer), registered, either.Token).ConfigureAwait(false);

            var findings = results.SelectMany(r => Findings(r, known)).OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.Line).ToList();
            var scores = findings.ToDictionary(f => f, f => ProposalWriter.Rank(f, current, store.Time.GetUtcNow()).Score);
            var proposed = ProposalWriter.WithinCaps(findings.Where(f => !settled.Contains(f.Fingerprint)), f => f.Path, f => scores[f], current.Analyzer).ToHashSet();
            return new ScanPreviewDto(
                repository.Name,
                repository.Commit,
                repository.Branch,
                results.Sum(r => r.Result.FilesListed),
                results.Sum(r => r.Result.FilesRead),
                store.Time.GetElapsedTime(started).TotalSeconds,
                [.. findings.Select(f => f.ToDto(scores[f], proposed.Contains(f)))],
                proposed.Count,
                // The results of a local repository stay in it.
                ExpectedGitHubCalls: 0,
                [.. results.SelectMany(r => r.Result.Problems)],
                explain ? [.. results.SelectMany(r => r.Result.Explanations)] : null);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new Refusal(RefusalKind.Unavailable, "scan_timed_out", TimeOutText(current), "Exclude what need not be scanned (analyzer.excludePatterns) or raise analyzer.scanTimeoutSeconds.");
        }
    }

    /// <summary>Dry run of a registered repository, on the branch it is scanned on.</summary>
    public async Task<Outcome<ScanPreviewDto>> PreviewAsync(long repositoryId, bool explain, CancellationToken ct)
        => await store.ReadAsync((db, token) => db.Repositories.FirstOrDefaultAsync(r => r.Id == repositoryId && !r.Removed, token), ct).ConfigureAwait(false) is { } repository
            ? await PreviewAsync(repository.Location, repository.BranchOverride, explain, ct).ConfigureAwait(false)
            : Refusal.NotFound("repository", repositoryId);

    /// <summary>Scans a registered repository for good. A scan that fails is an answer too: <see cref="ScanResultDto.Error"/>, kept with the repository.</summary>
    /// <param name="full">Reads every file again instead of only what changed since the last scanned commit.</param>
    /// <param name="propose">Null: once the repository is accepted. True also accepts it.</param>
    public async Task<Outcome<ScanResultDto>> ScanAsync(OperationContext operation, long repositoryId, bool full, bool? propose, CancellationToken ct)
    {
        using var activity = ManagerTelemetry.Source.StartActivity("scan");
        var gate = _oneAtATime.GetOrAdd(repositoryId, static _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await ScanAloneAsync(operation, repositoryId, full, propose, ct).ConfigureAwait(false);
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<Outcome<ScanResultDto>> ScanAloneAsync(OperationContext operation, long repositoryId, bool full, bool? propose, CancellationToken ct)
    {
        var current = configuration.Value;
        var begun = new Begun(store.Time.GetUtcNow(), store.Time.GetTimestamp());
        await using var running = new RunningScan(store, repositoryId, logger);
        using var limit = new CancellationTokenSource(current.Analyzer.ScanTimeout, store.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        string failure;
        try
        {
            while (true)
            {
                var repository = await store.ReadAsync((db, token) => db.Repositories.FirstOrDefaultAsync(r => r.Id == repositoryId && !r.Removed, token), either.Token).ConfigureAwait(false);
                if (repository is null)
                {
                    return Refusal.NotFound("repository", repositoryId);
                }

                var opened = await LocalRepository.OpenAsync(repository.Location, repository.BranchOverride, either.Token).ConfigureAwait(false);
                if (opened.Value is not { } local)
                {
                    failure = $"{opened.Refusal!.Message} {opened.Refusal.Fix}";
                    break;
                }

                var rules = RulesOf(current.Analyzer);
                var known = repository.ScanRules == rules ? repository.ScannedCommit : null;
                IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results = [];
                if (full || known != local.Commit)
                {
                    await MarkScanningAsync(operation, repositoryId, running, either.Token).ConfigureAwait(false);
                    results = await RunScannersAsync(new ScanRequest(local, repository.ScannedCommit, full || known is null, Explain: false, current.Analyzer) { Progress = running.Progress }, either.Token).ConfigureAwait(false);
                }

                if (await FinishAsync(operation, repository, local, rules, results, propose, current, begun, running, either.Token).ConfigureAwait(false) is { } result)
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

        return await FailAsync(operation, repositoryId, failure, begun, running, ct).ConfigureAwait(false);
    }

    /// <summary>The scanners of a dry run. Of a registered repository one can see how far it is.</summary>
    private async Task<IReadOnlyList<(IScanner Scanner, ScannerResult Result)>> LookAsync(ScanRequest request, RepositoryEntity? registered, CancellationToken ct)
    {
        if (registered is null)
        {
            return await RunScannersAsync(request, ct).ConfigureAwait(false);
        }

        await using var running = new RunningScan(store, registered.Id, logger);
        await store.WriteAsync(RunningScan.Operation, running.BeginAsync, ct).ConfigureAwait(false);
        try
        {
            running.StartReporting();
            return await RunScannersAsync(request with { Progress = running.Progress }, ct).ConfigureAwait(false);
        }
        finally
        {
            await store.WriteAsync(RunningScan.Operation, running.EndAsync, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task<IReadOnlyList<(IScanner Scanner, ScannerResult Result)>> RunScannersAsync(ScanRequest request, CancellationToken ct)
    {
        var results = new List<(IScanner, ScannerResult)>();
        foreach (var scanner in scanners.Where(s => s.IsEnabled(request.Analyzer)))
        {
            results.Add((scanner, await scanner.ScanAsync(request, ct).ConfigureAwait(false)));
        }

        return results;
    }

    /// <summary>Writes everything the scan says, or null when it was outrun.</summary>
    private async Task<ScanResultDto?> FinishAsync(
        OperationContext operation,
        RepositoryEntity seen,
        LocalRepository opened,
        string rules,
        IReadOnlyList<(IScanner Scanner, ScannerResult Result)> results,
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
                var repository = await tx.Db.Repositories.FirstAsync(r => r.Id == seen.Id, token).ConfigureAwait(false);
                if (repository.ScannedCommit != seen.ScannedCommit || repository.ScanRules != seen.ScanRules)
                {
                    return null;
                }

                var changes = await ApplyAsync(tx, repository, opened.Commit, results, token).ConfigureAwait(false);
                repository.Accepted |= propose is true;
                var counts = await ProposalWriter.ApplyAsync(tx, repository, changes, propose ?? repository.Accepted, current, token).ConfigureAwait(false);
                var open = await tx.Db.Findings.CountAsync(f => f.RepositoryId == repository.Id && !f.Gone, token).ConfigureAwait(false);

                var seconds = store.Time.GetElapsedTime(begun.Timestamp).TotalSeconds;
                var filesRead = results.Sum(r => r.Result.FilesRead);
                IReadOnlyList<ScanProblemDto> problems = [.. results.SelectMany(r => r.Result.Problems)];
                tx.Db.Scans.Add(new ScanEntity
                {
                    RepositoryId = repository.Id,
                    Commit = opened.Commit,
                    StartedAt = begun.At,
                    Seconds = seconds,
                    FilesListed = results.Sum(r => r.Result.FilesListed),
                    FilesRead = filesRead,
                    Found = open,
                    New = changes.New.Count,
                    Closed = changes.Gone.Count,
                    Reopened = changes.Returned.Count,
                    Proposed = counts.Proposed,
                    Problems = JsonSerializer.Serialize(problems, ManagerJson.Options),
                });
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
        await store.WriteAsync(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.FirstAsync(r => r.Id == repositoryId, token).ConfigureAwait(false);
            repository.ScanState = RepositoryScanState.Scanning;
            await running.BeginAsync(tx, token).ConfigureAwait(false);
            tx.Publish("repository.changed", "repository", repositoryId, ManagerJson.Name(repository.ScanState), repository.Name);
        }, ct).ConfigureAwait(false);
        running.StartReporting();
    }

    /// <summary>Nobody scans it any more. The request may be over, this must still be written.</summary>
    private Task UnmarkScanningAsync(OperationContext operation, long repositoryId, RunningScan running)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            await running.EndAsync(tx, token).ConfigureAwait(false);
            var repository = await tx.Db.Repositories.FirstOrDefaultAsync(r => r.Id == repositoryId && r.ScanState == RepositoryScanState.Scanning, token).ConfigureAwait(false);
            if (repository is not null)
            {
                repository.ScanState = repository.ScanStateAtRest();
                tx.Publish("repository.changed", "repository", repositoryId, ManagerJson.Name(repository.ScanState), repository.Name);
            }
        }, CancellationToken.None);

    private Task<Outcome<ScanResultDto>> FailAsync(OperationContext operation, long repositoryId, string error, Begun begun, RunningScan running, CancellationToken ct)
        => store.WriteAsync<Outcome<ScanResultDto>>(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.FirstAsync(r => r.Id == repositoryId, token).ConfigureAwait(false);
            var seconds = store.Time.GetElapsedTime(begun.Timestamp).TotalSeconds;
            tx.Db.Scans.Add(new ScanEntity { RepositoryId = repositoryId, StartedAt = begun.At, Seconds = seconds, Problems = "[]", Error = error });
            repository.ScanState = RepositoryScanState.Failed;
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

    private readonly record struct Begun(DateTimeOffset At, long Timestamp);
}
