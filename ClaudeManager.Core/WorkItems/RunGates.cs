using System.Globalization;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace ClaudeManager.Core.WorkItems;

/// <summary>What the model's API said to the run that asked last: until then every other request of the same agent would be refused too.</summary>
public sealed record UsageLimit(long RunId, DateTimeOffset ResetsAt);

/// <summary>What the gates look at besides the item itself, read once for a whole claim.</summary>
public sealed record GateFacts(
    DateTimeOffset Now,
    int ActiveRuns,
    int MaxConcurrentRuns,
    int MaxAttempts,
    IReadOnlyDictionary<long, long> BusyRepositories,
    decimal SpentTodayUsd,
    decimal PerDayUsd,
    IReadOnlyDictionary<long, decimal> SpentTodayByRepositoryUsd,
    decimal PerRepositoryPerDayUsd,
    IReadOnlyList<RunWindow> Windows,
    IReadOnlyDictionary<string, UsageLimit> UsageLimits)
{
    public static async Task<GateFacts> ReadAsync(ManagerDbContext db, ManagerConfiguration configuration, DateTimeOffset now, CancellationToken ct)
    {
        var active = RunStateMachine.Active;
        var midnight = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        // One query for all: a claim asks it while all others wait. Three parts, because PostgreSQL answers an OR by a bitmap, which also looks at every run that was active since the last vacuum.
        var rows = await db.Runs.Where(r => active.Contains(r.State)).Select(r => new { r.RepositoryId, RunId = r.Id, r.Agent, r.NotBefore, Micro = 0L })
            .Concat(db.Runs.Where(r => r.State == RunState.Parked && r.FailureClass == FailureClass.Budget && r.NotBefore > now).Select(r => new { r.RepositoryId, RunId = r.Id, r.Agent, r.NotBefore, Micro = 0L }))
            .Concat(db.Runs.Where(r => r.StartedAt >= midnight && r.CostMicroUsd != null).GroupBy(r => r.RepositoryId)
                .Select(g => new { RepositoryId = g.Key, RunId = 0L, Agent = "", NotBefore = g.Max(r => r.NotBefore), Micro = g.Sum(r => r.CostMicroUsd!.Value) }))
            .ToListAsync(ct).ConfigureAwait(false);
        var spent = rows.Where(r => r.RunId == 0).ToList();
        // Who has started waits for nothing any more.
        var running = rows.Where(r => r.RunId != 0 && r.NotBefore is null).ToList();
        var limited = rows.Where(r => r.RunId != 0 && r.NotBefore is not null);
        return new GateFacts(
            now,
            running.Count,
            configuration.Executor.MaxConcurrentRuns,
            configuration.Executor.MaxAttempts,
            running.GroupBy(r => r.RepositoryId).ToDictionary(g => g.Key, g => g.First().RunId),
            spent.Sum(s => s.Micro) / 1_000_000m,
            configuration.Budgets.PerDayUsd,
            spent.ToDictionary(s => s.RepositoryId, s => s.Micro / 1_000_000m),
            configuration.Budgets.PerRepositoryPerDayUsd,
            configuration.Executor.Windows,
            limited.GroupBy(l => l.Agent).ToDictionary(g => g.Key, g => g.Select(l => new UsageLimit(l.RunId, l.NotBefore!.Value)).MaxBy(l => l.ResetsAt)!));
    }

    /// <summary>The same facts once this run has started too.</summary>
    public GateFacts WithStart(RunEntity run)
        => this with { ActiveRuns = ActiveRuns + 1, BusyRepositories = new Dictionary<long, long>(BusyRepositories) { [run.RepositoryId] = run.Id } };
}

/// <summary>Whether the item's agent can run: the problem in words when not.</summary>
public sealed record AgentReady(string? Problem)
{
    public static readonly AgentReady Yes = new((string?)null);
}

/// <summary>"Why is it not running?" The one function behind the claim, the API, the command line and the dashboard: ordered gates, and when each clears.</summary>
public static class RunGates
{
    /// <param name="run">The item's newest run, if it has one.</param>
    /// <param name="approval">Its newest approval, if it has one.</param>
    /// <param name="approvalProblem">What is wrong with the approval (seal, expiry), if anything.</param>
    public static IReadOnlyList<GateDto> Evaluate(WorkItemEntity item, RunEntity? run, ApprovalEntity? approval, string? approvalProblem, AgentReady agent, GateFacts facts)
        => [.. Gates(item, run, approval, approvalProblem, agent, facts)];

    private static IEnumerable<GateDto> Gates(WorkItemEntity item, RunEntity? run, ApprovalEntity? approval, string? approvalProblem, AgentReady agent, GateFacts facts)
    {
        yield return State(item);
        var waits = item.State is WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Running or WorkItemState.Parked;
        yield return approval is null || !waits
            ? new GateDto("approval", false, "Nobody has approved it.", "Approve it.", null)
            : approvalProblem is not null || approval.State != ApprovalStates.Active
                ? new GateDto("approval", false, approvalProblem ?? approval.StateReason ?? $"The approval is {approval.State}.", "Approve it again.", null)
                : new GateDto("approval", true, $"Approved until {approval.ExpiresAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC.", null, null);
        yield return agent.Problem is null
            ? new GateDto("agent", true, "The agent can run here.", null, null)
            : new GateDto("agent", false, agent.Problem, "Set up the agent, or approve with another.", null);
        yield return Budget(item, facts);
        var holdsPlace = run is not null && RunStateMachine.Active.Contains(run.State);
        yield return !holdsPlace && (approval?.Agent ?? run?.Agent) is { } name && facts.UsageLimits.TryGetValue(name, out var limit)
            ? new GateDto("rate_limit", false, Text($"The usage limit of {name} is reached: run {limit.RunId} waits for its reset."), "Wait, or resume that run when the limit is lifted.", limit.ResetsAt)
            : new GateDto("rate_limit", true, "No usage limit holds its agent back.", null, null);
        yield return holdsPlace || facts.ActiveRuns < facts.MaxConcurrentRuns
            ? new GateDto("concurrency", true, Text($"{facts.ActiveRuns} of {facts.MaxConcurrentRuns} runs are active."), null, null)
            : new GateDto("concurrency", false, Text($"All {facts.MaxConcurrentRuns} places are taken (executor.maxConcurrentRuns)."), "It starts when a run ends.", null);
        yield return facts.BusyRepositories.TryGetValue(item.RepositoryId, out var busy) && busy != run?.Id
            ? new GateDto("conflict", false, Text($"Run {busy} works on the same repository."), "It starts when that run ends.", null)
            : new GateDto("conflict", true, "No other run works on its repository.", null, null);
        yield return item.State == WorkItemState.Quarantined
            ? new GateDto("quarantine", false, item.StateReason ?? "It is quarantined.", "Look at the last run, then reopen it.", null)
            : new GateDto("quarantine", true, "Not quarantined.", null, null);
        yield return holdsPlace ? new GateDto("window", true, "It has started.", null, null) : Window(item, run, facts);
    }

    /// <summary>Both clocks a start waits for: the run's own, and the windows in which runs may start at all.</summary>
    private static GateDto Window(WorkItemEntity item, RunEntity? run, GateFacts facts)
    {
        var waits = run is { State: not RunState.Ended, NotBefore: { } until } && until > facts.Now ? until : (DateTimeOffset?)null;
        var opens = RunWindow.NextStart(facts.Windows, waits ?? facts.Now);
        return (waits, opens) switch
        {
            (null, null) => new GateDto("window", true, "It may start now.", null, null),
            (null, _) => new GateDto("window", false, "Runs start only within executor.windows.", "Wait, or change executor.windows.", opens),
            _ => new GateDto("window", false, run!.State == RunState.Parked ? item.StateReason ?? "It is parked." : "Waiting before it is tried again.", null, opens ?? waits),
        };
    }

    private static GateDto State(WorkItemEntity item) => item.State switch
    {
        WorkItemState.Proposed => new("state", false, item.StateReason is null ? "It is proposed and waits for a decision." : $"It waits for a decision. {item.StateReason}", "Approve it.", null),
        WorkItemState.Approved or WorkItemState.Queued => new("state", true, "It is in the queue.", null, null),
        WorkItemState.Running => new("state", true, "It is running.", null, null),
        WorkItemState.Parked => new("state", true, item.StateReason ?? "It is parked.", null, null),
        WorkItemState.Review => new("state", false, "Its result waits for your review.", "Merge or delete the branch.", null),
        WorkItemState.Done => new("state", false, "It is done.", null, null),
        WorkItemState.Rejected => new("state", false, $"It was rejected: {item.StateReason}", "Reopen it.", null),
        WorkItemState.Snoozed => new("state", false, "It is snoozed.", "Reopen it.", item.SnoozedUntil),
        WorkItemState.Conflict => new("state", false, item.StateReason ?? "Its branch no longer merges cleanly.", "Retry it on the new base.", null),
        WorkItemState.Quarantined => new("state", false, "It is quarantined.", "Reopen it.", null),
        WorkItemState.Closed => new("state", false, item.StateReason ?? "It is closed.", null, null),
    };

    private static GateDto Budget(WorkItemEntity item, GateFacts facts)
    {
        var tomorrow = new DateTimeOffset(facts.Now.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        var here = facts.SpentTodayByRepositoryUsd.GetValueOrDefault(item.RepositoryId);
        return facts.SpentTodayUsd >= facts.PerDayUsd
            ? new GateDto("budget", false, Text($"${facts.SpentTodayUsd:0.00} of today's ${facts.PerDayUsd:0.00} are spent (budgets.perDayUsd)."), "Raise the budget, or wait.", tomorrow)
            : here >= facts.PerRepositoryPerDayUsd
                ? new GateDto("budget", false, Text($"${here:0.00} of today's ${facts.PerRepositoryPerDayUsd:0.00} for this repository are spent (budgets.perRepositoryPerDayUsd)."), "Raise the budget, or wait.", tomorrow)
                : new GateDto("budget", true, Text($"${facts.SpentTodayUsd:0.00} of today's ${facts.PerDayUsd:0.00} are spent."), null, null);
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
