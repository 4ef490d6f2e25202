using System.Globalization;
using System.Text;
using System.Text.Json;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Workspaces;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Git;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Runs.Outcomes;
using ClaudeManager.Core.Scanning;
using ClaudeManager.Core.Security;
using ClaudeManager.Core.Verification;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.Runs;

/// <summary>
/// Takes one claimed run from its workspace to its branch. Every step first writes down where it is, under the lease, so that after a crash the next attempt goes on from there:
/// from the last snapshot while the agent worked, from the result commit once it was done. Nothing here is done twice to effect: the branch is created under the run's own marker.
/// </summary>
public sealed class RunExecutor(
    Store store,
    EventSignal signal,
    WorkspaceStore workspaces,
    AgentCatalog agents,
    Sandbox sandbox,
    Verifier verifier,
    ApprovalSeal seal,
    LeaseKeeper keeper,
    Redactor redactor,
    DataDirectory data,
    InstanceIdentity identity,
    CurrentConfiguration configuration,
    FindingPresence presence,
    RepositorySource source,
    LabelApproval labels,
    GitHubPublisher pullRequests,
    ILogger<RunExecutor> logger)
{
    private static readonly TimeSpan s_betweenSnapshots = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_untilItsIssueIsFiled = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_longestRetry = TimeSpan.FromMinutes(10);

    /// <summary>Where nobody says when a usage limit resets.</summary>
    private static readonly TimeSpan s_defaultPark = TimeSpan.FromMinutes(15);

    /// <summary>Works until the run has ended, is parked, waits for another try, or is lost. Throws only when <paramref name="stopping"/> or the database stops it.</summary>
    public async Task ExecuteAsync(OperationContext operation, ClaimedRun claim, CancellationToken stopping)
    {
        Log.RunStarts(logger, claim.Run.Id, claim.Run.Attempt, claim.Run.Agent, claim.Item.Id);
        using var held = keeper.Hold(claim.Lease);
        using var cancelled = new CancellationTokenSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping, held.Lost, cancelled.Token);
        var spent = new AgentUsage(claim.Run.CostMicroUsd / 1_000_000m, claim.Run.InputTokens, claim.Run.OutputTokens, claim.Run.Turns);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stopping, held.Lost);
        await using var journal = await RunJournal.OpenAsync(store, operation, claim.Lease, spent, redactor, identity.Host, enough.Token, stopping).ConfigureAwait(false);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        var watch = WatchCancellationAsync(claim.Lease, cancelled, watching.Token);
        var attempt = new Attempt(operation, claim, journal, spent, configuration.Value) { Held = held, Enough = enough.Token };
        try
        {
            try
            {
                await RunStagesAsync(attempt, stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (held.Lost.IsCancellationRequested)
            {
                throw new LeaseLostException(claim.Lease);
            }
            catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
            {
                await SaveWorkAsync(attempt, CancellationToken.None).ConfigureAwait(false);
                await EndAsync(attempt, RunEndReason.Cancelled, FailureClass.Cancelled, "Cancelled by a person.", CancellationToken.None).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                await SaveWorkAsync(attempt, CancellationToken.None).ConfigureAwait(false);
                await ParkAsync(attempt, "The service stops; the run goes on where it was when it is back, or on another worker.", _ => null, null, keepWorkspace: true, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not (LeaseLostException or DbUpdateConcurrencyException))
            {
                await FaultAsync(attempt, e).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is LeaseLostException or DbUpdateConcurrencyException)
        {
            // Another worker has the run: whatever this one knows is void.
            Log.LeaseLost(logger, claim.Run.Id, claim.Run.Attempt);
        }
        finally
        {
            await watching.CancelAsync().ConfigureAwait(false);
            await watch.ConfigureAwait(false);
        }

        if (attempt.WorkspaceDone)
        {
            await RemoveWorkspaceAsync(claim.Run.Id).ConfigureAwait(false);
        }
    }

    private async Task RunStagesAsync(Attempt attempt, CancellationToken ct)
    {
        var (run, item, repository) = (attempt.Run, attempt.Item, attempt.Repository);
        if (agents.Find(run.Agent) is { WorksElsewhere: true } elsewhere)
        {
            await LookElsewhereAsync(attempt, elsewhere, ct).ConfigureAwait(false);
            return;
        }

        attempt.FollowUp = await ReadAsync(attempt, (db, token) => FollowUp.FindAsync(db, run.Id, token), ct).ConfigureAwait(false);
        attempt.Source = await source.LocateAsync(repository, commit: null, ct).ConfigureAwait(false);
        if ((seal.ChangedProgram(attempt.Approval, attempt.Configuration.Executor)
            ?? await Staleness.CheckAsync(attempt.Source, repository.DefaultBranch!, run.BaseCommit, item.Paths(), ct).ConfigureAwait(false)) is { } stale)
        {
            await StaleAsync(attempt, stale, ct).ConfigureAwait(false);
            return;
        }

        if (attempt.Approval.Sandbox == SandboxLevel.Bwrap && await sandbox.ProblemAsync(ct).ConfigureAwait(false) is { } problem)
        {
            await EndAsync(attempt, RunEndReason.ConfigurationError, FailureClass.Configuration, $"The approval asks for the bwrap sandbox, which does not work here: {problem}", ct).ConfigureAwait(false);
            return;
        }

        // A result another machine made is not here; its snapshot may be, in the store.
        var hasResult = run.ResultCommit is { } result && await workspaces.ContainsAsync(run.RepositoryId, result, ct).ConfigureAwait(false);
        if (!hasResult && !await RunAgentAsync(attempt, ct).ConfigureAwait(false))
        {
            return;
        }

        await VerifyAndPublishAsync(attempt, ct).ConfigureAwait(false);
    }

    /// <summary>One look at an agent that works elsewhere. Whether it should begin at all is asked before the first; afterwards only its answer counts.</summary>
    private async Task LookElsewhereAsync(Attempt attempt, IAgentRunner runner, CancellationToken ct)
    {
        var (run, item, repository) = (attempt.Run, attempt.Item, attempt.Repository);
        if (!run.SessionStarted)
        {
            attempt.Source = await source.LocateAsync(repository, commit: null, ct).ConfigureAwait(false);
            if ((seal.ChangedProgram(attempt.Approval, attempt.Configuration.Executor)
                ?? await Staleness.CheckAsync(attempt.Source, repository.DefaultBranch!, run.BaseCommit, item.Paths(), ct).ConfigureAwait(false)
                ?? await labels.WithdrawnAsync(attempt.Approval, ct).ConfigureAwait(false)) is { } stale)
            {
                await StaleAsync(attempt, stale, ct).ConfigureAwait(false);
                return;
            }
        }

        await MoveAsync(attempt, RunState.Running, null, ct).ConfigureAwait(false);
        var outcome = await runner.RunAsync(run.Agent, attempt.Request("", "", attempt.Spent), attempt.Journal, ct).ConfigureAwait(false);
        if (outcome.PullRequest is not { } pull)
        {
            await NotCompletedAsync(attempt, outcome, ct).ConfigureAwait(false);
            return;
        }

        var name = string.Create(CultureInfo.InvariantCulture, $"{repository.Location}#{pull.Number}");
        await attempt.StageAsync(outcome.Detail, ct).ConfigureAwait(false);
        await FinishAsync(attempt, (tx, tracked, trackedItem, token) =>
        {
            // Open until the outcomes' poll has looked: it is the one to say what became of it.
            tx.Db.PullRequests.Add(new PullRequestEntity
            {
                RunId = run.Id,
                WorkItemId = item.Id,
                Repository = repository.Location,
                Number = pull.Number,
                Url = pull.Url.AbsoluteUri,
                HeadBranch = pull.HeadBranch,
                HeadCommit = pull.HeadCommit,
                State = PullRequestStates.Open,
                CreatedAt = tx.Now,
                UpdatedAt = tx.Now,
            });
            return PublishedAsync(tx, tracked, trackedItem, pull.HeadBranch, pull.HeadCommit, outcome.Detail, null, $"Pull request {name} waits for your review.",
                new Dictionary<string, object?> { ["branch"] = pull.HeadBranch, ["commit"] = pull.HeadCommit, ["pull_request"] = pull.Url.AbsoluteUri, ["author"] = pull.Author?.Login }, token);
        }, ct).ConfigureAwait(false);
    }

    /// <returns>False when the run has ended, is parked or waits.</returns>
    private async Task<bool> RunAgentAsync(Attempt attempt, CancellationToken ct)
    {
        var run = attempt.Run;
        if (attempt.FollowUp is { } followUp && !await workspaces.ContainsAsync(run.RepositoryId, followUp.Head, ct).ConfigureAwait(false))
        {
            await workspaces.EnsureBaseAsync(run.RepositoryId, attempt.Source, run.BaseCommit, ct).ConfigureAwait(false);
            await pullRequests.FetchAsync(attempt.Repository, data.ObjectStore(run.RepositoryId), followUp.Head, ct).ConfigureAwait(false);
        }

        var saved = await FindSavedWorkAsync(attempt, ct).ConfigureAwait(false);
        await attempt.StageAsync(saved is null ? "Preparing the workspace" : "Preparing the workspace from the last snapshot", ct).ConfigureAwait(false);
        var workspace = await workspaces.PrepareAsync(run.Id, run.RepositoryId, attempt.Source, run.BaseCommit, saved, ct).ConfigureAwait(false);
        attempt.Workspace = workspace;
        var runner = agents.Find(run.Agent) ?? throw new InvalidOperationException($"There is no agent '{run.Agent}'.");
        await RestoreSessionAsync(attempt, runner, workspace, ct).ConfigureAwait(false);
        attempt.SessionFile = () => runner.SessionFile(workspace.Home, workspace.Directory, run.SessionId);
        await MoveAsync(attempt, RunState.Running, r => r.Sandbox = attempt.Approval.Sandbox, ct).ConfigureAwait(false);
        await attempt.StageAsync($"{run.Agent} works ({ManagerJson.Name(attempt.Approval.Sandbox)})", ct).ConfigureAwait(false);

        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var before = Task.FromResult<IReadOnlyList<CheckResultDto>>([]);
        var snapshots = Task.CompletedTask;
        AgentOutcome outcome;
        try
        {
            var request = attempt.Request(workspace.Directory, workspace.Home, await SpentAsync(attempt, ct).ConfigureAwait(false));
            var agent = runner.RunAsync(run.Agent, request, attempt.Journal, ct);

            // What the base's own checks say is found out beside the agent, and remembered for the next run on the same base.
            before = CheckBaseAsync(attempt, both.Token);
            snapshots = SnapshotEveryMinuteAsync(attempt, both.Token);
            outcome = await agent.ConfigureAwait(false);
        }
        catch
        {
            await both.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(Quietly(before), Quietly(snapshots)).ConfigureAwait(false);
            throw;
        }

        await attempt.Journal.FlushAsync(ct).ConfigureAwait(false);
        if (outcome.Reason != RunEndReason.Completed)
        {
            await both.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(Quietly(before), Quietly(snapshots)).ConfigureAwait(false);
            await SaveWorkAsync(attempt, ct).ConfigureAwait(false);
            await NotCompletedAsync(attempt, outcome, ct).ConfigureAwait(false);
            return false;
        }

        await attempt.StageAsync("The agent is done; collecting its work", ct).ConfigureAwait(false);
        attempt.Before = await before.ConfigureAwait(false);
        await both.CancelAsync().ConfigureAwait(false);
        await Quietly(snapshots).ConfigureAwait(false);
        var snapshot = await SaveWorkAsync(attempt, ct).ConfigureAwait(false);
        if (snapshot is null)
        {
            throw new WorkspaceException(ErrorCodes.WorkNotCollected, "The agent's work could not be collected.");
        }

        foreach (var skipped in snapshot.Skipped.Take(20))
        {
            await attempt.Journal.AppendAsync(new AgentEvent("notice", "Not taken into the result: " + skipped), ct).ConfigureAwait(false);
        }

        if (snapshot.NestedGit.Count > 0)
        {
            var gate = new DiffGateDto(false, [.. snapshot.NestedGit.Select(p => new DiffGateHitDto("nested_git", p, null, "A repository inside the repository would hide its files from review."))]);
            await UpdateAsync(attempt, r => r.Gate = JsonSerializer.Serialize(gate, ManagerJson.Options), ct).ConfigureAwait(false);
            await EndAsync(attempt, RunEndReason.PolicyBlocked, FailureClass.Policy, "The agent left a repository inside the repository: " + string.Join(", ", snapshot.NestedGit.Take(5)), ct).ConfigureAwait(false);
            return false;
        }

        if (!snapshot.Changed || (attempt.FollowUp is { } earlier && snapshot.Tree == (await GitCommand.RunAsync(data.ObjectStore(run.RepositoryId), ["rev-parse", earlier.Head + "^{tree}"], ct).ConfigureAwait(false)).Text))
        {
            await EndAsync(attempt, RunEndReason.NoChanges, FailureClass.Agent, "The agent ended in good order but changed nothing.", ct).ConfigureAwait(false);
            return false;
        }

        var author = attempt.Configuration.Executor.Publish;
        var message = attempt.Trailers.Message(attempt.Item.Title, author.SignOff ? $"{author.AuthorName} <{author.AuthorEmail}>" : null);
        var commit = await workspaces.CommitResultAsync(run.Id, run.RepositoryId, attempt.FollowUp?.Head ?? run.BaseCommit, snapshot.Tree, message, new CommitIdentity(author.AuthorName, author.AuthorEmail), run.CreatedAt, ct).ConfigureAwait(false);
        await UpdateAsync(attempt, r =>
        {
            r.ResultCommit = commit;
            r.DiffHash = snapshot.Tree;
            // A person let one diff through, not whatever the agent makes next.
            r.GateLiftedBy = null;
        }, ct).ConfigureAwait(false);
        return true;
    }

    /// <summary>The last snapshot, from this machine or, by its bundle, from the store; null when there is none any more.</summary>
    private async Task<string?> FindSavedWorkAsync(Attempt attempt, CancellationToken ct)
    {
        var run = attempt.Run;
        if (run.WipCommit is not { } commit || await workspaces.ContainsAsync(run.RepositoryId, commit, ct).ConfigureAwait(false))
        {
            return run.WipCommit;
        }

        if (await FindArtifactAsync(attempt, RunArtifacts.Bundle, ct).ConfigureAwait(false) is not { } bundle)
        {
            await attempt.Journal.AppendAsync(AgentEvent.Fallback(Fallback.FromTheBase, "The earlier work was kept on another machine only: the run starts from the base."), ct).ConfigureAwait(false);
            return null;
        }

        return await workspaces.RestoreBundleAsync(run.Id, bundle.RunId, run.RepositoryId, attempt.Source, run.BaseCommit, bundle.Content, ct).ConfigureAwait(false);
    }

    /// <summary>The session as the last attempt left it: in the run's home when that attempt was here, else from the store. Without it the agent starts over, and says so.</summary>
    private async Task RestoreSessionAsync(Attempt attempt, IAgentRunner runner, Workspace workspace, CancellationToken ct)
    {
        var run = attempt.Run;
        if (!run.SessionStarted || runner.SessionFile(workspace.Home, workspace.Directory, run.SessionId) is not { } file)
        {
            return;
        }

        var last = await ReadAsync(attempt, (db, token) => db.RunProcesses.Where(p => p.RunId == run.Id).OrderByDescending(p => p.Id).Select(p => p.Host).FirstOrDefaultAsync(token), ct).ConfigureAwait(false);
        if ((File.Exists(file) && last == identity.Host) || await FindArtifactAsync(attempt, RunArtifacts.Session, ct).ConfigureAwait(false) is not { } session)
        {
            return;
        }

        await WorkspaceStore.RenewHomeAsync(workspace, ct).ConfigureAwait(false);
        await SessionTranscript.WriteAsync(runner.SessionFile(workspace.Home, workspace.Directory, run.SessionId)!, session.Content, ct).ConfigureAwait(false);
    }

    /// <summary>What earlier attempts have used; of the budget, which was approved once, also what the runs have that this one goes on from.</summary>
    private async Task<AgentUsage> SpentAsync(Attempt attempt, CancellationToken ct)
    {
        var run = attempt.Run;
        var goesOn = attempt.FollowUp is not null;
        var earlier = await ReadAsync(attempt, (db, token) => db.Runs
            .Where(r => r.WorkItemId == run.WorkItemId && (r.SessionId == run.SessionId || goesOn) && r.ApprovalId == run.ApprovalId && r.Id != run.Id)
            .SumAsync(r => r.CostMicroUsd ?? 0, token), ct).ConfigureAwait(false);
        return attempt.Spent with { CostUsd = (attempt.Spent.CostUsd ?? 0) + (earlier / 1_000_000m) };
    }

    /// <summary>The newest of its kind of this run and those it goes on from: they share one session.</summary>
    private Task<RunArtifactEntity?> FindArtifactAsync(Attempt attempt, string kind, CancellationToken ct)
        => ReadAsync(attempt, (db, token) => db.RunArtifacts
            .Where(a => a.Kind == kind && db.Runs.Any(r => r.Id == a.RunId && r.WorkItemId == attempt.Run.WorkItemId && r.SessionId == attempt.Run.SessionId))
            .OrderByDescending(a => a.RunId).FirstOrDefaultAsync(token), ct);

    private async Task VerifyAndPublishAsync(Attempt attempt, CancellationToken ct)
    {
        var run = attempt.Run;
        var objects = data.ObjectStore(run.RepositoryId);
        var commit = run.ResultCommit!;
        var diff = await DiffReader.ReadAsync(objects, run.BaseCommit, commit, ct).ConfigureAwait(false);
        await PutAsync(attempt, RunArtifacts.Diff, Encoding.UTF8.GetBytes(redactor.Redact(JsonSerializer.Serialize(diff.ToDto(), ManagerJson.Options))), ct).ConfigureAwait(false);
        await MoveAsync(attempt, RunState.Verifying, null, ct).ConfigureAwait(false);
        await attempt.StageAsync(string.Create(CultureInfo.InvariantCulture, $"Verifying {diff.Files.Count} changed files in a clean checkout"), ct).ConfigureAwait(false);

        var plan = await PlanAsync(attempt, ct).ConfigureAwait(false);
        attempt.Before ??= await CheckBaseAsync(attempt, ct).ConfigureAwait(false);
        var after = await verifier.AfterAsync(plan, attempt.Checks(commit), attempt.Journal, ct).ConfigureAwait(false);
        var left = await presence.CountLeftAsync(objects, run.BaseCommit, commit, attempt.Item.Present(), ct).ConfigureAwait(false);
        var judged = Verifier.Judge(plan, attempt.Approval.Sandbox, attempt.Before, after, diff, left);
        var receipt = judged with { Problems = [.. judged.Problems.Select(redactor.Redact)] };
        var gate = DiffGate.Check(diff, attempt.Configuration.Approvals);
        await SaveJudgementAsync(attempt, receipt, gate, ct).ConfigureAwait(false);
        if (receipt.Verdict == Verifier.Failed)
        {
            await EndAsync(attempt, RunEndReason.VerificationFailed, FailureClass.Verification, string.Join(" ", receipt.Problems), ct).ConfigureAwait(false);
            return;
        }

        if (!gate.Passed && run.GateLiftedBy is { } person)
        {
            await attempt.Journal.AppendAsync(new AgentEvent("notice", $"{person} let the blocked diff through."), ct).ConfigureAwait(false);
        }
        else if (!gate.Passed)
        {
            await EndAsync(attempt, RunEndReason.PolicyBlocked, FailureClass.Policy, "Publication is blocked: " + string.Join(" ", gate.Hits.Take(5).Select(h => $"{h.Path}: {h.Why}")), ct).ConfigureAwait(false);
            return;
        }

        // The patch cannot be redacted, so it is stored only once the gate, or a person, has let it through.
        await PutAsync(attempt, RunArtifacts.Patch, await LocalPublisher.PatchAsync(objects, commit, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
        await MoveAsync(attempt, RunState.Publishing, null, ct).ConfigureAwait(false);
        await attempt.StageAsync("Publishing the branch", ct).ConfigureAwait(false);
        await PublishAsync(attempt, objects, commit, ct).ConfigureAwait(false);
    }

    private async Task PublishAsync(Attempt attempt, string objects, string commit, CancellationToken ct)
    {
        var (run, item, repository) = (attempt.Run, attempt.Item, attempt.Repository);
        var fresh = await ReadAsync(attempt, async (db, token) => (
            Approval: await db.Approvals.SingleAsync(a => a.Id == run.ApprovalId, token).ConfigureAwait(false),
            Item: await db.WorkItems.SingleAsync(w => w.Id == item.Id, token).ConfigureAwait(false)), ct).ConfigureAwait(false);
        // Once more: the repository has moved on while the agent worked.
        attempt.Source = await source.LocateAsync(repository, commit: null, ct).ConfigureAwait(false);
        if ((seal.Check(fresh.Approval, fresh.Item, store.Time.GetUtcNow())
            ?? await Staleness.CheckAsync(attempt.Source, repository.DefaultBranch!, run.BaseCommit, item.Paths(), ct).ConfigureAwait(false)
            ?? await labels.WithdrawnAsync(fresh.Approval, ct).ConfigureAwait(false)) is { } stale)
        {
            await StaleAsync(attempt, stale, ct).ConfigureAwait(false);
            return;
        }

        var merges = await Staleness.MergesCleanlyAsync(attempt.Source, repository.DefaultBranch!, objects, run.BaseCommit, commit, ct).ConfigureAwait(false);
        if (repository.Kind == RepositoryKind.GitHub)
        {
            await PublishOnGitHubAsync(attempt, fresh.Approval, objects, commit, merges, ct).ConfigureAwait(false);
            return;
        }

        var published = await LocalPublisher.PublishAsync(objects, repository.Location, commit, item.Title, attempt.Trailers, attempt.Configuration.Executor.Publish, ct).ConfigureAwait(false);
        if (published.Problem is not null)
        {
            await EndAsync(attempt, RunEndReason.Failed, FailureClass.Infrastructure, published.Problem, ct).ConfigureAwait(false);
            return;
        }

        await attempt.StageAsync($"Published as {published.Branch}", ct).ConfigureAwait(false);
        await FinishAsync(attempt, (tx, tracked, trackedItem, token) => PublishedAsync(
            tx, tracked, trackedItem, published.Branch!, published.Commit!, $"Published as {published.Branch}.",
            merges ? null : $"Branch {published.Branch} no longer merges cleanly into {repository.DefaultBranch}.", $"Branch {published.Branch} waits for your review.",
            new Dictionary<string, object?> { ["branch"] = published.Branch, ["commit"] = published.Commit, ["already_there"] = published.AlreadyThere }, token), ct).ConfigureAwait(false);
    }

    private async Task PublishOnGitHubAsync(Attempt attempt, ApprovalEntity approval, string objects, string commit, bool merges, CancellationToken ct)
    {
        var (run, item, publish) = (attempt.Run, attempt.Item, attempt.Configuration.Executor.Publish);
        await attempt.Journal.FlushAsync(ct).ConfigureAwait(false);
        var (issue, filing, summary) = await ReadAsync(attempt, async (db, token) => (
            await db.ProposalIssues.FirstOrDefaultAsync(p => p.WorkItemId == item.Id, token).ConfigureAwait(false),
            await db.Outbox.Where(o => o.WorkItemId == item.Id && o.Kind == ProposalIssues.Create && o.State == OutboxStates.Pending).Select(o => new { o.NotBefore }).FirstOrDefaultAsync(token).ConfigureAwait(false),
            await db.RunEvents.Where(e => e.RunId == run.Id && e.Kind == "result").OrderByDescending(e => e.Seq).Select(e => e.Text).FirstOrDefaultAsync(token).ConfigureAwait(false)), ct).ConfigureAwait(false);
        if (issue is null && filing is not null)
        {
            // Without it the pull request would close nothing. Whoever was killed while filing it holds the entry for up to two minutes.
            var soon = store.Time.GetUtcNow() + s_untilItsIssueIsFiled;
            throw new PublishException(ErrorCodes.PublishingUnavailable, "The issue that the pull request closes is still to be filed.") { ClearsAt = filing.NotBefore > soon ? filing.NotBefore : soon };
        }

        var published = await pullRequests.PublishAsync(
            new PullRequestDraft(attempt.Repository, run, objects, commit, item.Title, PullRequestText.Of(item, run, approval, issue, summary), attempt.Trailers, publish.BaseBranch, publish.Reviewers, attempt.FollowUp), ct).ConfigureAwait(false);
        var pull = published.PullRequest;
        var name = string.Create(CultureInfo.InvariantCulture, $"{published.Repository}#{pull.Number}");
        if (published.Notice is not null)
        {
            await attempt.Journal.AppendAsync(new AgentEvent("notice", published.Notice), ct).ConfigureAwait(false);
        }

        await attempt.StageAsync($"Published as {name}: {pull.Url}", ct).ConfigureAwait(false);
        await FinishAsync(attempt, async (tx, tracked, trackedItem, token) =>
        {
            var repository = published.Repository.ToString();
            var row = await tx.Db.PullRequests.AsTracking().FirstOrDefaultAsync(p => p.WorkItemId == item.Id && p.Number == pull.Number && p.HeadBranch == published.Branch, token).ConfigureAwait(false);
            if (row is null)
            {
                row = new PullRequestEntity
                {
                    RunId = run.Id,
                    WorkItemId = item.Id,
                    Repository = repository,
                    Number = pull.Number,
                    Url = pull.Url.AbsoluteUri,
                    HeadBranch = published.Branch,
                    HeadCommit = commit,
                    State = PullRequestStates.Open,
                    CreatedAt = tx.Now,
                };
                tx.Db.PullRequests.Add(row);
            }

            (row.Repository, row.HeadCommit, row.Checks, row.UpdatedAt) = (repository, commit, null, tx.Now);
            await PublishedAsync(
                tx, tracked, trackedItem, published.Branch, commit, $"Published as {name}.",
                merges ? null : $"Pull request {name} does not merge cleanly into {pull.BaseBranch}.", $"Pull request {name} waits for your review.",
                new Dictionary<string, object?> { ["branch"] = published.Branch, ["commit"] = commit, ["pull_request"] = pull.Url.AbsoluteUri, ["follow_up"] = attempt.FollowUp is not null }, token).ConfigureAwait(false);
        }, ct).ConfigureAwait(false);
    }

    /// <param name="conflict">Why it does not merge; null when it does.</param>
    private static async Task PublishedAsync(
        StoreTransaction tx, RunEntity run, WorkItemEntity item, string branch, string commit, string detail, string? conflict, string waits, IReadOnlyDictionary<string, object?> audit, CancellationToken ct)
    {
        run.Branch = branch;
        run.ResultCommit = commit;
        RunStateMachine.Move(tx, run, RunState.Ended, detail, RunEndReason.Completed);
        tx.Audit(new AuditRecord("publish", "run.published", "run", run.Id.ToString(CultureInfo.InvariantCulture), AuditSeverity.Medium, Details: audit));
        var approval = await tx.Db.Approvals.AsTracking().SingleAsync(a => a.Id == run.ApprovalId, ct).ConfigureAwait(false);
        approval.State = ApprovalStates.Fulfilled;
        WorkItemStateMachine.Move(tx, item, conflict is null ? WorkItemState.Review : WorkItemState.Conflict, conflict ?? waits);
    }

    private async Task NotCompletedAsync(Attempt attempt, AgentOutcome outcome, CancellationToken ct)
    {
        if (outcome.Reason == RunEndReason.Parked)
        {
            await ParkAsync(attempt, outcome.Detail, now => outcome.ResumeAt ?? now + s_defaultPark, outcome.Failure, keepWorkspace: false, ct).ConfigureAwait(false);
        }
        else if (outcome.Failure is FailureClass.Transient or FailureClass.Infrastructure && attempt.Run.Failures + 1 < attempt.Configuration.Executor.MaxAttempts)
        {
            await RequeueAsync(attempt, outcome.Detail, ct).ConfigureAwait(false);
        }
        else
        {
            await EndAsync(attempt, outcome.Reason, outcome.Failure ?? FailureClass.Agent, outcome.Detail, ct).ConfigureAwait(false);
        }
    }

    /// <summary>A fault of the service itself, or of what it stands on: tried again under the ceiling, then ended with its reason.</summary>
    private async Task FaultAsync(Attempt attempt, Exception e)
    {
        Log.RunFaulted(logger, attempt.Run.Id, attempt.Run.Attempt, e);
        await SaveWorkAsync(attempt, CancellationToken.None).ConfigureAwait(false);
        var failure = Failures.Classify(e);
        var detail = e is ClaudeManagerException known ? $"{known.Message} {known.Fix}".Trim() : $"{e.GetType().Name}: {e.Message}";
        if (failure == FailureClass.Transient && e is ClaudeManagerException { ClearsAt: { } clears })
        {
            // It says itself when it is over: waiting costs none of the attempts.
            await NotCompletedAsync(attempt, new AgentOutcome(RunEndReason.Parked, failure, detail) { ResumeAt = clears }, CancellationToken.None).ConfigureAwait(false);
            return;
        }

        await NotCompletedAsync(attempt, new AgentOutcome(failure == FailureClass.Configuration ? RunEndReason.ConfigurationError : RunEndReason.Failed, failure, detail), CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Lets go of a run that has not failed: it keeps its session and goes on from its saved work.</summary>
    /// <param name="until">When it may start again, given the time now; null: as soon as somebody has room for it.</param>
    /// <param name="failure">What it waits for, if for anything.</param>
    private Task ParkAsync(Attempt attempt, string why, Func<DateTimeOffset, DateTimeOffset?> until, FailureClass? failure, bool keepWorkspace, CancellationToken ct)
    {
        Log.RunParked(logger, attempt.Run.Id, why);
        return FinishAsync(attempt, (tx, run, item, _) =>
        {
            run.NotBefore = until(tx.Now);
            run.FailureClass = failure;
            RunStateMachine.Move(tx, run, RunState.Parked, why);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Parked, why);
            return Task.CompletedTask;
        }, ct, keepWorkspace);
    }

    /// <summary>Another try later: the more have failed, the later.</summary>
    private Task RequeueAsync(Attempt attempt, string why, CancellationToken ct)
    {
        Log.RunRequeued(logger, attempt.Run.Id, why);
        return FinishAsync(attempt, (tx, run, item, _) =>
        {
            run.NotBefore = tx.Now + TimeSpan.FromTicks(Math.Min(s_longestRetry.Ticks, s_firstRetry.Ticks << Math.Min(run.Failures, 16)));
            run.Failures++;
            RunStateMachine.Move(tx, run, RunState.Queued, why);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Queued, why);
            return Task.CompletedTask;
        }, ct, keepWorkspace: true);
    }

    private Task StaleAsync(Attempt attempt, string why, CancellationToken ct)
        => FinishAsync(attempt, async (tx, run, item, token) =>
        {
            RunStateMachine.Move(tx, run, RunState.Ended, why, RunEndReason.PolicyBlocked);
            var approval = await tx.Db.Approvals.AsTracking().SingleAsync(a => a.Id == run.ApprovalId, token).ConfigureAwait(false);
            approval.State = ApprovalStates.Stale;
            approval.StateReason = why;
            WorkItemStateMachine.Move(tx, item, attempt.StateAfter, why);
        }, ct);

    private async Task EndAsync(Attempt attempt, RunEndReason reason, FailureClass failure, string detail, CancellationToken ct)
    {
        var clean = redactor.Redact(detail);
        await attempt.StageAsync($"Ended: {ManagerJson.Name(reason).Replace('_', ' ')}. {clean}", ct).ConfigureAwait(false);
        await FinishAsync(attempt, async (tx, run, item, token) =>
        {
            run.FailureClass = failure;
            RunStateMachine.Move(tx, run, RunState.Ended, clean, reason);
            // The same failure on the same base with no new diff twice is poison: a third try would only spend money.
            var poison = reason is RunEndReason.Failed or RunEndReason.VerificationFailed or RunEndReason.NoChanges
                && await tx.Db.Runs.AnyAsync(r => r.WorkItemId == item.Id && r.Id != run.Id && r.EndReason == reason && r.BaseCommit == run.BaseCommit && r.DiffHash == run.DiffHash, token).ConfigureAwait(false);
            var text = string.Create(CultureInfo.InvariantCulture, $"Run {run.Id} ended: {ManagerJson.Name(reason).Replace('_', ' ')}. {clean}");
            WorkItemStateMachine.Move(tx, item, poison ? WorkItemState.Quarantined : attempt.StateAfter, poison ? "Failed the same way twice with nothing new. " + text : text);
        }, ct).ConfigureAwait(false);
        Log.RunEnded(logger, attempt.Run.Id, ManagerJson.Name(reason));
    }

    /// <summary>The last write under a lease: what waits in the journal goes first, since afterwards nothing may be written.</summary>
    private async Task FinishAsync(Attempt attempt, Func<StoreTransaction, RunEntity, WorkItemEntity, CancellationToken, Task> change, CancellationToken ct, bool keepWorkspace = false)
    {
        await attempt.Journal.FlushAsync(ct).ConfigureAwait(false);
        await store.OutlastAsync(
            token => store.WriteAsync(attempt.Operation, async (tx, inner) =>
            {
                var run = await attempt.Lease.HoldWithItemAsync(tx, inner).ConfigureAwait(false);
                await change(tx, run, run.WorkItem!, inner).ConfigureAwait(false);
                return run;
            }, token),
            attempt.Enough, ct).ConfigureAwait(false);
        // Given back with that write: what is renewed after it would look lost.
        attempt.Held.Release();
        attempt.WorkspaceDone = !keepWorkspace;
    }

    private async Task MoveAsync(Attempt attempt, RunState to, Action<RunEntity>? change, CancellationToken ct)
        => attempt.Run = await WriteAsync(attempt, (tx, run, _) =>
        {
            change?.Invoke(run);
            // It is there already where the answer to the same write was lost.
            if (run.State != to)
            {
                RunStateMachine.Move(tx, run, to);
            }

            return Task.FromResult(run);
        }, ct).ConfigureAwait(false);

    private async Task UpdateAsync(Attempt attempt, Action<RunEntity> change, CancellationToken ct)
        => attempt.Run = await WriteAsync(attempt, (tx, run, _) =>
        {
            change(run);
            run.UpdatedAt = tx.Now;
            tx.Publish("run.changed", "run", run.Id, ManagerJson.Name(run.State));
            return Task.FromResult(run);
        }, ct).ConfigureAwait(false);

    /// <summary>One write under the lease. A database that is away is waited for: the lease can be renewed afterwards, what an agent has done for an hour cannot be had again.</summary>
    private Task<RunEntity> WriteAsync(Attempt attempt, Func<StoreTransaction, RunEntity, CancellationToken, Task<RunEntity>> write, CancellationToken ct)
        => store.OutlastAsync(
            token => store.WriteAsync(attempt.Operation, async (tx, inner) => await write(tx, await attempt.Lease.HoldAsync(tx, inner).ConfigureAwait(false), inner).ConfigureAwait(false), token),
            attempt.Enough, ct);

    private Task<T> ReadAsync<T>(Attempt attempt, Func<ManagerDbContext, CancellationToken, Task<T>> read, CancellationToken ct) => store.OutlastAsync(token => store.ReadAsync(read, token), attempt.Enough, ct);

    private Task<VerifyPlan> PlanAsync(Attempt attempt, CancellationToken ct)
        => VerifyCommands.ResolveAsync(attempt.Configuration.Executor, attempt.Repository.Name, data.ObjectStore(attempt.Run.RepositoryId), attempt.Run.BaseCommit, ct);

    private async Task<IReadOnlyList<CheckResultDto>> CheckBaseAsync(Attempt attempt, CancellationToken ct)
        => await verifier.BeforeAsync(await PlanAsync(attempt, ct).ConfigureAwait(false), attempt.Checks(attempt.Run.BaseCommit), attempt.Journal, ct).ConfigureAwait(false);

    /// <summary>Writes the verdict and what the gate said. A secret in the work takes bundle and session out of the store again: the work stays in this machine's object store, for whoever decides on it.</summary>
    private async Task SaveJudgementAsync(Attempt attempt, VerificationReceiptDto receipt, DiffGateDto gate, CancellationToken ct)
    {
        await UpdateAsync(attempt, r =>
        {
            r.Receipt = JsonSerializer.Serialize(receipt, ManagerJson.Options);
            r.Gate = JsonSerializer.Serialize(gate, ManagerJson.Options);
        }, ct).ConfigureAwait(false);
        if (gate.Hits.Any(h => h.Rule == DiffGate.Secret))
        {
            await WriteAsync(attempt, async (tx, run, token) =>
            {
                await tx.Db.RunArtifacts.Where(a => a.RunId == attempt.Run.Id && (a.Kind == RunArtifacts.Bundle || a.Kind == RunArtifacts.Session)).ExecuteDeleteAsync(token).ConfigureAwait(false);
                return run;
            }, ct).ConfigureAwait(false);
        }
    }

    private Task<RunEntity> PutAsync(Attempt attempt, string kind, byte[] content, CancellationToken ct)
        => WriteAsync(attempt, async (tx, run, token) =>
        {
            await PutAsync(tx, run.Id, kind, content, token).ConfigureAwait(false);
            return run;
        }, ct);

    private static async Task PutAsync(StoreTransaction tx, long runId, string kind, byte[] content, CancellationToken ct)
    {
        var row = await tx.Db.RunArtifacts.AsTracking().FirstOrDefaultAsync(a => a.RunId == runId && a.Kind == kind, ct).ConfigureAwait(false);
        if (row is null)
        {
            row = new RunArtifactEntity { RunId = runId, Kind = kind, Content = content };
            tx.Db.RunArtifacts.Add(row);
        }

        row.Content = content;
        row.UpdatedAt = tx.Now;
    }

    private async Task SnapshotEveryMinuteAsync(Attempt attempt, CancellationToken ct)
    {
        while (true)
        {
            await Task.Delay(s_betweenSnapshots, store.Time, ct).ConfigureAwait(false);
            await SaveWorkAsync(attempt, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Snapshots the workspace, if there is one. A snapshot that fails is logged and tried again; only a lost lease goes on up.</summary>
    private async Task<Snapshot?> SaveWorkAsync(Attempt attempt, CancellationToken ct)
    {
        if (attempt.Workspace is not { } workspace)
        {
            return null;
        }

        try
        {
            var snapshot = await workspaces.SnapshotAsync(workspace, $"Work in progress of run {attempt.Run.Id.ToString(CultureInfo.InvariantCulture)}", ct).ConfigureAwait(false);
            if (snapshot.Commit != attempt.Run.WipCommit)
            {
                var (bundle, problem) = await workspaces.BundleAsync(workspace, ct).ConfigureAwait(false);
                attempt.BundleBytes = bundle?.Length ?? 0;
                await SayLocalOnlyAsync(attempt, problem, ct).ConfigureAwait(false);
                attempt.Run = await WriteAsync(attempt, async (tx, run, token) =>
                {
                    run.WipCommit = snapshot.Commit;
                    run.DiffHash = run.ResultCommit is null ? snapshot.Tree : run.DiffHash;
                    run.WipAt = tx.Now;
                    if (bundle is not null)
                    {
                        await PutAsync(tx, run.Id, RunArtifacts.Bundle, bundle, token).ConfigureAwait(false);
                    }

                    return run;
                }, ct).ConfigureAwait(false);
            }

            await SaveSessionAsync(attempt, ct).ConfigureAwait(false);
            return snapshot;
        }
        catch (Exception e) when (e is not (OperationCanceledException or LeaseLostException or DbUpdateConcurrencyException))
        {
            Log.SnapshotFailed(logger, attempt.Run.Id, e);
            return null;
        }
    }

    /// <summary>Keeps the agent's session beside its work, so that any worker can resume both.</summary>
    private async Task SaveSessionAsync(Attempt attempt, CancellationToken ct)
    {
        if (attempt.SessionFile?.Invoke() is not { } path || new FileInfo(path) is not { Exists: true } file || attempt.SessionSaved == (file.Length, file.LastWriteTimeUtc))
        {
            return;
        }

        try
        {
            var (session, problem) = await SessionTranscript.ReadAsync(path, redactor, workspaces.MaxBundleBytes - attempt.BundleBytes, ct).ConfigureAwait(false);
            if (session is not null)
            {
                await PutAsync(attempt, RunArtifacts.Session, session, ct).ConfigureAwait(false);
            }

            attempt.SessionSaved = (file.Length, file.LastWriteTimeUtc);
            await SayLocalOnlyAsync(attempt, problem, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (OperationCanceledException or LeaseLostException or DbUpdateConcurrencyException))
        {
            // The work is safe; without the session the agent would only have to read itself in again.
            Log.SessionNotSaved(logger, attempt.Run.Id, e);
        }
    }

    /// <summary>Once an attempt: sizes grow by the minute, the news does not.</summary>
    private static async Task SayLocalOnlyAsync(Attempt attempt, string? problem, CancellationToken ct)
    {
        if (problem is not null && !attempt.LocalOnlySaid)
        {
            attempt.LocalOnlySaid = true;
            await attempt.Journal.AppendAsync(AgentEvent.Fallback(Fallback.KeptHereOnly, problem), ct).ConfigureAwait(false);
        }
    }

    private async Task WatchCancellationAsync(Lease lease, CancellationTokenSource cancelled, CancellationToken ct)
    {
        using var listener = signal.Listen();
        try
        {
            while (!await IsCancelRequestedAsync(lease, ct).ConfigureAwait(false))
            {
                await listener.WaitAsync(TimeSpan.FromSeconds(1), store.Time, ct).ConfigureAwait(false);
            }

            await cancelled.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    private async Task<bool> IsCancelRequestedAsync(Lease lease, CancellationToken ct)
    {
        try
        {
            return await store.ReadAsync((db, token) => db.Runs.AnyAsync(r => r.Id == lease.RunId && r.CancelRequestedAt != null, token), ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // While the database is away nobody can ask; whether the lease still holds is the keeper's to find out.
            Log.CancellationNotRead(logger, lease.RunId, e);
            return false;
        }
    }

    private async Task RemoveWorkspaceAsync(long runId)
    {
        try
        {
            await workspaces.RemoveAsync(runId, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or WorkspaceException)
        {
            Log.WorkspaceNotRemoved(logger, runId, e);
        }
    }

    /// <summary>Waits for a task that was stopped because its result is no longer wanted, however it ends.</summary>
    private static async Task Quietly(Task task)
        => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>What one attempt carries from stage to stage.</summary>
    private sealed class Attempt(OperationContext operation, ClaimedRun claim, RunJournal journal, AgentUsage spent, ManagerConfiguration configuration)
    {
        public OperationContext Operation => operation;

        public Lease Lease => claim.Lease;

        public required LeaseKeeper.HeldLease Held { get; init; }

        /// <summary>Until then a database that is away is waited for.</summary>
        public required CancellationToken Enough { get; init; }

        public WorkItemEntity Item => claim.Item;

        public RepositoryEntity Repository => claim.Repository;

        public ApprovalEntity Approval => claim.Approval;

        public RunJournal Journal => journal;

        /// <summary>What the attempts before this one have used.</summary>
        public AgentUsage Spent => spent;

        /// <summary>The configuration of this attempt, from start to end.</summary>
        public ManagerConfiguration Configuration => configuration;

        public RunEntity Run { get; set; } = claim.Run;

        /// <summary>Where the repository's own commits are read.</summary>
        public string Source { get; set; } = "";

        /// <summary>Set when this run goes on with a pull request that is there.</summary>
        public FollowUp? FollowUp { get; set; }

        /// <summary>Where the item goes when the run comes to nothing: what an earlier one published still waits for its review.</summary>
        public WorkItemState StateAfter => FollowUp is null ? WorkItemState.Proposed : WorkItemState.Review;

        public Workspace? Workspace { get; set; }

        /// <summary>Where the agent keeps its session, if it keeps one.</summary>
        public Func<string?>? SessionFile { get; set; }

        /// <summary>Size and time of the session file that the store has.</summary>
        public (long Length, DateTime At)? SessionSaved { get; set; }

        public long BundleBytes { get; set; }

        public bool LocalOnlySaid { get; set; }

        public IReadOnlyList<CheckResultDto>? Before { get; set; }

        public bool WorkspaceDone { get; set; }

        public ResultTrailers Trailers => new(Item.Id, Run.Id, Run.BaseCommit);

        public VerificationRequest Checks(string commit) => new(new RunIdentity(Run.Id, Run.Attempt, Lease.Owner), Run.RepositoryId, commit, Approval.Sandbox, configuration.Executor);

        public AgentRequest Request(string directory, string home, AgentUsage spent) => new(
            new RunIdentity(Run.Id, Run.Attempt, Lease.Owner), directory, home, Approval.Prompt + FollowUp?.Text, Run.SessionId, Run.SessionStarted,
            Approval.Sandbox, ApprovalSeal.Tools(Approval), Approval.BudgetMicroUsd / 1_000_000m, configuration.Executor, configuration.Network)
        {
            Spent = spent,
        };

        public ValueTask StageAsync(string text, CancellationToken ct) => journal.AppendAsync(new AgentEvent("stage", text), ct);
    }
}
