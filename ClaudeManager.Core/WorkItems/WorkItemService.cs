using System.Globalization;
using System.Text.Json;
using ClaudeManager.Core.Agents;
using ClaudeManager.Core.Agents.Processes;
using ClaudeManager.Core.Agents.Prompts;
using ClaudeManager.Core.Audit;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Publishing;
using ClaudeManager.Core.Repositories;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.Verification;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems;

/// <summary>What people do with work items: look, decide, ask why.</summary>
public sealed class WorkItemService(Store store, ApprovalSeal seal, PromptRenderer prompts, AgentCatalog agents, Sandbox sandbox, RepositorySource source, CurrentConfiguration configuration)
{
    /// <summary>How many items one call decides on: each is a transaction of its own.</summary>
    public const int MostAtOnce = 100;

    public Task<Page<WorkItemDto>> ListAsync(IReadOnlyList<WorkItemState> states, long? repositoryId, string? search, string? sort, int skip, int take, CancellationToken ct)
        => store.ReadSnapshotAsync(async (db, token) =>
        {
            var query = db.WorkItems.Include(w => w.Repository).Include(w => w.Finding).Where(w => !w.Repository!.Removed);
            if (states.Count > 0)
            {
                query = query.Where(w => states.Contains(w.State));
            }

            if (repositoryId is { } id)
            {
                query = query.Where(w => w.RepositoryId == id);
            }

            if (!string.IsNullOrWhiteSpace(search))
            {
                var text = search.Trim().ToLowerInvariant();
#pragma warning disable CA1304, CA1311, CA1862 // Translated to SQL's lower(), which has no culture.
                query = query.Where(w => w.Title.ToLower().Contains(text) || w.Findings.Any(f => f.Text.ToLower().Contains(text)));
#pragma warning restore CA1304, CA1311, CA1862
            }

            var total = await query.CountAsync(token).ConfigureAwait(false);
            query = sort switch
            {
                "updated" => query.OrderBy(w => w.UpdatedAt).ThenBy(w => w.Id),
                "-updated" => query.OrderByDescending(w => w.UpdatedAt).ThenByDescending(w => w.Id),
                "title" => query.OrderBy(w => w.Title).ThenBy(w => w.Id),
                "-title" => query.OrderByDescending(w => w.Title).ThenBy(w => w.Id),
                "id" => query.OrderBy(w => w.Id),
                "-id" => query.OrderByDescending(w => w.Id),
                "-score" => query.OrderBy(w => w.Pinned).ThenBy(w => w.Score).ThenBy(w => w.Id),
                _ => query.OrderByDescending(w => w.Pinned).ThenByDescending(w => w.Score).ThenBy(w => w.Id),
            };
            var items = await query.Skip(skip).Take(take).ToListAsync(token).ConfigureAwait(false);
            return new Page<WorkItemDto>([.. items.Select(i => i.ToDto())], total);
        }, ct);

    public async Task<Outcome<WorkItemDetailDto>> GetAsync(long id, CancellationToken ct)
    {
        var item = await store.ReadAsync((db, token) => Full(db).FirstOrDefaultAsync(w => w.Id == id, token), ct).ConfigureAwait(false);
        if (item is null)
        {
            return Refusal.NotFound("work item", id);
        }

        var gates = await GatesAsync(item, ct).ConfigureAwait(false);
        return await store.ReadAsync(async (db, token) =>
        {
            var approvals = await db.Approvals.Where(a => a.WorkItemId == id).OrderByDescending(a => a.Id).ToListAsync(token).ConfigureAwait(false);
            var runs = await db.Runs.Include(r => r.WorkItem!.Repository).Where(r => r.WorkItemId == id).OrderByDescending(r => r.Id).Take(50).ToListAsync(token).ConfigureAwait(false);
            var pulls = await PullRequestViews.ListAsync(db, runs, token).ConfigureAwait(false);
            var issue = await db.ProposalIssues.Where(p => p.WorkItemId == id).Select(p => new IssueDto(p.Repository, p.Number, p.Url, p.IsOpen)).FirstOrDefaultAsync(token).ConfigureAwait(false);
            var history = await AuditReader.HistoryAsync(db, "work_item", id.ToString(CultureInfo.InvariantCulture), token).ConfigureAwait(false);
            return new WorkItemDetailDto(
                item.ToDto(),
                item.Body,
                item.Finding?.ToDto(item.Score),
                [.. item.Present().Select(f => f.ToDto(item.Score))],
                item.BaseCommit,
                item.LabelList(),
                item.Terms(),
                [.. approvals.Select(a => a.ToDto())],
                [.. runs.Select(r => r.ToDto(pulls[(r.WorkItemId, r.Branch)].FirstOrDefault()))],
                gates,
                history,
                runs.SelectMany(r => pulls[(r.WorkItemId, r.Branch)]).FirstOrDefault(),
                issue);
        }, ct).ConfigureAwait(false);
    }

    /// <summary>"Why is it not running?"</summary>
    public async Task<Outcome<IReadOnlyList<GateDto>>> ExplainAsync(long id, CancellationToken ct)
    {
        var item = await store.ReadAsync((db, token) => Full(db).FirstOrDefaultAsync(w => w.Id == id, token), ct).ConfigureAwait(false);
        return item is null ? Refusal.NotFound("work item", id) : new Outcome<IReadOnlyList<GateDto>>(await GatesAsync(item, ct).ConfigureAwait(false), null);
    }

    /// <summary>Exactly what an approval would bind, without deciding anything.</summary>
    public async Task<Outcome<ApprovalPreviewDto>> PreviewApprovalAsync(long id, string? agent, CancellationToken ct)
    {
        var bindable = await BindableAsync(id, agent, ct).ConfigureAwait(false);
        return bindable.Value is { } found ? found.Preview with { VerifyCommands = await ChecksAsync(found, ct).ConfigureAwait(false) } : bindable.Refusal!;
    }

    /// <summary>The same for many: of each what an approval would bind, or why it cannot be approved.</summary>
    public async Task<Outcome<IReadOnlyList<BulkPreviewDto>>> PreviewApprovalsAsync(IReadOnlyList<long> ids, string? agent, CancellationToken ct)
    {
        if (CheckMany([.. ids.Select(i => (long?)i)]) is { } refused)
        {
            return refused;
        }

        var previews = new List<BulkPreviewDto>();
        var checks = new Dictionary<(long Repository, string Commit), IReadOnlyList<IReadOnlyList<string>>>();
        foreach (var id in ids)
        {
            var (found, refusal) = await BindableAsync(id, agent, ct).ConfigureAwait(false);
            if (found is null)
            {
                previews.Add(new BulkPreviewDto(id, null, null, null, null, refusal!.ToBulk()));
                continue;
            }

            var (preview, item, noSandbox) = found;
            refusal = item.State != WorkItemState.Proposed ? NotProposed(item)
                : noSandbox ?? ProblemOf(preview, agent ?? preview.DefaultAgent);
            if (refusal is null)
            {
                var key = (item.RepositoryId, preview.BaseCommit);
                checks.TryAdd(key, checks.GetValueOrDefault(key) ?? await ChecksAsync(found, ct).ConfigureAwait(false));
                preview = preview with { VerifyCommands = checks[key] };
            }

            previews.Add(new BulkPreviewDto(id, item.Title, item.Repository!.Name, item.Score, refusal is null ? preview : null, refusal?.ToBulk()));
        }

        return previews;
    }

    private async Task<IReadOnlyList<IReadOnlyList<string>>> ChecksAsync(Bindable bindable, CancellationToken ct)
    {
        var (repository, commit) = (bindable.Item.Repository!, bindable.Preview.BaseCommit);
        var directory = await source.LocateAsync(repository, commit, ct).ConfigureAwait(false);
        return (await VerifyCommands.ResolveAsync(configuration.Value.Executor, repository.Name, directory, commit, ct).ConfigureAwait(false)).Checks;
    }

    /// <summary>The preview without what is only shown beside it and costs a look into the repository.</summary>
    internal async Task<Outcome<Bindable>> BindableAsync(long id, string? agent, CancellationToken ct)
    {
        var item = await store.ReadAsync((db, token) => Full(db).FirstOrDefaultAsync(w => w.Id == id, token), ct).ConfigureAwait(false);
        if (item is null)
        {
            return Refusal.NotFound("work item", id);
        }

        var current = configuration.Value;
        var repository = item.Repository!;
        if (repository.ScannedCommit is not { } baseCommit)
        {
            return Refusal.Conflict(ErrorCodes.NotScanned, "The repository has not been scanned yet, so there is no base commit to approve.", "Scan it first.");
        }

        var prompt = await prompts.RenderAsync(PromptInputOf(item, baseCommit), ct).ConfigureAwait(false);
        var choice = Sandbox.Resolve(current.Executor.Sandbox, repository.Kind, await sandbox.ProblemAsync(ct).ConfigureAwait(false));
        var options = await AgentsForAsync(repository, ct).ConfigureAwait(false);
        var chosen = agent ?? DefaultAgent(item, repository, current);
        var warnings = new List<string>();
        warnings.AddRange(new[] { choice.Error, choice.Notice }.OfType<string>());
        warnings.AddRange(options.Where(o => o.Name == chosen && o.Problem is not null).Select(o => o.Problem!));
        var preview = new ApprovalPreviewDto(
            item.Id,
            item.Version,
            baseCommit,
            repository.DefaultBranch ?? "",
            prompt.Template,
            prompt.Text,
            prompt.Sha256,
            prompt.Passages,
            options,
            chosen,
            current.Budgets.PerRunUsd,
            current.Budgets.PerRunUsd,
            choice.Level ?? SandboxLevel.Process,
            current.Executor.ClaudeCode.AllowedTools,
            [],
            await EstimateAsync(item, ct).ConfigureAwait(false),
            warnings);
        return new Bindable(preview, item, choice.Error is { } error ? new Refusal(RefusalKind.Unavailable, ErrorCodes.SandboxUnavailable, error) : null);
    }

    /// <summary>Why an agent cannot be approved here, if so.</summary>
    private static Refusal? ProblemOf(ApprovalPreviewDto preview, string agent)
        => preview.Agents.FirstOrDefault(a => a.Name == agent) is not { } option
            ? Refusal.Invalid("agent", $"There is no agent '{agent}'.", $"Use one of {string.Join(", ", preview.Agents.Select(a => a.Name))}.")
            : option.Available ? null : new Refusal(RefusalKind.Unavailable, ErrorCodes.AgentUnavailable, option.Problem!, "Set it up, or approve with another agent.", "agent");

    private static Refusal NotProposed(WorkItemEntity item)
        => Refusal.Conflict(ErrorCodes.AlreadyDecided, $"The work item is {ManagerJson.Name(item.State)}; only a proposed one can be approved.", "Reopen it first.");

    /// <summary>Approves exactly what the person saw: another version of the item or another prompt is refused, and nothing is queued.</summary>
    /// <param name="together">Written in the transaction of the approval.</param>
    public async Task<Outcome<WorkItemDetailDto>> ApproveAsync(OperationContext operation, long id, ApproveRequest request, CancellationToken ct, Func<StoreTransaction, CancellationToken, Task>? together = null)
    {
        var previewed = await BindableAsync(id, request.Agent, ct).ConfigureAwait(false);
        if (previewed.Refusal is { } refused)
        {
            return refused;
        }

        var (preview, _, noSandbox) = previewed.Value!;
        var current = configuration.Value;
        var agent = request.Agent ?? preview.DefaultAgent;
        var budget = request.BudgetUsd ?? preview.DefaultBudgetUsd;
        if (ProblemOf(preview, agent) is { } unusable)
        {
            return unusable;
        }

        if (budget <= 0 || budget > preview.MaxBudgetUsd)
        {
            return Refusal.Invalid("budgetUsd", $"A run's budget is more than 0 and at most {preview.MaxBudgetUsd.ToString(CultureInfo.InvariantCulture)} US dollars (budgets.perRunUsd).", "Give a budget in that range.");
        }

        var tools = request.Tools ?? preview.Tools;
        if (tools.Except(preview.Tools, StringComparer.Ordinal).FirstOrDefault() is { } extra)
        {
            return Refusal.Invalid("tools", $"'{extra}' is not among the tools the configuration allows (executor.claudeCode.allowedTools).", "Choose from the allowed tools.");
        }

        if (noSandbox is not null && agents.Find(agent) is not { WorksElsewhere: true })
        {
            return noSandbox;
        }

        if (preview.PromptSha256 != request.PromptSha256)
        {
            return Refusal.Conflict(ErrorCodes.PromptChanged, "The prompt has changed since you saw it.", "Look at it again, then approve.");
        }

        var program = preview.Agents.First(a => a.Name == agent).Program;
        if (request.ProgramSha256 is { } seen && seen != program?.Sha256)
        {
            return Refusal.Conflict(ErrorCodes.ProgramChanged, $"What {agent} runs has changed since you saw it.", "Look at it again, then approve.");
        }

        return await DecideAsync(operation, id, request.Version, async (tx, item, token) =>
        {
            if (item.State != WorkItemState.Proposed)
            {
                return NotProposed(item);
            }

            await EndApprovalsAsync(tx, item.Id, ApprovalStates.Withdrawn, "A newer approval replaces it.", token).ConfigureAwait(false);
            var approval = seal.Seal(item, preview.BaseCommit, agent, preview.Prompt, tools, (long)(budget * 1_000_000m), preview.Sandbox, [operation.Actor], tx.Now, current.Approvals.Validity, program);
            tx.Db.Approvals.Add(approval);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Approved, null, AuditSeverity.Medium);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            tx.Audit(new AuditRecord("approval", "approval.signed", "work_item", item.Id.ToString(CultureInfo.InvariantCulture), AuditSeverity.Medium, AfterHash: approval.Mac, Details: new Dictionary<string, object?>
            {
                ["approval"] = approval.Id,
                ["agent"] = agent,
                ["base"] = approval.BaseCommit,
                ["prompt_sha256"] = approval.PromptSha256,
                ["budget_usd"] = budget,
                ["sandbox"] = ManagerJson.Name(approval.Sandbox),
                ["tools"] = tools,
                ["program_sha256"] = program?.Sha256,
                ["key"] = approval.KeyId,
            }));
            RunQueue.Enqueue(tx, item, approval);
            if (together is not null)
            {
                await together(tx, token).ConfigureAwait(false);
            }

            return null;
        }, ct).ConfigureAwait(false);
    }

    /// <summary>Decides each item by itself, exactly as <see cref="ApproveAsync"/> would: with its own envelope, its own transaction and its own outcome.</summary>
    public Task<Outcome<BulkResultDto>> ApproveManyAsync(OperationContext operation, BulkApproveRequest request, CancellationToken ct)
        => ManyAsync(request.Items, i => i?.Approval is null ? null : i.Id, (item, token) => ApproveAsync(operation, item.Id, item.Approval, token), ct);

    public Task<Outcome<BulkResultDto>> RejectManyAsync(OperationContext operation, BulkRejectRequest request, CancellationToken ct)
        => ManyAsync(request.Items, i => i?.Id, (item, token) => RejectAsync(operation, item.Id, new RejectRequest(item.Version, request.Reason), token), ct);

    public Task<Outcome<BulkResultDto>> SnoozeManyAsync(OperationContext operation, BulkSnoozeRequest request, CancellationToken ct)
        => ManyAsync(request.Items, i => i?.Id, (item, token) => SnoozeAsync(operation, item.Id, new SnoozeRequest(item.Version, request.Until), token), ct);

    /// <summary>One after the other. A fault ends it: what was done until then stays done, and deciding again on the rest is safe, because each says the version it was seen at.</summary>
    private async Task<Outcome<BulkResultDto>> ManyAsync<T>(IReadOnlyList<T> items, Func<T, long?> idOf, Func<T, CancellationToken, Task<Outcome<WorkItemDetailDto>>> decide, CancellationToken ct)
    {
        if (CheckMany([.. (items ?? []).Select(idOf)]) is { } refused)
        {
            return refused;
        }

        var outcomes = new List<BulkOutcomeDto>();
        foreach (var item in items!)
        {
            var id = idOf(item)!.Value;
            var (done, refusal) = await decide(item, ct).ConfigureAwait(false);
            var now = done?.Item ?? (await GetAsync(id, ct).ConfigureAwait(false)).Value?.Item;
            outcomes.Add(new BulkOutcomeDto(id, now?.Title, now?.State, refusal?.ToBulk()));
        }

        return new BulkResultDto(outcomes.Count(o => o.Refusal is null), outcomes.Count(o => o.Refusal is not null), outcomes);
    }

    private static Refusal? CheckMany(IReadOnlyList<long?> ids)
        => ids.Count is 0 or > MostAtOnce || ids.Contains(null) || ids.Distinct().Count() != ids.Count
            ? Refusal.Invalid("items", FormattableString.Invariant($"Name 1 to {MostAtOnce} work items, each once."), "Split the list.")
            : null;

    /// <summary>Takes an approval back before its run has started.</summary>
    public Task<Outcome<WorkItemDetailDto>> WithdrawAsync(OperationContext operation, long id, CancellationToken ct)
        => DecideAsync(operation, id, null, async (tx, item, token) =>
        {
            if (item.State is not (WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Parked))
            {
                return Refusal.Conflict(ErrorCodes.NotWaiting, $"The work item is {ManagerJson.Name(item.State)}: there is no waiting approval to withdraw.", item.State == WorkItemState.Running ? "Cancel its run instead." : null);
            }

            await EndWaitingAsync(tx, item, $"Withdrawn by {operation.Actor}.", token).ConfigureAwait(false);
            WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, $"Approval withdrawn by {operation.Actor}.", AuditSeverity.Medium);
            return null;
        }, ct);

    public Task<Outcome<WorkItemDetailDto>> RejectAsync(OperationContext operation, long id, RejectRequest request, CancellationToken ct)
        => DecideAsync(operation, id, request.Version, async (tx, item, token) =>
        {
            if (string.IsNullOrWhiteSpace(request.Reason) || request.Reason.Length > 2000)
            {
                return Refusal.Invalid("reason", "A rejection needs a reason of 1 to 2000 characters: it is what keeps the same text from being proposed again.", "Say why.");
            }

            if (!WorkItemStateMachine.Allows(item.State, WorkItemState.Rejected))
            {
                return Refusal.Conflict(ErrorCodes.AlreadyDecided, $"The work item is {ManagerJson.Name(item.State)} and cannot be rejected.", item.State == WorkItemState.Running ? "Cancel its run first." : null);
            }

            await EndWaitingAsync(tx, item, "The work item was rejected.", token).ConfigureAwait(false);
            item.RejectedTextHash = item.Says();
            WorkItemStateMachine.Move(tx, item, WorkItemState.Rejected, InertText.Title(request.Reason, 2000), AuditSeverity.Medium);
            return null;
        }, ct);

    public Task<Outcome<WorkItemDetailDto>> SnoozeAsync(OperationContext operation, long id, SnoozeRequest request, CancellationToken ct)
        => DecideAsync(operation, id, request.Version, (tx, item, _) =>
        {
            if (request.Until <= tx.Now || request.Until > tx.Now.AddYears(5))
            {
                return Task.FromResult<Refusal?>(Refusal.Invalid("until", "Snooze until a time that is still to come, at most five years away.", "Give a later time."));
            }

            if (item.State != WorkItemState.Proposed)
            {
                return Task.FromResult<Refusal?>(Refusal.Conflict(ErrorCodes.AlreadyDecided, $"The work item is {ManagerJson.Name(item.State)}; only a proposed one can be snoozed."));
            }

            WorkItemStateMachine.Move(tx, item, WorkItemState.Snoozed, null);
            item.SnoozedUntil = request.Until.ToUniversalTime();
            return Task.FromResult<Refusal?>(null);
        }, ct);

    public Task<Outcome<WorkItemDetailDto>> PinAsync(OperationContext operation, long id, PinRequest request, CancellationToken ct)
        => DecideAsync(operation, id, request.Version, async (tx, item, token) =>
        {
            item.Pinned = request.Pinned;
            await RescoreWaitingAsync(tx, item, token).ConfigureAwait(false);
            Note(tx, item, request.Pinned ? "work_item.pinned" : "work_item.unpinned", null);
            return null;
        }, ct);

    public Task<Outcome<WorkItemDetailDto>> OverrideScoreAsync(OperationContext operation, long id, OverrideScoreRequest request, CancellationToken ct)
        => DecideAsync(operation, id, request.Version, async (tx, item, token) =>
        {
            if (request.Score is < 1 or > 10)
            {
                return Refusal.Invalid("score", "A score is between 1 and 10.", "Give a score in that range, or none to return to the computed one.");
            }

            item.ScoreOverride = request.Score;
            item.Score = request.Score ?? item.ComputedScore;
            await RescoreWaitingAsync(tx, item, token).ConfigureAwait(false);
            Note(tx, item, "work_item.score_overridden", new Dictionary<string, object?> { ["score"] = request.Score, ["reason"] = request.Reason });
            return null;
        }, ct);

    public Task<Outcome<WorkItemDetailDto>> ReopenAsync(OperationContext operation, long id, CancellationToken ct)
        => DecideAsync(operation, id, null, async (tx, item, token) =>
        {
            if (item.State == WorkItemState.Proposed || item.State is WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Running || !WorkItemStateMachine.Allows(item.State, WorkItemState.Proposed))
            {
                return Refusal.Conflict(ErrorCodes.AlreadyOpen, $"The work item is {ManagerJson.Name(item.State)}.", null);
            }

            await EndWaitingAsync(tx, item, "The work item was reopened.", token).ConfigureAwait(false);
            item.RejectedTextHash = null;
            WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, $"Reopened by {operation.Actor}.");
            return null;
        }, ct);

    /// <summary>A work item written by a person.</summary>
    public async Task<Outcome<WorkItemDetailDto>> NewAsync(OperationContext operation, NewWorkItemRequest request, CancellationToken ct)
    {
        if (string.IsNullOrWhiteSpace(request.Title) || InertText.Title(request.Title) is not { Length: > 0 } title)
        {
            return Refusal.Invalid("title", "A work item needs a title of 1 to 256 characters.", "Give a title.");
        }

        if (string.IsNullOrWhiteSpace(request.Description) || request.Description.Length > 65536)
        {
            return Refusal.Invalid("description", "A work item needs a description of 1 to 65,536 characters.", "Say what is to be done.");
        }

        var id = await store.WriteAsync(operation, async (tx, token) =>
        {
            var repository = await tx.Db.Repositories.FirstOrDefaultAsync(r => r.Id == request.RepositoryId && !r.Removed, token).ConfigureAwait(false);
            if (repository is null)
            {
                return (long?)null;
            }

            // On GitHub the issue says the repository and the agent to whoever has nothing but the issue.
            var isOnGitHub = repository.Kind == RepositoryKind.GitHub;
            string[] labels = isOnGitHub && ProposalLabels.LabelOf(request.Agent) is { } executor ? [ProposalLabels.Manual, executor] : [ProposalLabels.Manual];
            var ranking = Ranker.Rank(new RankInput("", title + ". " + request.Description, null, null, null, tx.Now, labels), configuration.Value.Ranking, tx.Now);
            var item = new WorkItemEntity
            {
                RepositoryId = repository.Id,
                Fingerprint = Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32)),
                Title = title,
                Body = isOnGitHub ? $"**Repository:** {repository.Location}\n\n{request.Description}" : request.Description,
                Kind = ranking.Kind,
                State = WorkItemState.Proposed,
                Score = ranking.Score,
                ComputedScore = ranking.Score,
                ScoreTerms = JsonSerializer.Serialize(ranking.Terms, ManagerJson.Options),
                Labels = JsonSerializer.Serialize(labels),
                Agent = request.Agent,
                BaseCommit = repository.ScannedCommit,
                CorrelationId = operation.CorrelationId,
                CreatedAt = tx.Now,
                UpdatedAt = tx.Now,
            };
            tx.Db.WorkItems.Add(item);
            await tx.Db.SaveChangesAsync(token).ConfigureAwait(false);
            Note(tx, item, "work_item.created", null);
            return item.Id;
        }, ct).ConfigureAwait(false);
        return id is { } made ? await GetAsync(made, ct).ConfigureAwait(false) : Refusal.NotFound("repository", request.RepositoryId);
    }

    /// <summary>Wakes snoozed items whose time has come.</summary>
    public Task<int> WakeSnoozedAsync(OperationContext operation, CancellationToken ct)
        => store.WriteAsync(operation, async (tx, token) =>
        {
            var due = await tx.Db.WorkItems.AsTracking().Where(w => w.State == WorkItemState.Snoozed && w.SnoozedUntil <= tx.Now).ToListAsync(token).ConfigureAwait(false);
            due.ForEach(item => WorkItemStateMachine.Move(tx, item, WorkItemState.Proposed, "Its snooze is over."));
            return due.Count;
        }, ct);

    private static IQueryable<WorkItemEntity> Full(ManagerDbContext db) => db.WorkItems.Include(w => w.Repository).Include(w => w.Finding).Include(w => w.Findings);

    private async Task<Outcome<WorkItemDetailDto>> DecideAsync(OperationContext operation, long id, int? version, Func<StoreTransaction, WorkItemEntity, CancellationToken, Task<Refusal?>> decide, CancellationToken ct)
    {
        Refusal? refusal;
        try
        {
            refusal = await store.WriteAsync(operation, async (tx, token) =>
            {
                var item = await Full(tx.Db).AsTracking().FirstOrDefaultAsync(w => w.Id == id, token).ConfigureAwait(false);
                return item is null ? Refusal.NotFound("work item", id)
                    : version is { } seen && seen != item.Version ? Refusal.Conflict(ErrorCodes.StaleVersion, "The work item has changed since you saw it.", "Look at it again, then decide.")
                    : await decide(tx, item, token).ConfigureAwait(false);
            }, ct).ConfigureAwait(false);
        }
        catch (DbUpdateConcurrencyException)
        {
            refusal = Refusal.Conflict(ErrorCodes.StaleVersion, "Somebody else changed the work item at the same moment.", "Look at it again, then decide.");
        }

        return refusal is null ? await GetAsync(id, ct).ConfigureAwait(false) : refusal;
    }

    private async Task<IReadOnlyList<GateDto>> GatesAsync(WorkItemEntity item, CancellationToken ct)
    {
        var current = configuration.Value;
        var (run, approval, facts, now) = await store.ReadAsync(async (db, token) =>
        {
            var time = await db.GetDatabaseTimeAsync(store.Time, token).ConfigureAwait(false);
            return (
                await db.Runs.Where(r => r.WorkItemId == item.Id).OrderByDescending(r => r.Id).FirstOrDefaultAsync(token).ConfigureAwait(false),
                await db.Approvals.Where(a => a.WorkItemId == item.Id).OrderByDescending(a => a.Id).FirstOrDefaultAsync(token).ConfigureAwait(false),
                await GateFacts.ReadAsync(db, current, time, token).ConfigureAwait(false),
                time);
        }, ct).ConfigureAwait(false);
        var problem = approval is null ? null : seal.Check(approval, item, now);
        var name = approval?.Agent ?? DefaultAgent(item, item.Repository!, current);
        var agent = await agents.ProbeAsync(name, ct).ConfigureAwait(false);
        return RunGates.Evaluate(item, run, approval, problem, new AgentReady(agent.Problem), facts);
    }

    private async Task<IReadOnlyList<AgentOptionDto>> AgentsForAsync(RepositoryEntity repository, CancellationToken ct)
    {
        var options = await agents.ListAsync(ct).ConfigureAwait(false);
        if (repository.Kind == RepositoryKind.Local)
        {
            options = [.. options.Where(o => agents.Find(o.Name) is not { WorksElsewhere: true })];
        }

        if (!repository.IsSample)
        {
            return options;
        }

        return [await agents.OptionAsync(AgentCatalog.Sample, ct).ConfigureAwait(false), .. options];
    }

    private static string DefaultAgent(WorkItemEntity item, RepositoryEntity repository, ManagerConfiguration current)
        => item.Agent ?? (repository.IsSample ? AgentCatalog.Sample : current.Executor.DefaultExecutor);

    internal static PromptInput PromptInputOf(WorkItemEntity item, string baseCommit) => new(
        item.Title,
        item.Body,
        item.LabelList(),
        item.Kind,
        item.Repository!.Name,
        baseCommit,
        item.Finding is null ? PromptAuthorship.Operator : PromptAuthorship.Repository,
        Findings: [.. item.Present().Where(f => f.Line > 0).Select(f => new PromptFinding(f.Path, f.Line, f.Marker, f.Text, f.Symbol, f.Context, f.ContextStartLine, f.Author))]);

    /// <summary>From what runs of this kind cost in this repository; honest when there are none.</summary>
    private async Task<string> EstimateAsync(WorkItemEntity item, CancellationToken ct)
    {
        var costs = await store.ReadAsync((db, token) => db.Runs.Where(r => r.RepositoryId == item.RepositoryId && r.CostMicroUsd != null && r.State == RunState.Ended)
            .OrderByDescending(r => r.Id).Take(20).Select(r => r.CostMicroUsd!.Value).ToListAsync(token), ct).ConfigureAwait(false);
        return costs.Count == 0
            ? "No estimate yet: no run in this repository has ended with a known cost."
            : string.Create(CultureInfo.InvariantCulture, $"${costs.Min() / 1e6:0.00} to ${costs.Max() / 1e6:0.00}, from the last {costs.Count} runs in this repository.");
    }

    private static async Task EndApprovalsAsync(StoreTransaction tx, long itemId, string state, string reason, CancellationToken ct)
        => await tx.Db.Approvals.Where(a => a.WorkItemId == itemId && a.State == ApprovalStates.Active)
            .ExecuteUpdateAsync(u => u.SetProperty(a => a.State, state).SetProperty(a => a.StateReason, reason), ct).ConfigureAwait(false);

    /// <summary>Ends what waits for the item: its approvals, and a queued or parked run nobody holds.</summary>
    internal static async Task EndWaitingAsync(StoreTransaction tx, WorkItemEntity item, string reason, CancellationToken ct)
    {
        await EndApprovalsAsync(tx, item.Id, ApprovalStates.Withdrawn, reason, ct).ConfigureAwait(false);
        foreach (var run in await tx.Db.Runs.AsTracking().Where(r => r.WorkItemId == item.Id && (r.State == RunState.Queued || r.State == RunState.Parked)).ToListAsync(ct).ConfigureAwait(false))
        {
            RunStateMachine.Move(tx, run, RunState.Ended, reason, RunEndReason.Cancelled);
        }
    }

    private static async Task RescoreWaitingAsync(StoreTransaction tx, WorkItemEntity item, CancellationToken ct)
    {
        foreach (var run in await tx.Db.Runs.AsTracking().Where(r => r.WorkItemId == item.Id && r.State == RunState.Queued).ToListAsync(ct).ConfigureAwait(false))
        {
            run.Score = RunQueue.ScoreOf(item);
        }
    }

    /// <summary>What an approval would bind, with the item as it is stored.</summary>
    internal sealed record Bindable(ApprovalPreviewDto Preview, WorkItemEntity Item, Refusal? NoSandbox);

    private static void Note(StoreTransaction tx, WorkItemEntity item, string action, IReadOnlyDictionary<string, object?>? details)
    {
        WorkItemStateMachine.Touch(tx, item);
        tx.Audit(new AuditRecord("work_item", action, "work_item", item.Id.ToString(CultureInfo.InvariantCulture), Details: details));
        tx.Publish("work_item.changed", "work_item", item.Id, ManagerJson.Name(item.State), item.Title);
    }
}
