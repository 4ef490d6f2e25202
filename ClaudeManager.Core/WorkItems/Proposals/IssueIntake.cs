using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Agents.Mention;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Scanning;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>
/// Makes the work item of an issue whose store is gone, as in a job that starts with an empty data directory: what is known is in the issue itself. Our own issues are recognised by their marker;
/// one a person wrote needs an author who may approve, and says its repository in a line.
/// </summary>
public sealed partial class IssueIntake(
    Store store, GitHubGateway gateway, LabelApproval approval, ProposalInbox inbox, RepositoryRegistry repositories, ScanService scans, WorkItemService items, CurrentConfiguration configuration)
{
    /// <summary>Comments that end a run: a label older than one of these, or than a mention of an agent that answers by itself, has had its run.</summary>
    public const string ResultMarker = "result";

    /// <summary>Takes an issue in, or the one that is known, and looks at its label at once.</summary>
    /// <param name="where"><c>owner/name</c> of the repository the issue is in.</param>
    public async Task<Outcome<WorkItemDetailDto>> TakeAsync(OperationContext operation, string where, int number, CancellationToken ct)
    {
        if (!RepositoryName.TryParse(where, out var repository) || !RepositoryName.TryParse(configuration.Value.GitHub.ManagerRepo, out var manager) || repository != manager)
        {
            return Refusal.Invalid("repository", $"'{where}' is not the repository where issues are filed (github.managerRepo).", "Name that repository, or set github.managerRepo to it.");
        }

        var name = manager.ToString();
        var known = await FindAsync(name, number, ct).ConfigureAwait(false);
        if (known is null)
        {
            var adopted = await AdoptAsync(operation, manager, number, ct).ConfigureAwait(false);
            if (adopted.Refusal is { } refusal)
            {
                return refusal;
            }

            known = adopted.Value;
        }

        await inbox.HandleAsync(operation, manager, number, ct).ConfigureAwait(false);
        return await items.GetAsync(known.Value, ct).ConfigureAwait(false);
    }

    private Task<long?> FindAsync(string repository, int number, CancellationToken ct)
        => store.ReadAsync((db, token) => db.ProposalIssues.Where(p => p.Repository == repository && p.Number == number).Select(p => (long?)p.WorkItemId).FirstOrDefaultAsync(token), ct);

    private async Task<Outcome<long>> AdoptAsync(OperationContext operation, RepositoryName manager, int number, CancellationToken ct)
    {
        var issue = await gateway.GetIssueAsync(manager, number, ct).ConfigureAwait(false);
        if (issue is null || issue.IsPullRequest)
        {
            return Refusal.NotFound("issue", number);
        }

        if (!issue.IsOpen)
        {
            return Refusal.Conflict("closed", $"{manager}#{number} is closed.", "Reopen it, and set the label again.");
        }

        var self = await gateway.GetOwnAccountAsync(ct).ConfigureAwait(false);
        var isOurs = LabelApproval.IsBy(issue.Author, self);
        if (!isOurs && (issue.Author is not { Kind: GitHubAccountKind.User } author || !(await gateway.GetPermissionAsync(manager, author.Login, ct).ConfigureAwait(false)).CanWrite))
        {
            return Refusal.Conflict("author", $"{manager}#{number} was written by {issue.Author?.Login ?? "a deleted account"}, who may not write in {manager}.", "Write the issue with an account that may, or with `claude-manager tasks new`.");
        }

        var marker = isOurs ? ProposalText.MarkerOf(issue.Body) : null;
        if (!RepositoryName.TryParse(RepositoryLine().Match(issue.Body.ReplaceLineEndings("\n")).Groups[1].Value, out var target))
        {
            return Refusal.Invalid("issue", $"{manager}#{number} does not say which repository it is about.", "Write the line `**Repository:** owner/name` into it.");
        }

        var registered = await repositories.AddAsync(operation, new AddRepositoryRequest(target.ToString()), ct).ConfigureAwait(false);
        if (registered.Value is not { } added)
        {
            return registered.Refusal!;
        }

        var scanned = await scans.ScanAsync(operation, added.Id, full: false, propose: false, ct).ConfigureAwait(false);
        if (scanned.Value is not { Error: null })
        {
            return scanned.Refusal ?? new Refusal(RefusalKind.Unavailable, "scan_failed", $"{target} cannot be scanned: {scanned.Value!.Error}");
        }

        var events = await approval.EventsAsync(manager, number, ct).ConfigureAwait(false);
        var isAsWritten = await approval.IsWrittenByAsync(manager, number, issue.Author!, events, ct).ConfigureAwait(false);
        var used = LabelApproval.SetBy(issue, events) is { } label && await IsAnsweredAsync(manager, number, label, self, ct).ConfigureAwait(false);
        return await store.WriteAsync<Outcome<long>>(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.SingleAsync(r => r.Id == added.Id, token).ConfigureAwait(false);
            var fingerprint = marker is { } m ? ProposalText.FingerprintOf(m) : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(issue.Url.AbsoluteUri)));
            if (marker is { } written && written != ProposalText.MarkerOf(repository, fingerprint))
            {
                return Refusal.Conflict("marker", $"{manager}#{number} was written for another repository than {target}.", "Do not change the line of the repository; write another issue.");
            }

            IReadOnlyList<string> fingerprints = marker is { } ours ? ProposalText.FingerprintsIn(issue.Body, ours) : [fingerprint];
            var findings = await tx.Db.Findings.Where(f => f.RepositoryId == repository.Id && f.WorkItemId == null && fingerprints.Contains(f.Fingerprint))
                .OrderBy(f => f.Gone).ThenBy(f => f.Path).ThenBy(f => f.Line).ToListAsync(token).ConfigureAwait(false);
            var finding = findings.FirstOrDefault();
            if (finding?.Gone == true || (finding is null && marker is not null && !ProposalLabels.Has(issue.Labels, ProposalLabels.Manual)))
            {
                return Refusal.Conflict("finding_gone", $"What {manager}#{number} is about is not in {target} any more.", "Close the issue.");
            }

            var there = ProposalText.Read(issue.Title, issue.Body);
            var ranking = Ranker.Rank(new RankInput(finding?.Marker ?? "", finding?.Text ?? there.Title, finding?.Path, finding?.Priority, finding?.DueOn, finding?.AuthoredAt, issue.Labels), configuration.Value.Ranking, tx.Now);
            var item = new WorkItemEntity
            {
                RepositoryId = repository.Id,
                FindingId = finding?.Id,
                Fingerprint = fingerprint,
                Title = there.Title,
                Body = there.Body,
                Kind = ranking.Kind,
                State = WorkItemState.Proposed,
                StateReason = used ? "The label has had its answer on the issue: take it off and set it again for another one." : null,
                Score = ranking.Score,
                ComputedScore = ranking.Score,
                ScoreTerms = JsonSerializer.Serialize(ranking.Terms, ManagerJson.Options),
                Labels = JsonSerializer.Serialize(issue.Labels),
                BaseCommit = repository.ScannedCommit,
                CorrelationId = operation.CorrelationId,
                CreatedAt = tx.Now,
                UpdatedAt = tx.Now,
            };
            tx.Db.WorkItems.Add(item);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            findings.ForEach(f => f.WorkItemId = item.Id);
            tx.Db.ProposalIssues.Add(new ProposalIssueEntity
            {
                WorkItemId = item.Id,
                Repository = manager.ToString(),
                Number = number,
                Url = issue.Url.AbsoluteUri,
                TitleSha256 = isAsWritten ? there.TitleSha256 : "",
                BodySha256 = isAsWritten ? there.BodySha256 : "",
                IsOpen = true,
                WrittenAt = issue.CreatedAt,
                LastEventId = used ? events[^1].Id : ProposalIssueEntity.NeverLookedAt,
                UpdatedAt = tx.Now,
            });
            tx.Audit(new AuditRecord("proposal", "work_item.adopted", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: new Dictionary<string, object?> { ["repository"] = target.ToString(), ["issue"] = issue.Url.AbsoluteUri, ["fingerprint"] = fingerprint }));
            tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
            return item.Id;
        }, ct).ConfigureAwait(false);
    }

    private async Task<bool> IsAnsweredAsync(RepositoryName manager, int number, GitHubIssueEvent label, GitHubAccount self, CancellationToken ct)
        => (await gateway.ListCommentsAsync(manager, number, label.At, ct).ConfigureAwait(false)).Items
            .Any(c => LabelApproval.IsBy(c.Author, self) && c.CreatedAt >= label.At && Marker.Find(c.Body) is { } answer
                && (answer.Kind is ResultMarker or MentionRunner.Name || (answer.Kind == ProposalInbox.RefusedMarker && answer.Key.EndsWith("/" + label.Id.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal))));

    // Inert text puts names between backticks.
    [GeneratedRegex(@"^\*\*Repository:\*\*[ \t]+`?([A-Za-z0-9._/-]+)`?[ \t]*$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex RepositoryLine();
}
