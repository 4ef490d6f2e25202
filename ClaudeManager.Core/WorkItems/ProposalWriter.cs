using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
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
    private static readonly string[] s_labels = [GitHubGateway.ProposalLabel, "refactor", "todo"];

    /// <summary>GitHub's calls for so many proposals, at most: one for each issue, and once the repository's state, the listing of what is there, and the labels.</summary>
    public static int ExpectedCalls(int issues) => issues == 0 ? 0 : issues + 2 + ProposalLabels.MostCalls(s_labels);

    /// <param name="written">Issues on GitHub by which something was proposed, by this store or by one that is gone.</param>
    public static async Task<ProposalCounts> ApplyAsync(StoreTransaction tx, RepositoryEntity repository, FindingChanges changes, bool propose, IReadOnlyDictionary<Marker, GitHubIssue> written, ManagerConfiguration configuration, CancellationToken ct)
    {
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        var affected = changes.Moved.Concat(changes.Changed).Concat(changes.Gone).Concat(changes.Returned).Select(f => f.Id).ToHashSet();
        var items = (await tx.Db.WorkItems.Where(w => w.RepositoryId == repository.Id && w.FindingId != null).ToListAsync(ct).ConfigureAwait(false))
            .Where(w => affected.Contains(w.FindingId!.Value)).ToDictionary(w => w.FindingId!.Value);
        var history = await HistoryAsync(tx.Db, repository.Id, ct).ConfigureAwait(false);
        int closed = 0, reopened = 0;
        foreach (var finding in changes.Gone)
        {
            if (items.TryGetValue(finding.Id, out var item) && await CloseAsync(tx, item, changes.Commit, ct).ConfigureAwait(false))
            {
                closed++;
            }
        }

        foreach (var finding in changes.Moved.Concat(changes.Changed))
        {
            if (items.TryGetValue(finding.Id, out var item))
            {
                await FollowAsync(tx, repository, item, finding, changes.Commit, configuration, history, ct).ConfigureAwait(false);
            }
        }

        foreach (var finding in changes.Returned)
        {
            if (items.TryGetValue(finding.Id, out var item))
            {
                if (item.RejectedTextHash == finding.TextHash)
                {
                    continue;
                }

                Describe(tx, repository, item, finding, changes.Commit, configuration, history);
                if (item.State is WorkItemState.Closed or WorkItemState.Done)
                {
                    WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, $"Came back with {Short(changes.Commit)}.");
                    reopened++;
                }
            }
        }

        var proposed = propose ? await ProposeAsync(tx, repository, changes.Commit, written, configuration, history, ct).ConfigureAwait(false) : 0;
        return new ProposalCounts(proposed, closed, reopened);
    }

    /// <summary>Proposes the best of what is found and not yet proposed, within the caps of one scan.</summary>
    private static async Task<int> ProposeAsync(StoreTransaction tx, RepositoryEntity repository, string commit, IReadOnlyDictionary<Marker, GitHubIssue> written, ManagerConfiguration configuration, IReadOnlyDictionary<WorkKind, KindHistory> history, CancellationToken ct)
    {
        var waiting = await tx.Db.Findings
            .Where(f => f.RepositoryId == repository.Id && !f.Gone && !tx.Db.WorkItems.Any(w => w.FindingId == f.Id))
            .ToListAsync(ct).ConfigureAwait(false);
        foreach (var finding in waiting.ToList())
        {
            if (written.Count > 0 && written.TryGetValue(ProposalText.MarkerOf(repository, finding.Fingerprint), out var issue))
            {
                await AdoptAsync(tx, repository, finding, issue, commit, configuration, history, ct).ConfigureAwait(false);
                waiting.Remove(finding);
            }
        }

        var ranked = waiting.Select(f => (Finding: f, Ranking: Rank(f, configuration, tx.Now, history)));
        var chosen = WithinCaps(ranked, r => r.Finding.Path, r => r.Ranking.Score, configuration.Analyzer).ToList();
        foreach (var (finding, _) in chosen)
        {
            var item = await CreateAsync(tx, repository, finding, WorkItemState.Proposed, commit, configuration, history, ct).ConfigureAwait(false);
            tx.Audit(new AuditRecord("proposal", "work_item.proposed", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["repository"] = repository.Name, ["fingerprint"] = item.Fingerprint, ["commit"] = commit }));
            tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
        }

        return chosen.Count;
    }

    private static async Task<WorkItemEntity> CreateAsync(
        StoreTransaction tx, RepositoryEntity repository, FindingEntity finding, WorkItemState state, string commit, ManagerConfiguration configuration, IReadOnlyDictionary<WorkKind, KindHistory> history, CancellationToken ct)
    {
        var item = new WorkItemEntity
        {
            RepositoryId = repository.Id,
            Finding = finding,
            Fingerprint = finding.Fingerprint,
            Title = "",
            Body = "",
            ScoreTerms = "[]",
            Labels = JsonSerializer.Serialize(s_labels),
            CorrelationId = tx.Operation.CorrelationId,
            State = state,
            CreatedAt = tx.Now,
        };
        Describe(tx, repository, item, finding, commit, configuration, history);
        tx.Db.WorkItems.Add(item);
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        return item;
    }

    /// <summary>A finding that was proposed before this store knew of it takes its issue over, and what people decided there.</summary>
    private static async Task AdoptAsync(
        StoreTransaction tx, RepositoryEntity repository, FindingEntity finding, GitHubIssue issue, string commit, ManagerConfiguration configuration, IReadOnlyDictionary<WorkKind, KindHistory> history, CancellationToken ct)
    {
        var (state, why) = issue switch
        {
            { IsOpen: true } => (WorkItemState.Proposed, null),
            { StateReason: "not_planned" } => (WorkItemState.Rejected, "Closed on GitHub as not planned."),
            _ => (WorkItemState.Closed, "Closed on GitHub."),
        };
        var item = await CreateAsync(tx, repository, finding, state, commit, configuration, history, ct).ConfigureAwait(false);
        item.StateReason = why;
        item.RejectedTextHash = state == WorkItemState.Rejected ? finding.TextHash : null;
        var text = ProposalText.Read(issue.Title, issue.Body);
        tx.Db.ProposalIssues.Add(new ProposalIssueEntity
        {
            WorkItemId = item.Id,
            Repository = configuration.GitHub.ManagerRepo!,
            Number = issue.Number,
            Url = issue.Url.AbsoluteUri,
            TitleSha256 = text.TitleSha256,
            BodySha256 = text.BodySha256,
            IsOpen = issue.IsOpen,
            WrittenAt = issue.CreatedAt,
            UpdatedAt = tx.Now,
        });
        await tx.Db.SaveChangesAsync(ct).ConfigureAwait(false);
        tx.Audit(new AuditRecord("proposal", "work_item.adopted", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["repository"] = repository.Name, ["fingerprint"] = item.Fingerprint, ["issue"] = issue.Url.AbsoluteUri, ["state"] = ManagerJson.Name(state) }));
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

    public static Ranking Rank(FindingEntity finding, ManagerConfiguration configuration, DateTimeOffset now, IReadOnlyDictionary<WorkKind, KindHistory>? history = null)
        => Ranker.Rank(new RankInput(finding.Marker, finding.Text, finding.Path, finding.Priority, finding.DueOn, finding.AuthoredAt, [], history), configuration.Ranking, now);

    /// <summary>What people decided on each kind of work in a repository, and on what came of it: a pull request closed without a merge is a no as well. The ranking learns from it.</summary>
    public static async Task<IReadOnlyDictionary<WorkKind, KindHistory>> HistoryAsync(ManagerDbContext db, long repositoryId, CancellationToken ct)
        => (await db.WorkItems.Where(w => w.RepositoryId == repositoryId)
                .Select(w => new { w.Kind, Merged = w.State == WorkItemState.Done, Refused = w.State == WorkItemState.Rejected || (w.State != WorkItemState.Done && db.PullRequests.Any(p => p.WorkItemId == w.Id && p.State == PullRequestStates.Closed)) })
                .Where(w => w.Merged || w.Refused)
                .GroupBy(w => new { w.Kind, w.Merged }).Select(g => new { g.Key.Kind, g.Key.Merged, Count = g.Count() }).ToListAsync(ct).ConfigureAwait(false))
            .GroupBy(g => g.Kind)
            .ToDictionary(g => g.Key, g => new KindHistory(g.Where(x => x.Merged).Sum(x => x.Count), g.Where(x => !x.Merged).Sum(x => x.Count)));

    private static async Task<bool> CloseAsync(StoreTransaction tx, WorkItemEntity item, string commit, CancellationToken ct)
    {
        item.ClosedByCommit = commit;
        if (item.State is WorkItemState.Running or WorkItemState.Done or WorkItemState.Closed)
        {
            // A run in flight finds out by itself (staleness at publish); ended items stay as they are.
            return false;
        }

        await WithdrawAsync(tx, item, $"The finding is gone since {Short(commit)}.", ct).ConfigureAwait(false);
        WorkItemStateMachine.Move(tx, item, item.State == WorkItemState.Review ? WorkItemState.Done : WorkItemState.Closed, $"The finding is gone since {Short(commit)}.");
        return true;
    }

    private static async Task FollowAsync(StoreTransaction tx, RepositoryEntity repository, WorkItemEntity item, FindingEntity finding, string commit, ManagerConfiguration configuration, IReadOnlyDictionary<WorkKind, KindHistory> history, CancellationToken ct)
    {
        if (item.State is WorkItemState.Queued or WorkItemState.Running or WorkItemState.Review or WorkItemState.Done)
        {
            // The text a run was approved for stays as it was; staleness is judged at claim and at publish.
            return;
        }

        var before = (item.Title, item.Body);
        Describe(tx, repository, item, finding, commit, configuration, history);
        if (item.State == WorkItemState.Rejected && item.RejectedTextHash != finding.TextHash)
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

    private static void Describe(StoreTransaction tx, RepositoryEntity repository, WorkItemEntity item, FindingEntity finding, string commit, ManagerConfiguration configuration, IReadOnlyDictionary<WorkKind, KindHistory> history)
    {
        var ranking = Rank(finding, configuration, tx.Now, history);
        item.Kind = ranking.Kind;
        item.ComputedScore = ranking.Score;
        item.Score = item.ScoreOverride ?? ranking.Score;
        item.ScoreTerms = JsonSerializer.Serialize(ranking.Terms, ManagerJson.Options);
        item.Title = InertText.Title($"Address {finding.Marker} in {finding.Path}:{finding.Line.ToString(CultureInfo.InvariantCulture)}");
        item.Body = Body(repository, finding, commit, configuration.GitHub);
        item.BaseCommit = commit;
        WorkItemStateMachine.Touch(tx, item);
    }

    /// <summary>The body that Gen-1's issues had, on which people's workflows depend.</summary>
    private static string Body(RepositoryEntity repository, FindingEntity finding, string commit, GitHubConfiguration github)
        => $"""
            A {InertText.Code(finding.Marker)} comment asks for work: {InertText.Code(finding.Text.Length == 0 ? finding.Marker : finding.Text)}

            **Repository:** {InertText.Title(repository.Name)}
            **File:** {InertText.Code(finding.Path)}
            **Line:** {finding.Line.ToString(CultureInfo.InvariantCulture)}
            **Context:**

            {InertText.Fence(finding.Context)}

            **Direct Link:** {Link(repository, finding, commit, github)}
            """;

    /// <summary>The place in the commit, which stays what it was; on GitHub as an address people can follow.</summary>
    private static string Link(RepositoryEntity repository, FindingEntity finding, string commit, GitHubConfiguration github)
    {
        var line = finding.Line.ToString(CultureInfo.InvariantCulture);
        return repository.Kind == RepositoryKind.GitHub
            ? $"{GitHubAddress.Of(github.BaseUrl).Web}{repository.Location}/blob/{commit}/{string.Join('/', finding.Path.Split('/').Select(Uri.EscapeDataString))}#L{line}"
            : InertText.Code($"{Short(commit)}:{finding.Path}#L{line}");
    }

    private static string Short(string commit) => commit.Length > 12 ? commit[..12] : commit;
}
