using System.Globalization;
using System.Text;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;
using ClaudeManager.Core.Runs;
using ClaudeManager.Core.WorkItems;

namespace ClaudeManager.Core.Publishing;

/// <summary>What a pull request of ours says: what was done, what was checked, at what cost and by whose decision. Everything that comes from elsewhere is quoted.</summary>
internal static class PullRequestText
{
    private const int LongestSummary = 6000;
    private const int MostChecks = 20;
    private const int MostProblems = 10;

    /// <param name="summary">The agent's own last words; null when it said none.</param>
    public static string Of(WorkItemEntity item, RunEntity run, ApprovalEntity approval, ProposalIssueEntity? issue, string? summary)
    {
        var body = new StringBuilder();
        if (issue is not null)
        {
            body.Append(CultureInfo.InvariantCulture, $"Closes {issue.Repository}#{issue.Number}\n\n");
        }

        body.Append(CultureInfo.InvariantCulture, $"Made by {InertText.Code(run.Agent)} for {InertText.Code(item.Title)}. A draft: it waits for a person's review.\n");
        if (!string.IsNullOrWhiteSpace(summary))
        {
            body.Append("\n## What the agent says\n\n").Append(InertText.Fence(summary.Length <= LongestSummary ? summary : summary[..(char.IsHighSurrogate(summary[LongestSummary - 1]) ? LongestSummary - 1 : LongestSummary)] + "…", "text")).Append('\n');
        }

        body.Append("\n## What was checked\n\n");
        Checked(body, run);
        body.Append("\n## How it was made\n\n");
        Made(body, item, run, approval);
        return body.ToString();
    }

    /// <summary>The verification receipt and the diff gate, as a list.</summary>
    public static void Checked(StringBuilder body, RunEntity run)
    {
        if (RunViews.Parse<VerificationReceiptDto>(run.Receipt) is not { } receipt)
        {
            body.Append("- Nothing was checked.\n");
            return;
        }

        body.Append(CultureInfo.InvariantCulture, $"- Verdict: **{InertText.Title(receipt.Verdict.Replace('_', ' '), 40)}**, commands {InertText.Title(receipt.Source, 40)}, sandbox {ManagerJson.Name(receipt.Sandbox)}\n");
        for (var i = 0; i < Math.Min(receipt.After.Count, MostChecks); i++)
        {
            var after = receipt.After[i];
            var before = receipt.Before.FirstOrDefault(b => b.Command.SequenceEqual(after.Command));
            body.Append(CultureInfo.InvariantCulture, $"- {InertText.Code(string.Join(' ', after.Command))}: {Result(after)} in {after.Seconds:0.0} s (before: {(before is null ? "not run" : Result(before))})\n");
        }

        if (receipt.FindingState is { } finding)
        {
            body.Append(CultureInfo.InvariantCulture, $"- The finding: {InertText.Title(finding.Replace('_', ' '), 40)}\n");
        }

        foreach (var problem in receipt.Problems.Take(MostProblems))
        {
            body.Append(CultureInfo.InvariantCulture, $"- Note: {InertText.Code(problem)}\n");
        }

        if (RunViews.Parse<DiffGateDto>(run.Gate) is { } gate)
        {
            body.Append(gate.Passed
                ? "- Diff gate (secrets, protected paths, size, binaries, links): passed\n"
                : string.Create(CultureInfo.InvariantCulture, $"- Diff gate: {gate.Hits.Count} hits, let through by {InertText.Code(run.GateLiftedBy ?? "nobody")}\n"));
        }
    }

    private static void Made(StringBuilder body, WorkItemEntity item, RunEntity run, ApprovalEntity approval)
    {
        body.Append(CultureInfo.InvariantCulture, $"- Agent: {InertText.Code(run.Agent)}{(run.AgentVersion is { } version ? " " + InertText.Code(version) : "")}, run {run.Id}, base {InertText.Code(run.BaseCommit)}\n");
        body.Append(CultureInfo.InvariantCulture, $"- Cost: {Cost(run)}\n");
        body.Append(CultureInfo.InvariantCulture, $"- Approved by {string.Join(", ", ApprovalSeal.Approvers(approval).Select(InertText.Code))} at {approval.ApprovedAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC; prompt SHA-256 {InertText.Code(approval.PromptSha256)}\n");
        body.Append(CultureInfo.InvariantCulture, $"- Work item {item.Id}, correlation id {InertText.Code(item.CorrelationId)}\n");
    }

    public static string Cost(RunEntity run)
    {
        var cost = run.CostMicroUsd is { } micro ? string.Create(CultureInfo.InvariantCulture, $"${micro / 1e6:0.00}") : "not known";
        var tokens = run is { InputTokens: { } input, OutputTokens: { } output } ? string.Create(CultureInfo.InvariantCulture, $", {input:N0} tokens in, {output:N0} out") : "";
        return cost + tokens + (run.Turns is { } turns ? string.Create(CultureInfo.InvariantCulture, $", {turns} turns") : "");
    }

    private static string Result(CheckResultDto check) => check.TimedOut ? "timed out" : check.ExitCode switch
    {
        0 => "passed",
        { } code => string.Create(CultureInfo.InvariantCulture, $"exit code {code}"),
        null => "did not start",
    };
}
