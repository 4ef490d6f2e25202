using System.Globalization;
using System.Net;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Runs.Outcomes;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.WorkItems;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Publishing;

/// <summary>What is to be published on GitHub.</summary>
/// <param name="ObjectStore">The git directory of ours that has <paramref name="Commit"/>.</param>
/// <param name="FollowUp">When it goes on with a pull request that is there.</param>
/// <param name="Body">What the pull request says, without its marker.</param>
/// <param name="Reviewers">Logins of people who are asked to review.</param>
public sealed record PullRequestDraft(RepositoryEntity Repository, RunEntity Run, string ObjectStore, string Commit, string Title, string Body, ResultTrailers Trailers, string? BaseBranch, IReadOnlyList<string> Reviewers, FollowUp? FollowUp);

/// <param name="Repository">As it is called now.</param>
/// <param name="Notice">What did not work and does not matter to the result; else null.</param>
public sealed record PullRequestPublication(RepositoryName Repository, string Branch, GitHubPullRequest PullRequest, string? Notice);

/// <summary>
/// Pushes a result to its repository on GitHub and opens a draft pull request. A branch is made, or found as it is to be; somebody's commits are never pushed over. Every step looks first, so
/// that it may be tried again wherever an earlier attempt died.
/// </summary>
public sealed class GitHubPublisher(GitHubGateway gateway, GitHubRemote remote, RepositorySource source, Redactor redactor, ILogger<GitHubPublisher> logger)
{
    // So many branches of one name mean that something makes them in a loop; better to stop than to go on.
    private const int MaxSuffix = 20;

    private const string MarkerKind = "run";

    /// <summary>In the body of a pull request. The time tells it from a run of the same number in an earlier data directory.</summary>
    public static Marker MarkerOf(RunEntity run) => Marker.Of(MarkerKind, string.Create(CultureInfo.InvariantCulture, $"{run.Id}/{run.CreatedAt.ToUnixTimeSeconds()}"));

    /// <exception cref="GitHubException">GitHub did not do it.</exception>
    /// <exception cref="PublishException">It must not be done.</exception>
    public async Task<PullRequestPublication> PublishAsync(PullRequestDraft draft, CancellationToken ct)
    {
        var state = await StateAsync(draft.Repository, ct).ConfigureAwait(false);
        return draft.FollowUp is { } followUp
            ? await GoOnAsync(draft, followUp, state.Name, ct).ConfigureAwait(false)
            : await OpenAsync(draft, state, ct).ConfigureAwait(false);
    }

    /// <summary>Gets the commit a follow-up goes on from, where this machine does not have it.</summary>
    public async Task FetchAsync(RepositoryEntity repository, string objectStore, string commit, CancellationToken ct)
        => await FetchAsync((await StateAsync(repository, ct).ConfigureAwait(false)).Name, objectStore, commit, ct).ConfigureAwait(false);

    private async Task<GitHubRepositoryState> StateAsync(RepositoryEntity repository, CancellationToken ct)
    {
        var found = await source.FindStateAsync(RepositoryName.Parse(repository.Location), repository.GitHubId, ct).ConfigureAwait(false);
        return found switch
        {
            { Value: { CanWrite: true } state } => state,
            { Value: { } state } => throw new PublishException(ErrorCodes.PushNotAllowed, $"The credential may not push to {state.Name}: its permission there is {state.Permission}.", "Give it write access, then resume the run."),
            { Refusal: { } refusal } => throw new PublishException(refusal.Kind == RefusalKind.Unavailable ? ErrorCodes.PublishingUnavailable : ErrorCodes.PublishingRefused, refusal.Message, refusal.Fix),
            _ => throw new InvalidOperationException("Neither a state nor a refusal."),
        };
    }

    private async Task<PullRequestPublication> OpenAsync(PullRequestDraft draft, GitHubRepositoryState state, CancellationToken ct)
    {
        var (branch, expected) = await ChooseBranchAsync(draft, state.Name, ct).ConfigureAwait(false);
        await remote.PushAsync(draft.ObjectStore, state.Name, draft.Commit, branch, expected, ct).ConfigureAwait(false);

        var marker = MarkerOf(draft.Run);
        var title = InertText.Title(redactor.Redact(draft.Title));
        var body = BodyOf(draft, marker);
        var pull = await FindAsync(state.Name, branch, marker, ct).ConfigureAwait(false);
        if (pull is null)
        {
            pull = await CreateAsync(state.Name, branch, draft.BaseBranch ?? draft.Repository.BranchOverride ?? state.DefaultBranch!, title, body, marker, ct).ConfigureAwait(false);
        }
        else if (expected is not null && marker.IsIn(pull.Body))
        {
            // An earlier attempt of this run opened it for a commit that is not there any more.
            pull = await gateway.UpdatePullRequestAsync(state.Name, pull.Number, title, body, ct).ConfigureAwait(false);
        }

        return new PullRequestPublication(state.Name, branch, pull, await AskForReviewAsync(state.Name, pull, draft.Reviewers, ct).ConfigureAwait(false));
    }

    /// <summary>Onto the branch of an open pull request, as a child of the commit it stands at.</summary>
    private async Task<PullRequestPublication> GoOnAsync(PullRequestDraft draft, FollowUp followUp, RepositoryName repository, CancellationToken ct)
    {
        var pull = await gateway.GetPullRequestAsync(repository, followUp.PullRequest, ct).ConfigureAwait(false);
        if (pull is not { IsOpen: true } || pull.HeadBranch != followUp.Branch)
        {
            throw new PublishException(ErrorCodes.PullRequestClosed, $"Pull request {repository}#{followUp.PullRequest.ToString(CultureInfo.InvariantCulture)} is not open any more.");
        }

        await remote.PushAsync(draft.ObjectStore, repository, draft.Commit, followUp.Branch, followUp.Head, ct).ConfigureAwait(false);
        if (await IsOursAsync(repository, pull, ct).ConfigureAwait(false) is { } marker && BodyOf(draft, marker) is var body && body != pull.Body)
        {
            pull = await gateway.UpdatePullRequestAsync(repository, pull.Number, title: null, body, ct).ConfigureAwait(false);
        }

        return new PullRequestPublication(repository, followUp.Branch, pull with { HeadCommit = draft.Commit }, null);
    }

    /// <returns>The marker of a body of ours in which nobody else has written; else null: then it is theirs.</returns>
    private async Task<Marker?> IsOursAsync(RepositoryName repository, GitHubPullRequest pull, CancellationToken ct)
    {
        if (Marker.Find(pull.Body) is not { Kind: MarkerKind } marker)
        {
            return null;
        }

        var self = await gateway.GetOwnAccountAsync(ct).ConfigureAwait(false);
        var text = await gateway.GetPullRequestTextAsync(repository, pull.Number, ct).ConfigureAwait(false);
        return IsBy(pull.Author, self) && text is not null && (text.EditedAt is null || IsBy(text.Editor, self)) ? marker : null;
    }

    private string BodyOf(PullRequestDraft draft, Marker marker) => marker.AppendTo(Cut(redactor.Redact(draft.Body), GitHubGateway.LongestBody - marker.ToString().Length - 8));

    private static bool IsBy(GitHubAccount? account, GitHubAccount self) => string.Equals(account?.Login, self.Login, StringComparison.OrdinalIgnoreCase);

    /// <returns>A branch that is not there, has our commit, or is an earlier attempt's of this run: then with where it stands.</returns>
    private async Task<(string Branch, string? Expected)> ChooseBranchAsync(PullRequestDraft draft, RepositoryName repository, CancellationToken ct)
    {
        var wanted = BranchName.For(draft.Trailers.WorkItemId, draft.Title);
        for (var suffix = 1; suffix <= MaxSuffix; suffix++)
        {
            var branch = suffix == 1 ? wanted : string.Create(CultureInfo.InvariantCulture, $"{wanted}-{suffix}");
            var there = await remote.FindBranchAsync(draft.ObjectStore, repository, branch, ct).ConfigureAwait(false);
            if (there is null || there == draft.Commit)
            {
                return (branch, null);
            }

            if (await IsOfRunAsync(draft, repository, there, ct).ConfigureAwait(false))
            {
                return (branch, there);
            }
        }

        throw new PublishException(ErrorCodes.BranchNamesTaken, string.Create(CultureInfo.InvariantCulture, $"{repository} has {MaxSuffix} branches named like '{wanted}' already."), "Delete those that are not needed, then resume the run.");
    }

    /// <summary>Whether a commit was made by an earlier attempt of the same run: its trailers and the run's own time say so.</summary>
    private async Task<bool> IsOfRunAsync(PullRequestDraft draft, RepositoryName repository, string commit, CancellationToken ct)
    {
        await FetchAsync(repository, draft.ObjectStore, commit, ct).ConfigureAwait(false);
        var shown = await GitCommand.RunAsync(draft.ObjectStore, ["show", "--no-patch", "--format=%ct%n%(trailers:only,unfold)", commit], ct).ConfigureAwait(false);
        var lines = shown.Text.Split('\n', 2);
        return lines is [var time, var trailers] && time == draft.Run.CreatedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture) && draft.Trailers.AreIn(trailers);
    }

    private async Task FetchAsync(RepositoryName repository, string objectStore, string commit, CancellationToken ct)
    {
        if ((await GitCommand.TryAsync(objectStore, ["cat-file", "-e", commit + "^{tree}"], ct).ConfigureAwait(false)).ExitCode != 0)
        {
            await remote.FetchCommitAsync(objectStore, repository, commit, ct).ConfigureAwait(false);
        }
    }

    /// <summary>The pull request of a branch of ours that is still open, or that this very run opened.</summary>
    private async Task<GitHubPullRequest?> FindAsync(RepositoryName repository, string branch, Marker marker, CancellationToken ct)
        => await gateway.FindPullRequestAsync(repository, branch, ct).ConfigureAwait(false) is { } found
            && (found.IsOpen || (marker.IsIn(found.Body) && IsBy(found.Author, await gateway.GetOwnAccountAsync(ct).ConfigureAwait(false))))
                ? found : null;

    private async Task<GitHubPullRequest> CreateAsync(RepositoryName repository, string branch, string baseBranch, string title, string body, Marker marker, CancellationToken ct)
    {
        try
        {
            return await gateway.CreatePullRequestAsync(repository, branch, baseBranch, title, body, marker, ct).ConfigureAwait(false);
        }
        catch (GitHubException refused) when (refused.Status == HttpStatusCode.UnprocessableEntity)
        {
            // Somebody was faster, or the plan of a private repository has no drafts: an open one waits for people all the same.
            if (await FindAsync(repository, branch, marker, ct).ConfigureAwait(false) is { } found)
            {
                return found;
            }

            if (!refused.Message.Contains("draft", StringComparison.OrdinalIgnoreCase))
            {
                throw;
            }

            return await gateway.CreatePullRequestAsync(repository, branch, baseBranch, title, body, marker, ct, draft: false).ConfigureAwait(false);
        }
    }

    /// <summary>Somebody who cannot be asked is no reason to lose the result.</summary>
    private async Task<string?> AskForReviewAsync(RepositoryName repository, GitHubPullRequest pull, IReadOnlyList<string> reviewers, CancellationToken ct)
    {
        if (reviewers.Count == 0 || !pull.IsOpen)
        {
            return null;
        }

        try
        {
            await gateway.RequestReviewersAsync(repository, pull.Number, reviewers, ct).ConfigureAwait(false);
            return null;
        }
        catch (GitHubException refused) when (refused.Failure is FailureClass.Policy or FailureClass.Configuration)
        {
            Log.ReviewersNotAsked(logger, repository.ToString(), pull.Number, refused);
            return $"{string.Join(", ", reviewers)} could not be asked to review (executor.publish.reviewers): {refused.Message}";
        }
    }

    private static string Cut(string text, int length)
        => text.Length <= length ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[length - 2]) ? length - 2 : length - 1), "…");
}
