using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Security;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>Files the issue of a work item.</summary>
public sealed class CreateIssueEffect(Store store, GitHubGateway gateway, ProposalLabels labels, CurrentConfiguration configuration) : ProposalEffect(ProposalIssues.Create, store)
{
    public override async Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct)
    {
        var asked = PayloadOf<IssueCreation>(entry);
        var (item, known) = await ReadAsync(asked.WorkItemId, ct).ConfigureAwait(false);
        var mayBeThere = entry.Attempt > 1;
        var wanted = ProposalIssues.IsWanted(item.State);
        if (known is not null || (!wanted && !mayBeThere))
        {
            return Nothing;
        }

        if (!RepositoryName.TryParse(configuration.Value.GitHub.ManagerRepo, out var repository))
        {
            throw new ProposalException(ErrorCodes.ManagerRepositoryMissing, "There is no repository to file issues in.", "Set github.managerRepo to owner/name.");
        }

        try
        {
            var marker = ProposalText.MarkerOf(asked.Body) ?? throw new InvalidOperationException($"Entry {entry.Id} has no marker.");
            var issue = mayBeThere ? await gateway.FindIssueAsync(repository, marker, Since(entry), ct).ConfigureAwait(false) : null;
            if (issue is null && !wanted)
            {
                return Nothing;
            }

            if (issue is null)
            {
                await labels.EnsureAsync(repository, item.LabelList(), ct).ConfigureAwait(false);
                issue = await gateway.CreateIssueAsync(repository, asked.Title, asked.Body, item.LabelList(), marker, ct).ConfigureAwait(false);
            }

            return (tx, token) => RecordAsync(tx, asked, repository, issue, token);
        }
        catch (GitHubException problem) when (problem.Problem is GitHubProblem.NotFound or GitHubProblem.Gone or GitHubProblem.Moved)
        {
            throw new ProposalException(ErrorCodes.IssuesNotPossible, $"No issue can be filed in {repository}: {problem.Message}", "Set github.managerRepo to a repository with issues in which the token may write.", problem);
        }
    }

    private static async Task RecordAsync(StoreTransaction tx, IssueCreation asked, RepositoryName repository, GitHubIssue issue, CancellationToken ct)
    {
        if (!await tx.Db.ProposalIssues.AnyAsync(p => p.WorkItemId == asked.WorkItemId, ct).ConfigureAwait(false))
        {
            var text = ProposalText.Read(asked.Title, asked.Body);
            tx.Db.ProposalIssues.Add(new ProposalIssueEntity
            {
                WorkItemId = asked.WorkItemId,
                Repository = repository.ToString(),
                Number = issue.Number,
                Url = issue.Url.ToString(),
                TitleSha256 = text.TitleSha256,
                BodySha256 = text.BodySha256,
                // What people did to it since is the poll's to find out.
                IsOpen = true,
                WrittenAt = tx.Now,
                UpdatedAt = tx.Now,
            });
            tx.Publish("work_item.changed", "work_item", asked.WorkItemId, text: asked.Title);
            await LookAgainAsync(tx, asked.WorkItemId, ct).ConfigureAwait(false);
        }
    }
}

/// <summary>Brings the text of an issue up to date, unless a person has changed it: then it is theirs.</summary>
public sealed class UpdateIssueEffect(Store store, GitHubGateway gateway, LabelApproval approval) : ProposalEffect(ProposalIssues.Update, store)
{
    public override async Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct)
    {
        var (item, known) = await ReadAsync(PayloadOf<IssueChange>(entry).WorkItemId, ct).ConfigureAwait(false);
        var text = ProposalText.Of(item);
        if (known is null || !ProposalIssues.IsWanted(item.State) || text.IsAsWritten(known))
        {
            return Nothing;
        }

        var repository = RepositoryName.Parse(known.Repository);
        if (await gateway.GetIssueAsync(repository, known.Number, ct).ConfigureAwait(false) is not { } issue)
        {
            return Record(item.Id, null);
        }

        var there = ProposalText.Read(issue.Title, issue.Body);
        if (there != text)
        {
            if (!there.IsAsWritten(known) && !await IsOursAsync(known, repository, issue, ct).ConfigureAwait(false))
            {
                return Nothing;
            }

            var marker = ProposalText.MarkerOf(issue.Body) ?? ProposalText.MarkerOf(item.Repository!, item.Fingerprint);
            await gateway.UpdateIssueAsync(repository, known.Number, text.Title, text.Marked(item, marker), ct).ConfigureAwait(false);
        }

        return Record(item.Id, (issue, tx) => (issue.TitleSha256, issue.BodySha256, issue.WrittenAt) = (text.TitleSha256, text.BodySha256, tx.Now));
    }

    /// <summary>An issue of a store that is lost was taken over without knowing who wrote its text.</summary>
    private async Task<bool> IsOursAsync(ProposalIssueEntity known, RepositoryName repository, GitHubIssue issue, CancellationToken ct)
    {
        var self = await gateway.GetOwnAccountAsync(ct).ConfigureAwait(false);
        return known.BodySha256.Length == 0 && LabelApproval.IsBy(issue.Author, self)
            && await approval.IsWrittenByAsync(repository, known.Number, self, await approval.EventsAsync(repository, known.Number, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
    }
}

/// <summary>Closes the issue of a work item that is done, rejected or gone, and says why.</summary>
public sealed class CloseIssueEffect(Store store, GitHubGateway gateway, Redactor redactor, CurrentConfiguration configuration) : ProposalEffect(ProposalIssues.Close, store)
{
    public override async Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct)
    {
        var (item, known) = await ReadAsync(PayloadOf<IssueChange>(entry).WorkItemId, ct).ConfigureAwait(false);
        if (known is not { IsOpen: true } || ProposalIssues.IsWanted(item.State))
        {
            return Nothing;
        }

        var repository = RepositoryName.Parse(known.Repository);
        if (await gateway.GetIssueAsync(repository, known.Number, ct).ConfigureAwait(false) is not { } issue)
        {
            return Record(item.Id, null);
        }

        if (issue.IsOpen)
        {
            var marker = MarkerOf(entry);
            if (Why(item) is { } why && (entry.Attempt == 1 || await gateway.FindCommentAsync(repository, known.Number, marker, Since(entry), ct).ConfigureAwait(false) is null))
            {
                await gateway.CreateCommentAsync(repository, known.Number, redactor.Redact(why), marker, ct).ConfigureAwait(false);
            }

            await gateway.CloseIssueAsync(repository, known.Number, item.State == WorkItemState.Rejected ? GitHubCloseReason.NotPlanned : GitHubCloseReason.Completed, ct).ConfigureAwait(false);
        }

        return Record(item.Id, (issue, _) => issue.IsOpen = false);
    }

    private string? Why(WorkItemEntity item) => item.State switch
    {
        WorkItemState.Rejected => $"Rejected: {InertText.Code(item.StateReason ?? "no reason given")}",
        WorkItemState.Closed when item.ClosedByCommit is { } commit
            => $"The finding is gone since [{commit[..Math.Min(12, commit.Length)]}]({new Uri(GitHubAddress.Of(configuration.Value.GitHub.BaseUrl).Web, $"{item.Repository!.Location}/commit/{commit}")}).",
        WorkItemState.Closed when item.StateReason is { } reason => InertText.Code(reason),
        _ => null,
    };
}

/// <summary>Opens the issue of a work item again that has come back.</summary>
public sealed class ReopenIssueEffect(Store store, GitHubGateway gateway) : ProposalEffect(ProposalIssues.Reopen, store)
{
    public override async Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct)
    {
        var (item, known) = await ReadAsync(PayloadOf<IssueChange>(entry).WorkItemId, ct).ConfigureAwait(false);
        if (known is not { IsOpen: false } || !ProposalIssues.IsWanted(item.State))
        {
            return Nothing;
        }

        var repository = RepositoryName.Parse(known.Repository);
        if (await gateway.GetIssueAsync(repository, known.Number, ct).ConfigureAwait(false) is not { } issue)
        {
            // Deleted: without it, looking again files a new one.
            return Record(item.Id, null);
        }

        if (!issue.IsOpen)
        {
            await gateway.ReopenIssueAsync(repository, known.Number, ct).ConfigureAwait(false);
        }

        return Record(item.Id, (issue, _) => issue.IsOpen = true);
    }
}

/// <summary>Says something on the issue of a work item, once.</summary>
public sealed class CommentIssueEffect(Store store, GitHubGateway gateway, Redactor redactor) : ProposalEffect(ProposalIssues.Comment, store, GitHubLane.Interactive)
{
    private readonly Store _store = store;

    public override async Task<RecordEffect> CarryOutAsync(OutboxEntity entry, CancellationToken ct)
    {
        var asked = PayloadOf<IssueComment>(entry);
        var (_, known) = await ReadAsync(asked.WorkItemId, ct).ConfigureAwait(false);
        if (known is null || (asked.ForItsRun && await _store.ReadAsync((db, token) => db.Runs.AnyAsync(r => r.Id == entry.RunId && r.State == RunState.Ended, token), ct).ConfigureAwait(false)))
        {
            return Nothing;
        }

        var (repository, marker) = (RepositoryName.Parse(known.Repository), MarkerOf(entry));
        if (entry.Attempt == 1 || await gateway.FindCommentAsync(repository, known.Number, marker, Since(entry), ct).ConfigureAwait(false) is null)
        {
            await gateway.CreateCommentAsync(repository, known.Number, Cut(redactor.Redact(asked.Body), GitHubGateway.LongestBody - marker.ToString().Length - 8), marker, ct).ConfigureAwait(false);
        }

        return Nothing;
    }

    private static string Cut(string text, int length)
        => text.Length <= length ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, char.IsHighSurrogate(text[length - 2]) ? length - 2 : length - 1)}…");
}
