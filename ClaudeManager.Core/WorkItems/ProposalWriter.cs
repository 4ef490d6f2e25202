using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems;

/// <summary>What a scan changed in a repository's findings. The entities are tracked by the scan's own transaction.</summary>
/// <param name="Moved">Same finding, other place (line, path, neighbourhood).</param>
/// <param name="Changed">Same finding, materially other text.</param>
public sealed record FindingChanges(
    string Commit,
    IReadOnlyList<FindingEntity> New,
    IReadOnlyList<FindingEntity> Moved,
    IReadOnlyList<FindingEntity> Changed,
    IReadOnlyList<FindingEntity> Gone,
    IReadOnlyList<FindingEntity> Returned);

public sealed record ProposalCounts(int Proposed, int Closed, int Reopened);

/// <summary>Turns a scan's findings into work items, inside the scan's transaction.</summary>
public static class ProposalWriter
{
    /// <summary>GitHub's calls for so many proposals, at most: one for each issue, and once the repository's state, the listing of what is there, and each label, which is looked for and made if it is missing.</summary>
    public static GitHubBatch BatchOf(int issues, IEnumerable<string> labels)
    {
        var count = ProposalLabels.CountWith(labels);
        return new GitHubBatch(issues, Writes: count, Reads: 2 + count);
    }

    /// <param name="written">Issues on GitHub by which something was proposed, by this store or by one that is gone.</param>
    public static async Task<ProposalCounts> ApplyAsync(StoreTransaction tx, RepositoryEntity repository, FindingChanges changes, bool propose, IReadOnlyDictionary<Marker, GitHubIssue> written, ManagerConfiguration configuration, IReadOnlyDictionary<string, IScanner> scanners, CancellationToken ct)
    {
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        var affected = changes.Moved.Concat(changes.Changed).Concat(changes.Gone).Concat(changes.Returned).Select(f => f.WorkItemId).OfType<long>().ToHashSet();
        var items = (await tx.Db.WorkItems.Include(w => w.Findings).Where(w => w.RepositoryId == repository.Id && w.FindingId != null).ToListAsync(ct).ConfigureAwait(false))
            .Where(w => affected.Contains(w.Id)).ToDictionary(w => w.Id);
        var words = new Words(repository, changes.Commit, configuration, scanners, await HistoryAsync(tx.Db, repository.Id, ct).ConfigureAwait(false));
        int closed = 0, reopened = 0;
        foreach (var (item, findings) in ItemsOf(changes.Gone))
        {
            if (item.Findings.Any(f => !f.Gone))
            {
                await FollowAsync(tx, item, words, ct).ConfigureAwait(false);
            }
            else if (await CloseAsync(tx, item, changes.Commit, scanners.GetValueOrDefault(findings[0].Scanner)?.LooksBeyondCommits is true, ct).ConfigureAwait(false))
            {
                closed++;
            }
        }

        foreach (var (item, _) in ItemsOf(changes.Moved.Concat(changes.Changed)))
        {
            await FollowAsync(tx, item, words, ct).ConfigureAwait(false);
        }

        foreach (var (item, _) in ItemsOf(changes.Returned))
        {
            if (item.RejectedTextHash is { } rejected && rejected == item.Says())
            {
                continue;
            }

            if (item.State is WorkItemState.Closed or WorkItemState.Done)
            {
                Describe(tx, item, words);
                WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, $"Came back with {Short(changes.Commit)}.");
                reopened++;
            }
            else
            {
                await FollowAsync(tx, item, words, ct).ConfigureAwait(false);
            }
        }

        var proposed = propose ? await ProposeAsync(tx, words, written, ct).ConfigureAwait(false) : 0;
        return new ProposalCounts(proposed, closed, reopened);

        IEnumerable<(WorkItemEntity Item, IReadOnlyList<FindingEntity> Findings)> ItemsOf(IEnumerable<FindingEntity> findings)
            => findings.Where(f => f.WorkItemId is { } id && items.ContainsKey(id)).GroupBy(f => f.WorkItemId!.Value).Select(g => (items[g.Key], (IReadOnlyList<FindingEntity>)[.. g]));
    }

    /// <summary>Proposes the best of what is found and not yet proposed, within the caps of one scan.</summary>
    private static async Task<int> ProposeAsync(StoreTransaction tx, Words words, IReadOnlyDictionary<Marker, GitHubIssue> written, CancellationToken ct)
    {
        var (repository, commit) = (words.Repository, words.Commit);
        var waiting = await tx.Db.Findings.Where(f => f.RepositoryId == repository.Id && !f.Gone && f.WorkItemId == null).ToListAsync(ct).ConfigureAwait(false);
        foreach (var (issue, findings) in waiting.Where(f => words.Scanners.ContainsKey(f.Scanner))
            .GroupBy(f => (written.GetValueOrDefault(ProposalText.MarkerOf(repository, f.Fingerprint))?.Number, f.Scanner)).Where(g => g.Key.Number is not null)
            .Select(g => (written[ProposalText.MarkerOf(repository, g.First().Fingerprint)], g.ToList())).ToList())
        {
            await AdoptAsync(tx, findings, issue, words, ct).ConfigureAwait(false);
            waiting.RemoveAll(findings.Contains);
        }

        var ranked = waiting.Where(f => words.Scanners.ContainsKey(f.Scanner)).Select(f => (Finding: f, words.Rank(f, tx.Now).Score));
        var taken = await tx.Db.Findings.Where(f => f.RepositoryId == repository.Id && f.IssueReference != null && f.WorkItemId != null).ToListAsync(ct).ConfigureAwait(false);
        var distinct = WithoutRepetition(ranked, taken, r => r.Finding, r => r.Score, repository.Kind == RepositoryKind.GitHub ? RepositoryName.Parse(repository.Location) : null).ToList();
        await JoinAsync(tx, distinct.Select(r => r.Finding), words, ct).ConfigureAwait(false);
        var groups = ProposalGroups.Of(distinct.Where(r => r.Finding.WorkItemId is null), r => r.Finding, words.Configuration.Analyzer.GroupProposals);
        var chosen = WithinCaps(groups, g => g[0].Finding.Path, g => g.Max(r => r.Score), words.Configuration.Analyzer).ToList();
        foreach (var group in chosen)
        {
            var item = await CreateAsync(tx, [.. group.Select(r => r.Finding)], null, WorkItemState.Proposed, words, ct).ConfigureAwait(false);
            tx.Audit(new AuditRecord("proposal", "work_item.proposed", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["repository"] = repository.Name, ["fingerprint"] = item.Fingerprint, ["findings"] = group.Count, ["commit"] = commit }));
            tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
        }

        return chosen.Count;
    }

    /// <summary>What is new in a file, or a directory, of which something waits for a decision joins it. What is decided on stays as it is.</summary>
    private static async Task JoinAsync(StoreTransaction tx, IEnumerable<FindingEntity> candidates, Words words, CancellationToken ct)
    {
        var grouping = words.Configuration.Analyzer.GroupProposals;
        if (grouping == ProposalGroups.None)
        {
            return;
        }

        var open = (await tx.Db.WorkItems.Include(w => w.Findings).Where(w => w.RepositoryId == words.Repository.Id && w.State == WorkItemState.Proposed && w.FindingId != null).OrderBy(w => w.Id).ToListAsync(ct).ConfigureAwait(false))
            .Select(w => (Item: w, Keys: w.Findings.Select(f => ProposalGroups.KeyOf(f, grouping)).Distinct().ToList()))
            .Where(w => w.Keys is [not null]).ToLookup(w => w.Keys[0], w => w.Item);
        foreach (var group in ProposalGroups.Of(candidates, f => f, grouping).SelectMany(g => g).Where(f => ProposalGroups.KeyOf(f, grouping) is not null).GroupBy(f => ProposalGroups.KeyOf(f, grouping)))
        {
            foreach (var finding in group)
            {
                if (open[group.Key].FirstOrDefault(w => ProposalGroups.HasRoom(w.Findings, finding)) is { } item)
                {
                    item.Findings.Add(finding);
                    finding.WorkItemId = item.Id;
                }
            }

            foreach (var item in open[group.Key].Where(w => w.Findings.Any(group.Contains)))
            {
                Describe(tx, item, words);
                tx.Audit(new AuditRecord("proposal", "work_item.joined", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["findings"] = item.Findings.Count(group.Contains), ["commit"] = words.Commit }));
                tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
            }
        }
    }

    /// <param name="fingerprint">What the item is known by already; null: it is known by the first of its findings.</param>
    private static async Task<WorkItemEntity> CreateAsync(StoreTransaction tx, IReadOnlyList<FindingEntity> findings, string? fingerprint, WorkItemState state, Words words, CancellationToken ct)
    {
        var item = new WorkItemEntity
        {
            RepositoryId = words.Repository.Id,
            Fingerprint = fingerprint ?? findings[0].Fingerprint,
            Title = "",
            Body = "",
            ScoreTerms = "[]",
            Labels = JsonSerializer.Serialize(words.ScannerOf(findings[0]).Labels),
            CorrelationId = tx.Operation.CorrelationId,
            State = state,
            CreatedAt = tx.Now,
        };
        foreach (var finding in findings)
        {
            item.Findings.Add(finding);
        }

        Describe(tx, item, words);
        tx.Db.WorkItems.Add(item);
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        return item;
    }

    /// <summary>What was proposed before this store knew of it takes its issue over, and what people decided there.</summary>
    private static async Task AdoptAsync(StoreTransaction tx, IReadOnlyList<FindingEntity> findings, GitHubIssue issue, Words words, CancellationToken ct)
    {
        var (state, why) = issue switch
        {
            { IsOpen: true } => (WorkItemState.Proposed, null),
            { StateReason: "not_planned" } => (WorkItemState.Rejected, "Closed on GitHub as not planned."),
            _ => (WorkItemState.Closed, "Closed on GitHub."),
        };
        var item = await CreateAsync(tx, findings, ProposalText.MarkerOf(issue.Body) is { } marker ? ProposalText.FingerprintOf(marker) : null, state, words, ct).ConfigureAwait(false);
        item.StateReason = why;
        item.RejectedTextHash = state == WorkItemState.Rejected ? item.Says() : null;
        // Only what is exactly what we write is known to be ours; of another text the effect that wants to change it finds out who wrote it.
        var text = ProposalText.Read(issue.Title, issue.Body);
        var isOurs = text == ProposalText.Of(item);
        tx.Db.ProposalIssues.Add(new ProposalIssueEntity
        {
            WorkItemId = item.Id,
            Repository = words.Configuration.GitHub.ManagerRepo!,
            Number = issue.Number,
            Url = issue.Url.AbsoluteUri,
            TitleSha256 = isOurs ? text.TitleSha256 : "",
            BodySha256 = isOurs ? text.BodySha256 : "",
            IsOpen = issue.IsOpen,
            WrittenAt = issue.CreatedAt,
            UpdatedAt = tx.Now,
        });
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        tx.Audit(new AuditRecord("proposal", "work_item.adopted", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["repository"] = words.Repository.Name, ["fingerprint"] = item.Fingerprint, ["issue"] = issue.Url.AbsoluteUri, ["state"] = ManagerJson.Name(state) }));
        tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(state), item.Title);
    }

    /// <summary>The caps limit new proposals of one scan, best first; what is over them waits, and is not lost.</summary>
    public static IEnumerable<T> WithinCaps<T>(IEnumerable<T> candidates, Func<T, string> path, Func<T, double> score, AnalyzerConfiguration analyzer)
    {
        var perFile = new Dictionary<string, int>();
        return candidates.OrderByDescending(score).ThenBy(path, StringComparer.Ordinal).Where(c =>
        {
            var count = perFile.GetValueOrDefault(path(c));
            perFile[path(c)] = count + 1;
            return count < analyzer.MaxTodosPerFile;
        }).Take(analyzer.MaxIssuesPerRepo);
    }

    /// <summary>The same problem seen by two scanners is one work item: a comment that waits for an issue, and that issue itself. The better ranked one speaks for both.</summary>
    /// <param name="taken">Findings that are proposed already.</param>
    /// <param name="repository">Null for a local one, whose comments may mean the issues of anything.</param>
    public static IEnumerable<T> WithoutRepetition<T>(IEnumerable<T> candidates, IEnumerable<FindingEntity> taken, Func<T, FindingEntity> finding, Func<T, double> score, RepositoryName? repository)
    {
        var scanners = new Dictionary<int, string>();
        foreach (var proposed in taken)
        {
            MaySpeak(proposed);
        }

        return candidates.OrderByDescending(score).ThenBy(c => finding(c).Path, StringComparer.Ordinal).Where(c => MaySpeak(finding(c)));

        // Two comments on one issue are two places to work at.
        bool MaySpeak(FindingEntity f) => IssueReference.NumberIn(f.IssueReference, repository) is not { } number || scanners.TryAdd(number, f.Scanner) || scanners[number] == f.Scanner;
    }

    /// <summary>What people decided on each kind of work in a repository, and on what came of it: a pull request closed without a merge is a no as well. The ranking learns from it.</summary>
    public static async Task<IReadOnlyDictionary<WorkKind, KindHistory>> HistoryAsync(ManagerDbContext db, long repositoryId, CancellationToken ct)
        => (await db.WorkItems.Where(w => w.RepositoryId == repositoryId)
                .Select(w => new { w.Kind, Merged = w.State == WorkItemState.Done, Refused = w.State == WorkItemState.Rejected || (w.State != WorkItemState.Done && db.PullRequests.Any(p => p.WorkItemId == w.Id && p.State == PullRequestStates.Closed)) })
                .Where(w => w.Merged || w.Refused)
                .GroupBy(w => new { w.Kind, w.Merged }).Select(g => new { g.Key.Kind, g.Key.Merged, Count = g.Count() }).ToListAsync(ct).ConfigureAwait(false))
            .GroupBy(g => g.Kind)
            .ToDictionary(g => g.Key, g => new KindHistory(g.Where(x => x.Merged).Sum(x => x.Count), g.Where(x => !x.Merged).Sum(x => x.Count)));

    private static async Task<bool> CloseAsync(StoreTransaction tx, WorkItemEntity item, string commit, bool withoutCommit, CancellationToken ct)
    {
        var why = withoutCommit ? "What was found is no longer so." : $"The finding is gone since {Short(commit)}.";
        item.ClosedByCommit = commit;
        if (item.State is WorkItemState.Running or WorkItemState.Done or WorkItemState.Closed)
        {
            // A run in flight finds out by itself (staleness at publish); ended items stay as they are.
            return false;
        }

        await WithdrawAsync(tx, item, why, ct).ConfigureAwait(false);
        WorkItemStateMachine.Move(tx, item, item.State == WorkItemState.Review ? WorkItemState.Done : WorkItemState.Closed, why);
        return true;
    }

    private static async Task FollowAsync(StoreTransaction tx, WorkItemEntity item, Words words, CancellationToken ct)
    {
        if (item.State is WorkItemState.Queued or WorkItemState.Running or WorkItemState.Review or WorkItemState.Done)
        {
            // The text a run was approved for stays as it was; staleness is judged at claim and at publish.
            return;
        }

        var before = (item.Title, item.Body);
        Describe(tx, item, words);
        if (item.State == WorkItemState.Rejected && item.RejectedTextHash != item.Says())
        {
            WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, "Its text has changed since it was rejected.");
        }
        else if (item.State == WorkItemState.Approved && before != (item.Title, item.Body))
        {
            await WithdrawAsync(tx, item, "Changed since it was approved.", ct).ConfigureAwait(false);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, "Changed since it was approved: look again.");
        }
    }

    private static async Task WithdrawAsync(StoreTransaction tx, WorkItemEntity item, string reason, CancellationToken ct)
    {
        foreach (var approval in await tx.Db.Approvals.Where(a => a.WorkItemId == item.Id && a.State == ApprovalStates.Active).ToListAsync(ct).ConfigureAwait(false))
        {
            approval.State = ApprovalStates.Stale;
            approval.StateReason = reason;
        }

        // A run nobody holds yet has nothing to do any more, and its claim must not bring the item back.
        foreach (var run in await tx.Db.Runs.Where(r => r.WorkItemId == item.Id && (r.State == RunState.Queued || r.State == RunState.Parked)).ToListAsync(ct).ConfigureAwait(false))
        {
            RunStateMachine.Move(tx, run, RunState.Ended, reason, RunEndReason.Cancelled);
        }
    }

    private static void Describe(StoreTransaction tx, WorkItemEntity item, Words words)
    {
        var findings = item.Present();
        var (finding, ranking) = findings.Select(f => (Finding: f, Ranking: words.Rank(f, tx.Now))).MaxBy(f => f.Ranking.Score);
        item.Finding = finding;
        item.Kind = ranking.Kind;
        item.ComputedScore = ranking.Score;
        item.Score = item.ScoreOverride ?? ranking.Score;
        item.ScoreTerms = JsonSerializer.Serialize(ranking.Terms, ManagerJson.Options);
        (item.Title, item.Body) = ProposalGroups.Describe(findings, words.ScannerOf(finding), new ProposalPlace(words.Repository, words.Commit, words.Configuration.GitHub));
        item.BaseCommit = words.Commit;
        WorkItemStateMachine.Touch(tx, item);
    }

    private static string Short(string commit) => commit.Length > 12 ? commit[..12] : commit;

    /// <summary>What the texts and ranks of one scan's proposals are made of.</summary>
    private sealed record Words(RepositoryEntity Repository, string Commit, ManagerConfiguration Configuration, IReadOnlyDictionary<string, IScanner> Scanners, IReadOnlyDictionary<WorkKind, KindHistory> History)
    {
        public IScanner ScannerOf(FindingEntity finding) => Scanners[finding.Scanner];

        public Ranking Rank(FindingEntity finding, DateTimeOffset now) => Ranker.Rank(ScannerOf(finding).Weigh(finding) with { History = History }, Configuration.Ranking, now);
    }
}
