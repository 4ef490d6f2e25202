using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Outbox;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.Agents.Mention;

/// <summary>
/// An agent that is mentioned on the issue and answers with a pull request: a self-hosted Terragon, or any other that works this way. It keeps no state: the outbox sees to it that the agent is
/// mentioned once, whoever dies when, and how far it has come is read from GitHub at each look. Only the account of the handle counts: anybody can react, comment and open pull requests.
/// </summary>
public sealed class MentionRunner(Store store, GitHubGateway gateway) : IAgentRunner
{
    public const string Name = "mention";

    /// <summary>What surrounds the prompt is far shorter.</summary>
    private const int LongestPrompt = GitHubGateway.LongestBody - 2_000;

    /// <summary>Until the outbox has posted; also how long GitHub may take to list what was posted.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_listed = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_unposted = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan s_skew = TimeSpan.FromMinutes(1);

    public string Key => Name;

    public bool WorksElsewhere => true;

    /// <summary>Whatever the account does with the task: all that is chosen here is whom it goes to.</summary>
    public AgentProgram? Describe(string name, ExecutorConfiguration executor)
        => name == Name && executor.TerragonUsername is { } handle ? new AgentProgram([handle], new Dictionary<string, string>(), Network: true, TakesTools: false) : null;

    public Task<AgentAvailability> ProbeAsync(string name, ManagerConfiguration configuration, CancellationToken ct)
        => Task.FromResult(new AgentAvailability(null, null, ProblemOf(configuration.Executor)));

    public async Task<AgentOutcome> RunAsync(string name, AgentRequest request, IAgentSink sink, CancellationToken ct)
    {
        if (ProblemOf(request.Executor) is { } problem)
        {
            return Misconfigured(problem);
        }

        AgentOutcome outcome;
        using var lane = GitHubLanes.Begin(GitHubLane.Scan);
        try
        {
            outcome = await LookAsync(request, request.Executor.TerragonUsername![1..], ct).ConfigureAwait(false);
        }
        catch (GitHubException away) when (away.Failure == FailureClass.Transient)
        {
            // The agent goes on whether we can look or not, so not being able to costs none of the run's attempts.
            outcome = Wait($"Cannot look at GitHub: {away.Message}", away.ClearsAt ?? store.Time.GetUtcNow() + s_shortest);
        }

        await SayAsync(request, outcome, sink, ct).ConfigureAwait(false);
        return outcome;
    }

    private async Task<AgentOutcome> LookAsync(AgentRequest request, string handle, CancellationToken ct)
    {
        var own = await gateway.GetOwnAccountAsync(ct).ConfigureAwait(false);
        if (IsAgent(own, handle))
        {
            return Misconfigured($"executor.terragonUsername is @{handle}, which is this service's own account: it would answer itself.");
        }

        var (run, repository, issue, entry) = await ReadAsync(request, ct).ConfigureAwait(false);
        if (issue is null || !RepositoryName.TryParse(repository.Location, out var target))
        {
            return Misconfigured("The work item has no issue on GitHub on which an agent could be mentioned: approve it with another agent.");
        }

        switch (entry?.State)
        {
            case null:
                await AskAsync(request, run, issue, target, ct).ConfigureAwait(false);
                return Wait($"Mentions @{handle} on {issue.Url}.", store.Time.GetUtcNow() + s_soon);
            case OutboxStates.Pending or OutboxStates.Blocked:
                var latest = store.Time.GetUtcNow() + s_unposted;
                var next = entry.NotBefore ?? store.Time.GetUtcNow() + s_soon;
                // What is blocked is tried once a day, or when an operator says so, which is to be noticed sooner.
                return Wait($"Mentions @{handle} on {issue.Url}.{(entry.Error is { } error ? $" GitHub did not take it yet: {error}" : "")}", next < latest ? next : latest);
            case OutboxStates.Failed:
                return new AgentOutcome(RunEndReason.Failed, FailureClass.Policy, $"@{handle} could not be mentioned on {issue.Url}: {entry.Error}");
            default:
                break;
        }

        var place = RepositoryName.Parse(issue.Repository);
        var comments = (await gateway.ListCommentsAsync(place, issue.Number, run.CreatedAt - s_skew, ct).ConfigureAwait(false)).Items;
        if (comments.FirstOrDefault(c => c.Author?.Id == own.Id && MarkerOf(run).IsIn(c.Body)) is not { } mention)
        {
            return store.Time.GetUtcNow() < entry.DoneAt + s_listed
                ? Wait($"Mentioned @{handle} on {issue.Url}.", store.Time.GetUtcNow() + s_soon)
                : new AgentOutcome(RunEndReason.Failed, FailureClass.Policy, $"The comment that mentioned @{handle} on {issue.Url} is gone: somebody deleted it, or edited our mark out of it.");
        }

        if (await FindPullRequestAsync(place, issue.Number, target, handle, mention, ct).ConfigureAwait(false) is { } pull)
        {
            return new AgentOutcome(RunEndReason.Completed, null, string.Create(CultureInfo.InvariantCulture, $"@{handle} opened pull request {target}#{pull.Number}: {pull.Url}"), PullRequest: pull);
        }

        return await AcknowledgedAtAsync(place, handle, mention, comments, ct).ConfigureAwait(false) is { } acknowledged
            ? WaitOrEnd(acknowledged, request.Executor.Mention.PullRequest, $"@{handle} is at work; a pull request that names {mention.Url} is awaited", $"@{handle} acknowledged {mention.Url} but opened no pull request", "executor.mention.pullRequestSeconds")
            : WaitOrEnd(mention.CreatedAt, request.Executor.Mention.Acknowledge, $"Mentioned @{handle}; a reaction or comment on {mention.Url} is awaited", $"@{handle} did not acknowledge {mention.Url}", "executor.mention.acknowledgeSeconds");
    }

    private Task<(RunEntity Run, RepositoryEntity Repository, ProposalIssueEntity? Issue, OutboxEntity? Entry)> ReadAsync(AgentRequest request, CancellationToken ct)
        => store.ReadAsync(async (db, token) =>
        {
            var run = await db.Runs.Include(r => r.WorkItem!.Repository).SingleAsync(r => r.Id == request.Run.RunId, token).ConfigureAwait(false);
            var key = KeyOf(run);
            return (
                run,
                run.WorkItem!.Repository!,
                await db.ProposalIssues.FirstOrDefaultAsync(p => p.WorkItemId == run.WorkItemId, token).ConfigureAwait(false),
                await db.Outbox.FirstOrDefaultAsync(o => o.Key == key, token).ConfigureAwait(false));
        }, ct);

    /// <summary>Decides the mention: with it the run has begun, in one transaction under its lease.</summary>
    private Task AskAsync(AgentRequest request, RunEntity run, ProposalIssueEntity issue, RepositoryName target, CancellationToken ct)
        => store.WriteAsync(OperationContext.Create("mention.ask", "system:worker"), async (tx, token) =>
        {
            var held = await new Lease(request.Run.RunId, request.Run.BootId, request.Run.Attempt).HoldAsync(tx, token).ConfigureAwait(false);
            held.SessionStarted = true;
            await OutboxDispatcher.EnqueueAsync(tx, ProposalIssues.Comment, KeyOf(run), new IssueComment(run.WorkItemId, TextOf(request, run, issue, target), ForItsRun: true), token, run.WorkItemId, run.Id).ConfigureAwait(false);
        }, ct);

    /// <summary>The prompt stands in a fence: what it quotes from the repository pings nobody else and links nothing.</summary>
    private static string TextOf(AgentRequest request, RunEntity run, ProposalIssueEntity issue, RepositoryName target)
    {
        var prompt = request.Prompt.Length <= LongestPrompt ? request.Prompt : $"{request.Prompt[..LongestPrompt]}\n… (cut: the rest is longer than a comment may be)";
        return string.Create(CultureInfo.InvariantCulture, $"""
            {request.Executor.TerragonUsername} - please begin work on the following task.

            {InertText.Fence(prompt, "markdown")}

            ---
            Claude Manager, run {run.Id}: the result is awaited as a pull request to {target} whose text says `Closes {issue.Repository}#{issue.Number}`.
            """);
    }

    /// <summary>The newest pull request of the agent's own account in the repository that names the issue, was not there before the mention, and is no other run's result.</summary>
    private async Task<GitHubPullRequest?> FindPullRequestAsync(RepositoryName place, int number, RepositoryName target, string handle, GitHubComment mention, CancellationToken ct)
    {
        var references = await gateway.ListReferencesAsync(place, number, ct).ConfigureAwait(false);
        foreach (var reference in references.Items.Where(r => r.IsPullRequest && r.Repository.Equals(target) && r.At >= mention.CreatedAt && IsAgent(r.Author, handle)).Reverse())
        {
            var known = target.ToString();
            if (!await store.ReadAsync((db, token) => db.PullRequests.AnyAsync(p => p.Repository == known && p.Number == reference.Number, token), ct).ConfigureAwait(false)
                && await gateway.GetPullRequestAsync(target, reference.Number, ct).ConfigureAwait(false) is { } pull)
            {
                return pull;
            }
        }

        return null;
    }

    private async Task<DateTimeOffset?> AcknowledgedAtAsync(RepositoryName place, string handle, GitHubComment mention, IReadOnlyList<GitHubComment> comments, CancellationToken ct)
    {
        var reactions = await gateway.ListReactionsAsync(place, mention.Id, ct).ConfigureAwait(false);
        return reactions.Where(r => IsAgent(r.Author, handle)).Select(r => (DateTimeOffset?)r.At)
            .Concat(comments.Where(c => c.Id > mention.Id && IsAgent(c.Author, handle)).Select(c => (DateTimeOffset?)c.CreatedAt))
            .Min();
    }

    /// <summary>Rarer looks the longer it takes; the last one right at the time-out.</summary>
    private AgentOutcome WaitOrEnd(DateTimeOffset since, TimeSpan limit, string waits, string ended, string key)
    {
        var (now, until) = (store.Time.GetUtcNow(), since + limit);
        if (now >= until)
        {
            return new AgentOutcome(RunEndReason.TimedOut, FailureClass.Agent, string.Create(CultureInfo.InvariantCulture, $"{ended} within {limit.TotalMinutes:0.#} min ({key})."));
        }

        var next = now + TimeSpan.FromTicks(Math.Clamp((now - since).Ticks / 4, s_shortest.Ticks, s_longest.Ticks));
        return Wait(string.Create(CultureInfo.InvariantCulture, $"{waits} until {until.UtcDateTime:yyyy-MM-dd HH:mm} UTC."), next < until ? next : until);
    }

    /// <summary>Each state is told once, however often it is looked at.</summary>
    private async Task SayAsync(AgentRequest request, AgentOutcome outcome, IAgentSink sink, CancellationToken ct)
    {
        var last = await store.ReadAsync((db, token) => db.RunEvents.Where(e => e.RunId == request.Run.RunId && e.Kind == "stage").OrderByDescending(e => e.Seq).Select(e => e.Text).FirstOrDefaultAsync(token), ct).ConfigureAwait(false);
        if (outcome.Reason == RunEndReason.Parked && last != outcome.Detail)
        {
            await sink.AppendAsync(new AgentEvent("stage", outcome.Detail), ct).ConfigureAwait(false);
        }
    }

    /// <summary>The account itself, or the bot of the GitHub App of that name: no person's login can have the brackets.</summary>
    private static bool IsAgent(GitHubAccount? account, string handle)
        => account is not null && (string.Equals(account.Login, handle, StringComparison.OrdinalIgnoreCase)
            || (account.Kind == GitHubAccountKind.Bot && string.Equals(account.Login, handle + "[bot]", StringComparison.OrdinalIgnoreCase)));

    /// <summary>The session tells it from a run of the same number in an earlier data directory.</summary>
    private static string KeyOf(RunEntity run) => $"{Name}:{MarkerKey(run)}";

    private static Marker MarkerOf(RunEntity run) => Marker.Of(Name, MarkerKey(run));

    private static string MarkerKey(RunEntity run) => string.Create(CultureInfo.InvariantCulture, $"{run.Id}-{run.SessionId:N}");

    private static string? ProblemOf(ExecutorConfiguration executor)
        => executor.TerragonUsername is null ? "Nobody is named who could be mentioned: set executor.terragonUsername, e.g. \"@terragon-labs\"." : null;

    private static AgentOutcome Wait(string state, DateTimeOffset next) => new(RunEndReason.Parked, null, state, next);

    private static AgentOutcome Misconfigured(string detail) => new(RunEndReason.ConfigurationError, FailureClass.Configuration, detail);
}
