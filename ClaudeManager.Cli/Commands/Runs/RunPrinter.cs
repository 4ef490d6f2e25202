using ClaudeManager.Cli.Commands.Tasks;
using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Runs;

/// <summary>How people read a run.</summary>
internal static class RunPrinter
{
    public static int Changed(this CommandOutput output, RunDetailDto run)
    {
        output.Result(run, () => output.Say($"Run {run.Run.Id} is {run.Run.StateText()}{(run.Run.CancelRequested ? ", cancel asked for" : "")}."));
        return ExitCode.Ok;
    }

    public static int Accepted(this CommandOutput output, AcceptedDto accepted)
    {
        output.Result(accepted, () => output.Say($"Run {accepted.RunId} is queued. Watch it: claude-manager runs logs {accepted.RunId} --follow"));
        return ExitCode.Ok;
    }

    public static void Detail(this CommandOutput output, RunDetailDto detail)
    {
        var run = detail.Run;
        output.Say(run.IsSample ? $"{run.WorkItemTitle}  [sample]" : run.WorkItemTitle);
        output.Facts(
            ("Run", $"{run.Id}, attempt {run.Attempt}"),
            ("State", run.StateText() + (run.EndDetail is null ? "" : $" ({run.EndDetail})")),
            ("Work item", $"{run.WorkItemId}"),
            ("Repository", run.Repository),
            ("Agent", run.Agent),
            ("Sandbox", run.Sandbox is { } sandbox ? ManagerJson.Name(sandbox) : null),
            ("Base commit", detail.BaseCommit),
            ("Created", output.Time(run.CreatedAt)),
            ("Started", output.Time(run.StartedAt)),
            ("Ended", output.Time(run.EndedAt)),
            ("Cost", run.CostUsd is { } cost ? $"${cost:0.00}, {run.InputTokens} tokens in, {run.OutputTokens} out, {run.Turns} turns" : null),
            ("Branch", run.Branch),
            ("Pull request", run.PullRequest?.Line()),
            ("Commit", run.ResultCommit),
            ("Kept work", detail.WipReference));
        if (detail.Receipt is { } receipt)
        {
            output.Say($"Verification: {receipt.Verdict} (commands: {receipt.Source})");
            Checks(output, "before", receipt.Before);
            Checks(output, "after", receipt.After);
            foreach (var problem in receipt.Problems)
            {
                output.Say($"  {problem}");
            }
        }

        foreach (var hit in detail.Gate?.Hits ?? [])
        {
            output.Say($"Held back: {hit.Rule} in {hit.Path}{(hit.Line is { } line ? $":{line}" : "")}: {hit.Why}");
        }

        if (detail.Diff is { } diff)
        {
            output.Say($"Changes: {diff.Files} files, +{diff.Added} -{diff.Removed}");
        }
    }

    public static string Line(this PullRequestDto pull) => $"{pull.Url} ({pull.State}{(pull.Checks is { } checks ? $", checks {checks}" : "")})";

    public static string EventText(this CommandOutput output, RunEventDto item) => $"{output.Time(item.At)}  {item.Kind,-11}  {item.Text}";

    private static void Checks(CommandOutput output, string when, IReadOnlyList<CheckResultDto> checks)
    {
        foreach (var check in checks)
        {
            output.Say($"  {when,-6}  {(check.TimedOut ? "timed out" : $"exit {check.ExitCode}"),-9}  {check.Seconds:0.0} s  {string.Join(' ', check.Command)}");
        }
    }
}
