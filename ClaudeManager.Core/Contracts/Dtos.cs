using System.Text.Json;

namespace ClaudeManager.Core.Contracts;

/// <summary>One page of a list. <paramref name="Total"/> counts every row the filter matches.</summary>
public sealed record Page<T>(IReadOnlyList<T> Items, int Total);

// ---- Repositories -------------------------------------------------------------------------------------------------

/// <param name="Location">A path, or <c>owner/name</c> on GitHub.</param>
/// <param name="Findings">Open findings by marker or kind.</param>
/// <param name="Accepted">False while the first scan's dry run waits for an operator.</param>
/// <param name="Scan">While one runs.</param>
public sealed record RepositoryDto(
    long Id,
    string Name,
    RepositoryKind Kind,
    string Location,
    string? DefaultBranch,
    RepositoryScanState ScanState,
    string? ScannedCommit,
    DateTimeOffset? LastScanAt,
    double? LastScanSeconds,
    int? LastScanFilesRead,
    string? LastScanError,
    bool IsSample,
    bool Accepted,
    IReadOnlyDictionary<string, int> Findings,
    int OpenWorkItems,
    DateTimeOffset CreatedAt,
    ScanProgressDto? Scan = null);

/// <summary>How far a scan is that runs now, dry runs included; a moment old. What is not known yet is null.</summary>
/// <param name="Files">Files done.</param>
/// <param name="TotalFiles">Of an incremental scan: the changed files.</param>
/// <param name="FilesPerSecond">On average since the scan began.</param>
public sealed record ScanProgressDto(int Files, int? TotalFiles, int Findings, double? FilesPerSecond, double? RemainingSeconds, DateTimeOffset StartedAt);

/// <param name="Path">A local git repository, absolute, or relative to the server's working directory; or one on GitHub as <c>owner/name</c>.</param>
/// <param name="Branch">Overrides the detected default branch.</param>
/// <param name="Propose">True skips the dry run: findings are proposed at once.</param>
public sealed record AddRepositoryRequest(string Path, string? Branch = null, bool Propose = false);

/// <summary>What a scan would propose (dry run), or did.</summary>
/// <param name="ExpectedIssues">How many work items would be new, after the caps of <c>analyzer.maxTodosPerFile</c> and <c>maxIssuesPerRepo</c>.</param>
/// <param name="ExpectedGitHubPoints">What these calls cost of GitHub's points per minute: 1 to read, 5 to write.</param>
/// <param name="ExpectedAllThereAt">When the last of these issues would be on GitHub, which allows few new ones a minute; null when none is expected.</param>
/// <param name="Explanations">Every marker hit that is no finding, with its named reason; only when asked for.</param>
public sealed record ScanPreviewDto(
    string Repository,
    string Commit,
    string Branch,
    int FilesListed,
    int FilesRead,
    double Seconds,
    IReadOnlyList<FindingDto> Findings,
    int ExpectedIssues,
    int ExpectedGitHubCalls,
    int ExpectedGitHubPoints,
    DateTimeOffset? ExpectedAllThereAt,
    IReadOnlyList<ScanProblemDto> Problems,
    IReadOnlyList<MarkerExplanationDto>? Explanations);

/// <summary>A part of a scan that failed while the rest went on.</summary>
public sealed record ScanProblemDto(string? Path, string Reason, string Detail);

/// <summary>Why one marker hit is or is not a finding.</summary>
/// <param name="Verdict"><c>finding</c>, or the name of the reason it is none, e.g. <c>in_string</c>, <c>excluded_path</c>, <c>vendored</c>, <c>generated</c>, <c>minified</c>, <c>binary</c>, <c>not_a_word</c>.</param>
public sealed record MarkerExplanationDto(string Path, int Line, string Marker, string Verdict, string Text);

/// <param name="Id">Null in a dry run.</param>
/// <param name="WouldPropose">In a dry run: within the caps.</param>
public sealed record FindingDto(
    long? Id,
    string Scanner,
    string Fingerprint,
    string Path,
    int Line,
    int EndLine,
    string Marker,
    string Text,
    string? Symbol,
    string? Language,
    string Context,
    int ContextStartLine,
    string? Owner,
    string? IssueReference,
    string? Priority,
    double Score,
    bool WouldPropose);

/// <summary>Progress or end of a scan asked for by hand.</summary>
public sealed record ScanResultDto(long RepositoryId, string Repository, string? Commit, int Found, int New, int Closed, int Reopened, int Proposed, int FilesRead, double Seconds, IReadOnlyList<ScanProblemDto> Problems, string? Error);

/// <summary>What was decided and is not yet done outside: issues to be filed, closed, commented.</summary>
/// <param name="Waiting">How many of <paramref name="Pending"/> cannot be done now: a limit of GitHub's, or something a person has to mend.</param>
/// <param name="NextAttemptAt">When the first of those is tried again.</param>
/// <param name="Problem">Why the newest of those that were tried did not work.</param>
/// <param name="Blocked">How many of <paramref name="Waiting"/> were tried in vain so often that they are looked at once a day only: mend what <paramref name="Problem"/> says, then try again.</param>
/// <param name="Failed">Given up, ever.</param>
/// <param name="ExpectedAllThereAt">When the last of them should be there; null when there is none.</param>
public sealed record OutboxDto(int Pending, int Waiting, DateTimeOffset? NextAttemptAt, string? Problem, int Blocked, int Failed, DateTimeOffset? ExpectedAllThereAt);

// ---- Work items ---------------------------------------------------------------------------------------------------

/// <param name="Value">Contribution to the score, already weighted.</param>
/// <param name="Why">One sentence with the facts and numbers behind it.</param>
public sealed record ScoreTermDto(string Name, double Value, string Why);

public sealed record WorkItemDto(
    long Id,
    string Title,
    long RepositoryId,
    string Repository,
    WorkKind Kind,
    WorkItemState State,
    double Score,
    string Level,
    string? Marker,
    string? Path,
    int? Line,
    bool Pinned,
    DateTimeOffset? SnoozedUntil,
    string? StateReason,
    long? LatestRunId,
    bool IsSample,
    int Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt);

public sealed record WorkItemDetailDto(
    WorkItemDto Item,
    string Body,
    FindingDto? Finding,
    IReadOnlyList<FindingDto> Findings,
    string? BaseCommit,
    IReadOnlyList<string> Labels,
    IReadOnlyList<ScoreTermDto> ScoreTerms,
    IReadOnlyList<ApprovalDto> Approvals,
    IReadOnlyList<RunDto> Runs,
    IReadOnlyList<GateDto> Gates,
    IReadOnlyList<HistoryEntryDto> History,
    PullRequestDto? PullRequest = null,
    IssueDto? Issue = null);

/// <summary>The issue in which the item is proposed on GitHub.</summary>
/// <param name="Repository"><c>owner/name</c>, as when it was filed.</param>
public sealed record IssueDto(string Repository, int Number, string Url, bool IsOpen);

/// <summary>One gate of "why is it not running?". The answer is the ordered list; the first closed one is what it waits for.</summary>
/// <param name="Name"><c>state</c>, <c>approval</c>, <c>staleness</c>, <c>agent</c>, <c>budget</c>, <c>rate_limit</c>, <c>concurrency</c>, <c>conflict</c>, <c>quarantine</c>, <c>window</c>.</param>
/// <param name="ClearsAt">When it opens by itself, if that is known.</param>
public sealed record GateDto(string Name, bool Open, string Why, string? Fix, DateTimeOffset? ClearsAt);

public sealed record HistoryEntryDto(DateTimeOffset At, string Actor, string Action, string Result, string? Detail);

public sealed record ApprovalDto(long Id, string State, string Agent, string BaseCommit, string PromptSha256, decimal BudgetUsd, SandboxLevel Sandbox, IReadOnlyList<string> Approvers, DateTimeOffset ApprovedAt, DateTimeOffset ExpiresAt, string? WithdrawnReason);

/// <summary>Exactly what an approval would bind: show it before asking for one.</summary>
/// <param name="PromptSha256">Send it back in <see cref="ApproveRequest"/>: the approval holds for this text only.</param>
public sealed record ApprovalPreviewDto(
    long WorkItemId,
    int Version,
    string BaseCommit,
    string Branch,
    string PromptTemplate,
    string Prompt,
    string PromptSha256,
    IReadOnlyList<PromptPassageDto> Passages,
    IReadOnlyList<AgentOptionDto> Agents,
    string DefaultAgent,
    decimal DefaultBudgetUsd,
    decimal MaxBudgetUsd,
    SandboxLevel Sandbox,
    IReadOnlyList<string> Tools,
    IReadOnlyList<IReadOnlyList<string>> VerifyCommands,
    string CostEstimate,
    IReadOnlyList<string> Warnings);

/// <summary>A stretch of the prompt with where it came from.</summary>
/// <param name="Source"><c>template</c>, <c>repository</c>, <c>issue</c>, <c>operator</c>.</param>
/// <param name="Trusted">False: written by whoever can commit to the repository or write issues; given to the agent as quoted data.</param>
/// <param name="VisibleText">The same with hidden characters and HTML comments made visible.</param>
public sealed record PromptPassageDto(string Source, bool Trusted, string? Author, string Text, string VisibleText);

/// <param name="Problem">Why it cannot be used here, with what to do; null when it can.</param>
/// <param name="Program">What would be run under this name; null when the name stands for nothing.</param>
public sealed record AgentOptionDto(string Name, bool Available, string? Version, string? Problem, AgentProgramDto? Program = null);

/// <summary>What runs under an agent's name as configured now. A name alone says nothing: an approval binds this too.</summary>
/// <param name="Command">The program and its arguments, secrets left out; for <c>claude-code</c> those that the operator chose.</param>
/// <param name="Variables">Names of the environment variables the operator gives it.</param>
/// <param name="Network">Whether it reaches the network.</param>
/// <param name="TakesTools">Whether the tools of an approval limit what it can do; a program of the operator's own has no such limit.</param>
/// <param name="Sha256">Over all of it, the variables' values included. Send it back in <see cref="ApproveRequest"/>.</param>
public sealed record AgentProgramDto(IReadOnlyList<string> Command, IReadOnlyList<string> Variables, bool Network, bool TakesTools, string Sha256)
{
    /// <summary>The command in one line, quoted as a POSIX shell would need it, so that nobody takes one argument for two.</summary>
    public string CommandLine() => string.Join(' ', Command.Select(argument => argument.Length > 0 && argument.All(IsPlain) ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'"));

    private static bool IsPlain(char c) => char.IsLetterOrDigit(c) || "_-./:=@%+,".Contains(c, StringComparison.Ordinal);
}

/// <param name="Version">The item version the person saw.</param>
/// <param name="PromptSha256">The prompt the person saw.</param>
/// <param name="ProgramSha256">The agent's program the person saw (<see cref="AgentProgramDto.Sha256"/>); null when they saw only its name.</param>
public sealed record ApproveRequest(int Version, string PromptSha256, string? Agent = null, decimal? BudgetUsd = null, IReadOnlyList<string>? Tools = null, string? ProgramSha256 = null);

// ---- Deciding on many at once -------------------------------------------------------------------------------------

/// <summary>What an approval of one of many would bind, or why it cannot be approved.</summary>
public sealed record BulkPreviewDto(long Id, string? Title, string? Repository, double? Score, ApprovalPreviewDto? Preview, BulkRefusalDto? Refusal);

/// <param name="Id">The work item.</param>
/// <param name="Approval">What would be sent to approve it alone.</param>
public sealed record BulkApproval(long Id, ApproveRequest Approval);

public sealed record BulkApproveRequest(IReadOnlyList<BulkApproval> Items);

/// <param name="Version">The item version the person saw.</param>
public sealed record BulkItem(long Id, int Version);

public sealed record BulkRejectRequest(IReadOnlyList<BulkItem> Items, string Reason);

public sealed record BulkSnoozeRequest(IReadOnlyList<BulkItem> Items, DateTimeOffset Until);

/// <summary>One outcome per item, in the order asked for: each was decided by itself, so some may be refused while others are done.</summary>
public sealed record BulkResultDto(int Done, int Refused, IReadOnlyList<BulkOutcomeDto> Items);

/// <param name="Title">Null when there is no such item.</param>
/// <param name="State">Where the item stands now; null when there is none.</param>
/// <param name="Refusal">Null when it was done.</param>
public sealed record BulkOutcomeDto(long Id, string? Title, WorkItemState? State, BulkRefusalDto? Refusal);

/// <param name="Code">As in a problem answer, e.g. <c>stale_version</c>.</param>
public sealed record BulkRefusalDto(string Code, string Why, string? Fix);

public sealed record RejectRequest(int Version, string Reason);

public sealed record SnoozeRequest(int Version, DateTimeOffset Until);

public sealed record PinRequest(int Version, bool Pinned);

/// <param name="Score">1 to 10, or null to return to the computed score.</param>
public sealed record OverrideScoreRequest(int Version, double? Score, string Reason);

/// <summary>An issue whose work item is wanted, known here or not.</summary>
/// <param name="Repository"><c>owner/name</c> of the repository the issue is in: <c>github.managerRepo</c>.</param>
public sealed record TakeIssueRequest(string Repository, int Number);

/// <summary>A work item written by a person (<c>tasks new</c>).</summary>
public sealed record NewWorkItemRequest(long RepositoryId, string Title, string Description, string? Agent = null);

// ---- Runs ---------------------------------------------------------------------------------------------------------

public sealed record RunDto(
    long Id,
    long WorkItemId,
    string WorkItemTitle,
    long RepositoryId,
    string Repository,
    string Agent,
    RunState State,
    RunEndReason? EndReason,
    string? EndDetail,
    int Attempt,
    SandboxLevel? Sandbox,
    DateTimeOffset CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt,
    DateTimeOffset? LastEventAt,
    DateTimeOffset? NotBefore,
    decimal? CostUsd,
    long? InputTokens,
    long? OutputTokens,
    int? Turns,
    string? Branch,
    string? ResultCommit,
    bool CancelRequested,
    bool IsSample,
    PullRequestDto? PullRequest = null);

/// <param name="Repository"><c>owner/name</c>.</param>
/// <param name="State"><c>open</c>, <c>merged</c> or <c>closed</c>.</param>
/// <param name="Checks"><c>pending</c>, <c>passed</c> or <c>failed</c>; null while nothing has checked it.</param>
public sealed record PullRequestDto(string Repository, int Number, string Url, string State, string? Checks);

public sealed record RunDetailDto(
    RunDto Run,
    string BaseCommit,
    string? SessionId,
    string Prompt,
    VerificationReceiptDto? Receipt,
    DiffGateDto? Gate,
    DiffDto? Diff,
    string? WipReference,
    DateTimeOffset? LastSnapshotAt,
    IReadOnlyList<HistoryEntryDto> History);

/// <summary>One stored event of an agent.</summary>
/// <param name="Seq">1, 2, 3 … within the run, over all attempts.</param>
/// <param name="Kind"><c>stage</c>, <c>notice</c>, <c>init</c>, <c>message</c>, <c>thinking</c>, <c>tool_use</c>, <c>tool_result</c>, <c>output</c>, <c>retry</c>, <c>rate_limit</c>, <c>result</c>, <c>unparsed</c>.</param>
/// <param name="Data">The redacted event as the agent gave it, or our own fields for <c>stage</c> and <c>notice</c>.</param>
public sealed record RunEventDto(long Seq, int Attempt, DateTimeOffset At, string Kind, string Text, JsonElement? Data);

/// <summary>What was run to check the result, before and after. Kept with the run and shown wherever the result is.</summary>
public sealed record VerificationReceiptDto(
    string Verdict,
    string Source,
    SandboxLevel Sandbox,
    IReadOnlyList<CheckResultDto> Before,
    IReadOnlyList<CheckResultDto> After,
    IReadOnlyList<string> Problems,
    string? FindingState);

public sealed record CheckResultDto(IReadOnlyList<string> Command, int? ExitCode, double Seconds, string OutputTail, bool TimedOut);

public sealed record DiffGateDto(bool Passed, IReadOnlyList<DiffGateHitDto> Hits);

/// <param name="Rule"><c>secret</c>, <c>protected_path</c>, <c>size</c>, <c>binary</c>, <c>symlink</c>, <c>outside_workspace</c>, <c>nested_git</c>, <c>mode</c>.</param>
public sealed record DiffGateHitDto(string Rule, string Path, int? Line, string Why);

/// <summary>Lets a blocked diff through, under the name of who asks.</summary>
public sealed record LiftBlockRequest(string Reason);

public sealed record DiffDto(int Files, int Added, int Removed, IReadOnlyList<DiffFileDto> Entries, bool Truncated);

/// <param name="Patch">Unified diff of this file; null when it is binary or too large to show.</param>
public sealed record DiffFileDto(string Path, string? OldPath, string Status, int Added, int Removed, bool Binary, string? Patch);

// ---- Overview, events, service ------------------------------------------------------------------------------------

public sealed record OverviewDto(
    int Repositories,
    IReadOnlyDictionary<string, int> WorkItemsByState,
    IReadOnlyDictionary<string, int> RunsByState,
    IReadOnlyList<WorkItemDto> NeedsApproval,
    IReadOnlyList<RunDto> Active,
    IReadOnlyList<RunDto> Recent,
    decimal SpentTodayUsd,
    decimal BudgetTodayUsd,
    IReadOnlyList<AgentOptionDto> Agents,
    IReadOnlyList<string> Notices,
    IReadOnlyList<ActivityDto> Activity,
    IReadOnlyList<DryRunDto> DryRuns,
    OutboxDto Outbox);

/// <summary>A repository whose first scan waits to be accepted.</summary>
public sealed record DryRunDto(long RepositoryId, string Repository, int Findings);

public sealed record ActivityDto(DateTimeOffset At, string Type, string Text, string? SubjectType, long? SubjectId);

/// <summary>One event of the feed: something changed; fetch what you show of it.</summary>
/// <param name="Id">Opaque and ordered; give the last one back as <c>Last-Event-ID</c> to resume.</param>
/// <param name="Type">E.g. <c>work_item.changed</c>, <c>run.changed</c>, <c>run.output</c>, <c>repository.changed</c>, <c>scan.progress</c>, <c>hello</c>, <c>reset</c>.</param>
public sealed record ChangeEventDto(string Id, string Type, string? SubjectType, long? SubjectId, string? State, DateTimeOffset At);

/// <param name="Topology"><c>embedded</c> or <c>distributed</c>.</param>
public sealed record ServiceInfoDto(string Version, string BootId, string Topology, string Store, string Environment, long ConfigurationGeneration, DateTimeOffset StartedAt);

/// <summary>Where a started operation can be watched.</summary>
public sealed record AcceptedDto(string Location, long? RunId, long? RepositoryId);

public sealed record DatabaseStatusDto(string Provider, string Target, IReadOnlyList<string> Applied, IReadOnlyList<string> Pending, bool Locked);

public sealed record InstanceDto(string BootId, string Role, string Host, int ProcessId, string Version, long ConfigurationGeneration, DateTimeOffset StartedAt, DateTimeOffset HeartbeatAt, bool Live);

/// <summary>A client that is shut out.</summary>
/// <param name="Client">An IPv4 address, or the /64 of an IPv6 one.</param>
/// <param name="Reason"><c>rate_limit</c>, <c>path_scan</c>, <c>attack_tool</c> or <c>misses</c>: its last violation.</param>
/// <param name="Times">How often in a row.</param>
public sealed record ClientBlockDto(long Id, string Client, string Reason, int Times, DateTimeOffset BlockedAt, DateTimeOffset Until);

/// <summary>A fault that happened. The message may quote what came from outside: show it as text.</summary>
/// <param name="Type">Of the exception.</param>
/// <param name="Code">Stable, e.g. <c>CM4001</c>.</param>
public sealed record ErrorDto(
    DateTimeOffset At, string Operation, string Type, string Code, FailureClass Failure, string Message, string? CorrelationId, string? Repository, long? WorkItemId, long? RunId, int? Attempt);

/// <summary>Faults of one kind.</summary>
public sealed record ErrorGroupDto(
    string Operation, string Type, string Code, FailureClass Failure, int LastMinute, int LastFiveMinutes, int LastHour, long Total, DateTimeOffset FirstSeen, DateTimeOffset LastSeen);

/// <param name="Total">Since the process started.</param>
/// <param name="Groups">Those seen last first.</param>
/// <param name="Recent">Newest first.</param>
public sealed record ErrorSummaryDto(long Total, IReadOnlyList<ErrorGroupDto> Groups, IReadOnlyList<ErrorDto> Recent);

/// <summary>A circuit breaker of one process.</summary>
/// <param name="Name"><c>upstream/host</c>.</param>
/// <param name="NextTrial">When the next call is let through; null unless it is open.</param>
/// <param name="Failures">Since <paramref name="Since"/>.</param>
/// <param name="Transitions">Newest first.</param>
public sealed record BreakerDto(
    string Name, string Upstream, string Host, CircuitPosition State, DateTimeOffset Since, DateTimeOffset? NextTrial, long Failures, long Successes, string? Reason, IReadOnlyList<BreakerTransitionDto> Transitions);

public sealed record BreakerTransitionDto(DateTimeOffset At, CircuitPosition To, string? Reason);

/// <param name="Source"><c>in_process</c>, <c>shared</c> (Redis), or <c>local_share</c> while Redis is away.</param>
public sealed record LimiterStateDto(string Source, DateTimeOffset Since, string? Reason);

/// <summary>What is left of one of GitHub's budgets, as one process knows it.</summary>
/// <param name="Credential">A name made from the token's hash.</param>
/// <param name="Resource">GitHub's name, e.g. <c>core</c>, <c>graphql</c>.</param>
/// <param name="Limit">Of the primary budget; null while no answer has told it.</param>
/// <param name="ResetsAt">Null where all of it is there.</param>
/// <param name="PointsLeft">Of the secondary limit: what may be spent at once, of <paramref name="PointsAtOnce"/>.</param>
/// <param name="ContentLeft">Issues, comments and pull requests that may be created this hour; null for resources in which none are.</param>
/// <param name="BlockedUntil">Nobody sends anything before; null unless GitHub asked for a pause or the budget is spent.</param>
/// <param name="Requests">Of this process since it started.</param>
/// <param name="NotModified">Of these, answered 304: free of the primary budget.</param>
public sealed record GitHubBudgetDto(
    string Credential, string Resource, int? Limit, int? Remaining, DateTimeOffset? ResetsAt, int PointsLeft, int PointsAtOnce, int? ContentLeft, DateTimeOffset? BlockedUntil, long Requests, long NotModified);

/// <summary>What a live process says of itself.</summary>
/// <param name="AsOf">When it said so.</param>
/// <param name="GitHub">The budgets it has spent from.</param>
public sealed record InstanceStateDto(
    string BootId, string Role, string Host, int ProcessId, DateTimeOffset AsOf, LimiterStateDto Limiter, IReadOnlyList<BreakerDto> Breakers, ErrorSummaryDto Errors, IReadOnlyList<GitHubBudgetDto> GitHub)
{
    /// <summary>What it does in another way than it should, because something is away.</summary>
    public IReadOnlyList<FallbackDto> Fallbacks { get; init; } = [];
}

/// <param name="Name">One of <see cref="Fallback"/>.</param>
public sealed record FallbackDto(string Name, DateTimeOffset Since, string? Reason);

/// <summary>Names of what is done instead of the right thing, wherever a result or a state says so.</summary>
public static class Fallback
{
    /// <summary>Redis is away: each instance keeps to its share of every limit.</summary>
    public const string LocalShare = "local_share";

    /// <summary>Commits of other processes are not announced: they are found by polling.</summary>
    public const string Polling = "polling";

    /// <summary>A run's work or session is too large for the store and stays on its machine.</summary>
    public const string KeptHereOnly = "kept_here_only";

    /// <summary>A run's earlier work is on another machine only: it starts from the base.</summary>
    public const string FromTheBase = "from_the_base";

    /// <summary>The agent's session is gone: it starts over on the work saved so far.</summary>
    public const string SessionLost = "session_lost";
}

/// <param name="Instances">The live processes, the one that answers first.</param>
public sealed record FleetDto(IReadOnlyList<InstanceStateDto> Instances);

/// <param name="Name">Of the breaker, <c>upstream/host</c>.</param>
public sealed record IsolateBreakerRequest(string Name, string Reason);

public sealed record ResetBreakerRequest(string Name);
