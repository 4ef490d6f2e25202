using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.Repositories;

/// <summary>
/// Where a registered repository's commits are read: a local one's own directory, the mirror of one on GitHub. A mirror goes by GitHub's number, so it outlives a new name, and the one a
/// dry run made is there when the repository is registered.
/// </summary>
public sealed class RepositorySource(GitHubGateway gateway, GitHubMirrors mirrors, DataDirectory data)
{
    /// <summary>Opens it as it is now; of one on GitHub the mirror is first brought to where GitHub is.</summary>
    public async Task<Outcome<LocalRepository>> OpenAsync(RepositoryEntity repository, CancellationToken ct)
    {
        if (repository.Kind == RepositoryKind.Local)
        {
            return await LocalRepository.OpenAsync(repository.Location, repository.BranchOverride, ct).ConfigureAwait(false);
        }

        var state = await FindStateAsync(RepositoryName.Parse(repository.Location), repository.GitHubId, ct).ConfigureAwait(false);
        return state.Value is { } found ? await OpenAsync(found, repository.BranchOverride, ct).ConfigureAwait(false) : state.Refusal!;
    }

    /// <summary>Opens the mirror of a repository whose state at GitHub is known. When it says that nothing has changed, GitHub is sent nothing.</summary>
    public async Task<Outcome<LocalRepository>> OpenAsync(GitHubRepositoryState state, string? branch, CancellationToken ct)
    {
        try
        {
            var mirror = await mirrors.UpdateAsync(state.Id, state, branch, ct).ConfigureAwait(false);
            return await LocalRepository.OpenAsync(mirror.Path, branch, ct).ConfigureAwait(false);
        }
        catch (ClaudeManagerException fault)
        {
            return RefusalOf(state.Name, fault);
        }
    }

    /// <summary>Asks GitHub how a repository stands.</summary>
    /// <param name="id">GitHub's number of it, when it is known.</param>
    public async Task<Outcome<GitHubRepositoryState>> FindStateAsync(RepositoryName name, long? id, CancellationToken ct) => (await FindStatesAsync([(name, id)], ct).ConfigureAwait(false))[0];

    /// <summary>Asks GitHub how repositories stand, by one request for each hundred. The answers come in the order asked for; trouble with one of them is no other's.</summary>
    public async Task<IReadOnlyList<Outcome<GitHubRepositoryState>>> FindStatesAsync(IReadOnlyList<(RepositoryName Name, long? Id)> repositories, CancellationToken ct)
    {
        try
        {
            var answers = await gateway.GetStatesAsync([.. repositories.Select(r => r.Name)], ct).ConfigureAwait(false);
            return [.. answers.Zip(repositories, (answer, asked) => Judge(answer, asked.Id))];
        }
        catch (ClaudeManagerException fault)
        {
            return [.. repositories.Select(r => new Outcome<GitHubRepositoryState>(null, RefusalOf(r.Name, fault)))];
        }
    }

    /// <summary>The directory runs read from.</summary>
    /// <param name="commit">When it is there already, GitHub is not asked; null brings the mirror to where GitHub is.</param>
    /// <exception cref="GitHubException">It cannot be had now, or no longer.</exception>
    public async Task<string> LocateAsync(RepositoryEntity repository, string? commit, CancellationToken ct)
    {
        if (repository.Kind == RepositoryKind.Local)
        {
            return repository.Location;
        }

        if (commit is not null && repository.GitHubId is { } id && await HasAsync(data.Mirror(id), commit, ct).ConfigureAwait(false))
        {
            return data.Mirror(id);
        }

        var name = RepositoryName.Parse(repository.Location);
        var answer = (await gateway.GetStatesAsync([name], ct).ConfigureAwait(false))[0];
        if (answer.Failure is { } failure)
        {
            throw failure;
        }

        var state = Judge(answer, repository.GitHubId);
        return state.Refusal is { } refusal
            ? throw new GitHubException(GitHubProblem.Refused, refusal.Message, refusal.Fix)
            : (await mirrors.UpdateAsync(state.Value!.Id, state.Value, repository.BranchOverride, ct).ConfigureAwait(false)).Path;
    }

    private static async Task<bool> HasAsync(string path, string commit, CancellationToken ct)
        => Directory.Exists(path) && (await GitCommand.TryAsync(path, ["cat-file", "-e", commit + "^{tree}"], ct).ConfigureAwait(false)).ExitCode == 0;

    private static Outcome<GitHubRepositoryState> Judge(GitHubRepositoryAnswer answer, long? id) => answer switch
    {
        { Failure: { } failure } => RefusalOf(answer.Asked, failure),
        { State: { } state } when id is not null && state.Id != id
            => Refusal.Conflict(ErrorCodes.Replaced, $"{answer.Asked} is another repository now: the one that was registered is gone, or has moved and given its name away.", "Remove it here, and add the one that is meant."),
        { State: { IsDisabled: true } } => Refusal.Conflict(ErrorCodes.Disabled, $"GitHub has disabled {answer.Asked}.", "Its owner hears why from GitHub. Remove it here if it does not come back."),
        { State: { IsArchived: true } } => Refusal.Conflict(ErrorCodes.Archived, $"{answer.Asked} is archived: nothing can be changed in it, so nothing is proposed.", "Unarchive it on GitHub, or remove it here."),
        { State: { DefaultBranch: null } } => Refusal.Conflict(ErrorCodes.NoCommits, $"{answer.Asked} is empty.", "Push a first commit; it is looked at again by the next scan."),
        { State: { } state } => state,
        _ => throw new InvalidOperationException("GitHub's answer has neither a state nor a failure."),
    };

    private static Refusal RefusalOf(RepositoryName name, ClaudeManagerException fault) => fault is GitHubException { Problem: GitHubProblem.NotFound or GitHubProblem.Gone }
        ? new Refusal(RefusalKind.NotFound, ErrorCodes.NotFound, $"{name} is not on GitHub, or private to this credential.", "Check the name, and that the token or App may read it.", "path")
        : new Refusal(RefusalKind.Unavailable, fault.ErrorCode, fault.ClearsAt is { } clears ? FormattableString.Invariant($"{fault.Message} Until {clears:u}.") : fault.Message, fault.Fix) { ClearsAt = fault.ClearsAt };
}
