using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>Finds out which issues of ours people did something to, by one request for all of them, which costs nothing while nobody did.</summary>
public sealed class ProposalPoll(Store store, GitHubGateway gateway, ProposalInbox inbox, CurrentConfiguration configuration, ILogger<ProposalPoll> logger)
{
    public TimeSpan Interval => configuration.Value.GitHub.PollInterval;

    /// <summary>Looks at every repository with issues of ours whose turn it is. One that fails is logged and leaves the others alone.</summary>
    public async Task PollAsync(OperationContext operation, CancellationToken ct)
    {
        foreach (var name in await store.ReadAsync((db, token) => db.ProposalIssues.Select(p => p.Repository).Distinct().ToListAsync(token), ct).ConfigureAwait(false))
        {
            if (await ClaimAsync(operation, name, ct).ConfigureAwait(false) is not { } cursor)
            {
                continue;
            }

            try
            {
                await PollAsync(operation, RepositoryName.Parse(name), cursor, ct).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                Log.PollFailed(logger, name, fault);
            }
        }
    }

    private async Task PollAsync(OperationContext operation, RepositoryName repository, long cursor, CancellationToken ct)
    {
        var listed = await gateway.ListIssueEventsAsync(repository, cursor, ct).ConfigureAwait(false);
        var next = listed.Items.Count > 0 ? listed.Items[^1].Id : cursor;
        var changed = listed.Items.Select(e => e.IssueNumber).ToHashSet();
        if (cursor == 0 || !listed.IsComplete)
        {
            changed.UnionWith(await DifferingAsync(repository, ct).ConfigureAwait(false));
        }

        var name = repository.ToString();
        var ours = await store.ReadAsync((db, token) => db.ProposalIssues.Where(p => p.Repository == name && (changed.Contains(p.Number) || p.LastEventId == ProposalIssueEntity.NeverLookedAt)).Select(p => p.Number).ToListAsync(token), ct).ConfigureAwait(false);
        var settled = true;
        foreach (var number in ours)
        {
            try
            {
                settled &= await inbox.HandleAsync(operation, repository, number, ct).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                Log.IssueNotHandled(logger, name, number, fault);
                settled = false;
            }
        }

        // What is not settled is looked at again: the same events are read once more, and what was dealt with is known.
        if (settled && next != cursor)
        {
            await store.WriteAsync(operation, async (tx, token) => (await CursorAsync(tx, name, token).ConfigureAwait(false)).Value = next.ToString(CultureInfo.InvariantCulture), ct).ConfigureAwait(false);
        }
    }

    /// <summary>Without events to go by: issues that are not as we know them.</summary>
    private async Task<IEnumerable<int>> DifferingAsync(RepositoryName repository, CancellationToken ct)
    {
        const int pages = 100;
        var name = repository.ToString();
        var there = (await gateway.ListIssuesAsync(repository, null, ct, labels: [GitHubGateway.ProposalLabel], maximumPages: pages).ConfigureAwait(false)).Items.ToDictionary(i => i.Number);
        var known = await store.ReadAsync((db, token) => db.ProposalIssues.Where(p => p.Repository == name).Select(p => new { p.Number, p.IsOpen, p.LastEventId, p.WorkItem!.State }).ToListAsync(token), ct).ConfigureAwait(false);
        return known
            .Where(k => !there.TryGetValue(k.Number, out var issue) || issue.IsOpen != k.IsOpen || ProposalLabels.Has(issue.Labels, ProposalLabels.Approved)
                || k.State is WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Parked)
            .Select(k => k.Number);
    }

    /// <summary>The turn to look at a repository, for one process at a time: the newest event that was dealt with; null when it is too early.</summary>
    private Task<long?> ClaimAsync(OperationContext operation, string repository, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            await tx.Db.LockClaimsAsync(token).ConfigureAwait(false);
            var cursor = await CursorAsync(tx, repository, token).ConfigureAwait(false);
            // Every process looks once an interval, each at its own moment: whoever comes first, a little early included, does it.
            if (cursor.UpdatedAt > tx.Now - (Interval * 0.9))
            {
                return (long?)null;
            }

            cursor.UpdatedAt = tx.Now;
            return long.Parse(cursor.Value, CultureInfo.InvariantCulture);
        }, ct);

    private static async Task<SettingEntity> CursorAsync(StoreTransaction tx, string repository, CancellationToken ct)
    {
        // A name can be longer than a setting's.
        var key = "proposals.cursor:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(repository)))[..32];
        var cursor = await tx.Db.Settings.AsTracking().FirstOrDefaultAsync(s => s.Key == key, ct).ConfigureAwait(false);
        if (cursor is null)
        {
            cursor = new SettingEntity { Key = key, Value = "0", UpdatedAt = DateTimeOffset.UnixEpoch };
            tx.Db.Settings.Add(cursor);
        }

        return cursor;
    }
}
