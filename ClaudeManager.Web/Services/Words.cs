using System.Globalization;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Web.Services;

/// <summary>The words and tones that states have on every page alike.</summary>
internal static class Words
{
    public static string Of(WorkItemState state) => state switch
    {
        WorkItemState.Proposed => "Proposed",
        WorkItemState.Approved => "Approved",
        WorkItemState.Queued => "Queued",
        WorkItemState.Running => "Running",
        WorkItemState.Review => "Review",
        WorkItemState.Done => "Done",
        WorkItemState.Rejected => "Rejected",
        WorkItemState.Snoozed => "Snoozed",
        WorkItemState.Parked => "Parked",
        WorkItemState.Conflict => "Conflict",
        WorkItemState.Quarantined => "Quarantined",
        WorkItemState.Closed => "Closed",
        _ => state.ToString(),
    };

    public static string Tone(WorkItemState state) => state switch
    {
        WorkItemState.Proposed => "accent",
        WorkItemState.Approved or WorkItemState.Queued or WorkItemState.Running => "busy",
        WorkItemState.Review or WorkItemState.Done => "good",
        WorkItemState.Parked => "warn",
        WorkItemState.Conflict or WorkItemState.Quarantined => "bad",
        _ => "idle",
    };

    public static string Of(RunState state, RunEndReason? reason) => state switch
    {
        RunState.Queued => "Queued",
        RunState.Preparing => "Preparing",
        RunState.Running => "Running",
        RunState.Verifying => "Verifying",
        RunState.Publishing => "Publishing",
        RunState.Parked => "Parked",
        _ => reason is { } why ? Of(why) : "Ended",
    };

    public static string Of(RunEndReason reason) => reason switch
    {
        RunEndReason.Completed => "Completed",
        RunEndReason.NoChanges => "No changes",
        RunEndReason.Failed => "Failed",
        RunEndReason.VerificationFailed => "Verification failed",
        RunEndReason.PolicyBlocked => "Blocked by policy",
        RunEndReason.TimedOut => "Timed out",
        RunEndReason.Stalled => "Stalled",
        RunEndReason.BudgetExhausted => "Budget exhausted",
        RunEndReason.Cancelled => "Cancelled",
        RunEndReason.Parked => "Parked",
        RunEndReason.LeaseLost => "Lease lost",
        RunEndReason.ConfigurationError => "Configuration error",
        _ => reason.ToString(),
    };

    public static string Tone(RunState state, RunEndReason? reason) => (state, reason) switch
    {
        (RunState.Parked, _) or (_, RunEndReason.Parked) => "warn",
        (RunState.Ended, RunEndReason.Completed) => "good",
        (RunState.Ended, RunEndReason.NoChanges or RunEndReason.Cancelled) => "idle",
        (RunState.Ended, _) => "bad",
        _ => "busy",
    };

    public static string Of(RepositoryScanState state) => state switch
    {
        RepositoryScanState.Never => "Not scanned yet",
        RepositoryScanState.Scanning => "Scanning",
        RepositoryScanState.Preview => "Waits for you",
        RepositoryScanState.Ok => "Scanned",
        RepositoryScanState.Failed => "Scan failed",
        RepositoryScanState.Unavailable => "Not to be had",
        _ => state.ToString(),
    };

    public static string Tone(RepositoryScanState state) => state switch
    {
        RepositoryScanState.Scanning => "busy",
        RepositoryScanState.Preview => "accent",
        RepositoryScanState.Ok => "good",
        RepositoryScanState.Failed or RepositoryScanState.Unavailable => "bad",
        _ => "idle",
    };

    /// <summary>What an entry of the record says was done.</summary>
    public static string OfAction(string action) => action switch
    {
        "outbox.done" => "written to GitHub",
        "outbox.given_up" => "not written to GitHub: given up",
        _ => action.Replace('_', ' ').Replace('.', ' '),
    };

    public static string Of(SandboxLevel level) => level switch
    {
        SandboxLevel.Bwrap => "bwrap: read-only system, its own file-system and processes",
        _ => "process: limited environment, own session and home",
    };

    /// <summary>Money as a person reads it; a fraction of a cent is not nothing.</summary>
    public static string Dollars(decimal amount) => amount switch
    {
        0 => "$0",
        > 0 and < 0.01m => "< $0.01",
        _ => "$" + amount.ToString("#,##0.00", CultureInfo.InvariantCulture),
    };

    public static string Count(long number) => number.ToString("#,##0", CultureInfo.InvariantCulture);

    public static string Count(long number, string one, string many) => $"{Count(number)} {(number == 1 ? one : many)}";

    /// <summary>A commit as people quote it.</summary>
    public static string Short(string commit) => commit.Length > 10 ? commit[..10] : commit;
}
