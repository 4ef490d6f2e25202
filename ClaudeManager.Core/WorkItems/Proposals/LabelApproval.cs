using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>Whether the label <see cref="ProposalLabels.Approved"/> on an issue is somebody's decision for exactly the text we wrote. Anybody with the role of triage can set a label: it is the person who counts.</summary>
public sealed class LabelApproval(Store store, GitHubGateway gateway)
{
    /// <summary>Before the login of who approved by label.</summary>
    public const string ApproverPrefix = "github:";

    private const string Changed = "It was changed since the service wrote it, or after the label was set: the label counts for the text as proposed only.";

    /// <summary>The event that set the label which is there now; null when it is not there.</summary>
    public static GitHubIssueEvent? SetBy(GitHubIssue issue, IEnumerable<GitHubIssueEvent> events)
        => ProposalLabels.Has(issue.Labels, ProposalLabels.Approved)
            ? events.LastOrDefault(e => e.Kind is "labeled" or "unlabeled" && IsApproval(e)) is { Kind: "labeled" } set ? set : null
            : null;

    public static bool IsApproval(GitHubIssueEvent happened) => string.Equals(happened.Label, ProposalLabels.Approved, StringComparison.OrdinalIgnoreCase);

    /// <summary>Everything but the state of the work item, asked of GitHub now.</summary>
    /// <param name="events">All of the issue.</param>
    /// <returns>Why it does not count; null when it does.</returns>
    public async Task<string?> ProblemAsync(ProposalIssueEntity proposal, GitHubIssueEvent label, IEnumerable<GitHubIssueEvent> events, CancellationToken ct)
    {
        if (label.Actor is not { } actor)
        {
            return "The account that set the label has been deleted.";
        }

        if (actor.Kind != GitHubAccountKind.User)
        {
            return $"{actor.Login} is not a person: only people approve.";
        }

        if (string.Equals(actor.Login, (await gateway.GetOwnAccountAsync(ct).ConfigureAwait(false)).Login, StringComparison.OrdinalIgnoreCase))
        {
            return "The label was set by the service's own account: it cannot approve its own proposals.";
        }

        var repository = RepositoryName.Parse(proposal.Repository);
        if (await gateway.GetPermissionAsync(repository, actor.Login, ct).ConfigureAwait(false) is { CanWrite: false } permission)
        {
            return $"{actor.Login} has the role {permission.Role} in {repository}; an approval needs write.";
        }

        if (events.Any(e => e.Kind == "renamed" && e.Id > label.Id))
        {
            return Changed;
        }

        // GitHub's times are whole seconds: what was edited in the second of the label may have been edited after it.
        var text = await gateway.GetIssueTextAsync(repository, proposal.Number, ct).ConfigureAwait(false);
        return text is null || text.EditedAt >= label.At || !ProposalText.Read(text.Title, text.Body).IsAsWritten(proposal) ? Changed : null;
    }

    /// <summary>Asked again right before a result is published: whether the label an approval came from is still there, by somebody who still may, for the same text.</summary>
    /// <returns>What has changed; null when nothing has, or when the approval did not come from a label.</returns>
    public async Task<string?> WithdrawnAsync(ApprovalEntity approval, CancellationToken ct)
    {
        if (!IsByLabel(approval))
        {
            return null;
        }

        var proposal = await store.ReadAsync((db, token) => db.ProposalIssues.FirstOrDefaultAsync(p => p.WorkItemId == approval.WorkItemId, token), ct).ConfigureAwait(false);
        if (proposal is null)
        {
            return "The issue whose label approved it is gone.";
        }

        var repository = RepositoryName.Parse(proposal.Repository);
        if (await gateway.GetIssueAsync(repository, proposal.Number, ct).ConfigureAwait(false) is not { IsOpen: true } issue)
        {
            return $"Issue {repository}#{proposal.Number} was closed or deleted during the run.";
        }

        var events = await EventsAsync(repository, proposal.Number, ct).ConfigureAwait(false);
        return SetBy(issue, events) is { } label
            ? await ProblemAsync(proposal, label, events, ct).ConfigureAwait(false)
            : $"The label {ProposalLabels.Approved} was taken off {repository}#{proposal.Number} during the run.";
    }

    /// <summary>Whether nobody but this account has written what an issue says: whoever edits or renames it has written it.</summary>
    internal async Task<bool> IsWrittenByAsync(RepositoryName repository, int number, GitHubAccount author, IEnumerable<GitHubIssueEvent> events, CancellationToken ct)
        => await gateway.GetIssueTextAsync(repository, number, ct).ConfigureAwait(false) is { } now
            && (now.EditedAt is null || IsBy(now.Editor, author)) && events.All(e => e.Kind != "renamed" || IsBy(e.Actor, author));

    internal static bool IsBy(GitHubAccount? account, GitHubAccount other) => string.Equals(account?.Login, other.Login, StringComparison.OrdinalIgnoreCase);

    public static bool IsByLabel(ApprovalEntity approval) => ApprovalSeal.Approvers(approval).Any(a => a.StartsWith(ApproverPrefix, StringComparison.Ordinal));

    /// <summary>Everything that happened to an issue, oldest first.</summary>
    internal async Task<IReadOnlyList<GitHubIssueEvent>> EventsAsync(RepositoryName repository, int number, CancellationToken ct)
    {
        const int pages = 50;
        var listed = await gateway.ListIssueEventsOfAsync(repository, number, ct, pages).ConfigureAwait(false);
        return listed.IsComplete ? listed.Items : throw new ProposalException(ErrorCodes.IssueTooLong, $"{repository}#{number} has more events than can be read.", "Close it; the work item can be decided on in the dashboard.");
    }
}
