using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.GitHub;

namespace ClaudeManager.Core.Agents;

/// <summary>Which claim of which run a process belongs to; it travels in the environment as <c>CLAUDE_MANAGER_RUN=run:attempt:boot</c>.</summary>
public sealed record RunIdentity(long RunId, int Attempt, string BootId)
{
    public const string Variable = "CLAUDE_MANAGER_RUN";

    public override string ToString() => FormattableString.Invariant($"{RunId}:{Attempt}:{BootId}");

    /// <summary>Reads what <see cref="ToString"/> wrote; null for anything else.</summary>
    public static RunIdentity? Parse(string? text) =>
        text?.Split(':', 3) is [var run, var attempt, { Length: > 0 } boot]
        && long.TryParse(run, NumberStyles.None, CultureInfo.InvariantCulture, out var runId)
        && int.TryParse(attempt, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new RunIdentity(runId, number, boot)
            : null;
}

/// <summary>Whether an agent can work here.</summary>
/// <param name="Problem">What is wrong and what to do about it; null when it can.</param>
public sealed record AgentAvailability(string? Path, string? Version, string? Problem);

/// <summary>What runs under an agent's name as configured now, whole: shown in parts, bound by its hash.</summary>
/// <param name="Command">The program and the arguments that the operator chose.</param>
/// <param name="TakesTools">Whether the tools of an approval limit it.</param>
public sealed record AgentProgram(IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment, bool Network, bool TakesTools)
{
    public string Sha256()
        => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new object[]
        {
            Command, Environment.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => new[] { v.Key, v.Value }), Network, TakesTools,
        })));
}

/// <summary>Everything an agent gets for one attempt.</summary>
/// <param name="Workspace">A stand-alone repository at the approved base, without remote or credentials. Empty, as <paramref name="Home"/>, for an agent that works elsewhere.</param>
/// <param name="Home">HOME and configuration folder of this run alone; kept over attempts, so that a session can be resumed.</param>
/// <param name="Resume">Continue <paramref name="SessionId"/> instead of starting it.</param>
/// <param name="Tools">The tool policy of the approval.</param>
/// <param name="BudgetUsd">For all attempts together.</param>
public sealed record AgentRequest(
    RunIdentity Run,
    string Workspace,
    string Home,
    string Prompt,
    Guid SessionId,
    bool Resume,
    SandboxLevel Sandbox,
    IReadOnlyList<string> Tools,
    decimal BudgetUsd,
    ExecutorConfiguration Executor,
    NetworkConfiguration Network)
{
    /// <summary>What earlier attempts have used of budget and turns.</summary>
    public AgentUsage Spent { get; init; } = AgentUsage.None;
}

/// <summary>One event on its way to the store. Text and data are redacted by the sink, not by the agent.</summary>
public sealed record AgentEvent(string Kind, string Text, JsonElement? Data = null)
{
    /// <summary>Something was done in another way than it should be.</summary>
    /// <param name="name">One of <see cref="Contracts.Fallback"/>.</param>
    public static AgentEvent Fallback(string name, string text) => new("notice", text, JsonSerializer.SerializeToElement(new { fallback = name }));
}

/// <summary>Running totals of one attempt; null where the agent does not say.</summary>
public sealed record AgentUsage(decimal? CostUsd, long? InputTokens, long? OutputTokens, int? Turns)
{
    public static readonly AgentUsage None = new(null, null, null, null);
}

/// <summary>Where an agent's events go. Every call is recorded in order.</summary>
public interface IAgentSink
{
    ValueTask AppendAsync(AgentEvent agentEvent, CancellationToken ct);

    ValueTask UsageAsync(AgentUsage usage, CancellationToken ct);

    /// <summary>The agent confirmed its session: from now on the next attempt resumes it.</summary>
    ValueTask SessionStartedAsync(string? agentVersion, CancellationToken ct);

    /// <summary>A process was started for the run; it is written down before anything else happens.</summary>
    Task ProcessStartedAsync(int processId, long processStart, string purpose, CancellationToken ct);

    Task ProcessEndedAsync(int processId, long processStart, CancellationToken ct);
}

/// <summary>How the agent's part of the run ended.</summary>
/// <param name="Reason"><see cref="RunEndReason.Completed"/> only says the agent finished in good order; verification decides the rest.</param>
/// <param name="Failure">Null for <see cref="RunEndReason.Completed"/>. Parked by <see cref="FailureClass.Budget"/> it waits for a usage limit, and no other run of the agent starts before the reset.</param>
/// <param name="ResumeAt">With <see cref="RunEndReason.Parked"/>: when the usage limit resets, or when to look again.</param>
/// <param name="PullRequest">Of an agent that works elsewhere: its result.</param>
public sealed record AgentOutcome(RunEndReason Reason, FailureClass? Failure, string Detail, DateTimeOffset? ResumeAt = null, GitHubPullRequest? PullRequest = null);

/// <summary>One kind of agent, found by <see cref="Key"/>. Adding one is one class.</summary>
public interface IAgentRunner
{
    /// <summary><c>claude-code</c>, <c>command</c>, …</summary>
    string Key { get; }

    /// <summary>
    /// It works on a computer of its own and answers with a pull request: the run has no workspace here, each <see cref="RunAsync"/> is one look at how far it is, and between the looks the run is
    /// parked and takes nobody's place.
    /// </summary>
    bool WorksElsewhere => false;

    /// <summary>What would run under the name; null when it stands for nothing. Starts nothing.</summary>
    AgentProgram? Describe(string name, ExecutorConfiguration executor);

    /// <summary>Looks whether the agent is there, of a fitting version and able to sign in. <paramref name="name"/> is the whole name, e.g. <c>command:format</c>.</summary>
    Task<AgentAvailability> ProbeAsync(string name, ManagerConfiguration configuration, CancellationToken ct);

    /// <summary>
    /// Works until the agent is done, fails, stalls or times out. Cancelling <paramref name="ct"/> stops the whole process group (SIGINT, grace, SIGTERM, grace, SIGKILL) and then throws;
    /// nothing of it runs on when this returns or throws.
    /// </summary>
    Task<AgentOutcome> RunAsync(string name, AgentRequest request, IAgentSink sink, CancellationToken ct);

    /// <summary>The one file by which a session goes on, here or on another machine: where it is, or where it belongs when it is not there yet. Null for an agent without sessions.</summary>
    string? SessionFile(string home, string workspace, Guid sessionId) => null;
}
