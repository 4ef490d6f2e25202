using ClaudeManager.Cli.Commands.Runs;
using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands.Tasks;

/// <summary>How people read a work item.</summary>
internal static class WorkItemPrinter
{
    /// <summary>One line after a change.</summary>
    public static int Changed(this CommandOutput output, WorkItemDetailDto item)
    {
        output.Result(item, () => output.Say($"Work item {item.Item.Id} is {ManagerJson.Name(item.Item.State)}{Reason(item.Item)}."));
        return ExitCode.Ok;
    }

    /// <summary>One line per item, and the exit code: a conflict when any was refused.</summary>
    public static int Decided(this CommandOutput output, BulkResultDto result)
    {
        output.Result(result, () =>
        {
            foreach (var item in result.Items)
            {
                output.Say(item.Refusal is { } refusal
                    ? $"Work item {item.Id}: refused. {refusal.Why} {refusal.Fix}"
                    : $"Work item {item.Id} is {ManagerJson.Name(item.State!.Value)}: {item.Title}");
            }

            output.Say($"{result.Done} done, {result.Refused} refused.");
        });
        return result.Refused == 0 ? ExitCode.Ok : ExitCode.Conflict;
    }

    public static void Detail(this CommandOutput output, WorkItemDetailDto detail)
    {
        var item = detail.Item;
        output.Say(item.IsSample ? $"{item.Title}  [sample]" : item.Title);
        output.Facts(
            ("Id", $"{item.Id}"),
            ("State", ManagerJson.Name(item.State) + Reason(item)),
            ("Repository", item.Repository),
            ("Where", item.Path is null ? null : $"{item.Path}:{item.Line}"),
            ("Issue", detail.Issue is { } issue ? $"{issue.Url} ({(issue.IsOpen ? "open" : "closed")})" : null),
            ("Kind", ManagerJson.Name(item.Kind)),
            ("Score", $"{item.Score:0.0} ({item.Level}){(item.Pinned ? ", pinned" : "")}"),
            ("Base commit", detail.BaseCommit),
            ("Labels", string.Join(", ", detail.Labels)),
            ("Updated", output.Time(item.UpdatedAt)));
        foreach (var term in detail.ScoreTerms)
        {
            output.Say($"  {term.Value,6:+0.00;-0.00;0.00}  {term.Name}: {term.Why}");
        }

        foreach (var finding in detail.Findings)
        {
            output.Say("");
            if (detail.Findings.Count > 1)
            {
                output.Say($"{finding.Path}:{finding.Line}");
            }

            var line = finding.ContextStartLine;
            foreach (var text in finding.Context.Split('\n'))
            {
                output.Say($"{(line >= finding.Line && line <= finding.EndLine ? '>' : ' ')} {line,5}  {text}");
                line++;
            }
        }

        if (detail.PullRequest is { } pull)
        {
            output.Facts(("Pull request", pull.Line()));
        }

        output.Say("");
        output.Say(detail.Body);
        if (detail.Runs.Count > 0)
        {
            output.Table(
                ["Run", "State", "Agent", "Started", "Cost", "Branch"],
                detail.Runs.Select(run => new[] { $"{run.Id}", run.StateText(), run.Agent, output.Time(run.StartedAt), run.CostUsd is { } cost ? $"${cost:0.00}" : "", run.Branch }));
        }

        output.Gates(detail.Gates);
    }

    public static void Gates(this CommandOutput output, IReadOnlyList<GateDto> gates)
    {
        foreach (var gate in gates)
        {
            output.Say($"  {(gate.Open ? "open  " : "closed")}  {gate.Name}: {gate.Why}{(gate.ClearsAt is { } at ? $" (clears {output.Time(at)})" : "")}");
            if (!gate.Open && gate.Fix is { } fix)
            {
                output.Say($"          {fix}");
            }
        }
    }

    /// <summary>What an approval would bind, whole: nobody should approve what they could not read.</summary>
    public static void ApprovalPreview(this CommandOutput output, ApprovalPreviewDto preview, TasksApproveCommand.Choice choice)
    {
        var program = choice.ProgramOf(preview);
        output.Facts(
            ("Base commit", preview.BaseCommit),
            ("Branch", preview.Branch),
            ("Agent", choice.AgentOf(preview)),
            ("Runs", program is null ? null : program.CommandLine()),
            ("Variables", program is null ? null : string.Join(", ", program.Variables)),
            ("Others", string.Join(", ", preview.Agents.Where(agent => agent.Name != choice.AgentOf(preview)).Select(agent => agent.Name + (agent.Problem is null ? "" : $" ({agent.Problem})")))),
            ("Budget", $"${choice.BudgetOf(preview):0.00}, at most ${preview.MaxBudgetUsd:0.00}; estimate: {preview.CostEstimate}"),
            ("Sandbox", SandboxOf(preview, program)),
            ("Tools", ToolsOf(choice.ToolsOf(preview), program)),
            ("Verified by", preview.VerifyCommands.Count == 0 ? "nothing was found to run" : string.Join("; ", preview.VerifyCommands.Select(command => string.Join(' ', command)))),
            ("Prompt", $"{preview.PromptTemplate}, SHA-256 {preview.PromptSha256}"));
        foreach (var warning in preview.Warnings)
        {
            output.Say($"Warning: {warning}");
        }

        foreach (var passage in preview.Passages)
        {
            output.Say($"--- {passage.Source}{(passage.Author is null ? "" : " by " + passage.Author)}{(passage.Trusted ? "" : " (not trusted: given as quoted data)")}");
            output.Say(passage.VisibleText);
        }

        output.Say("---");
    }

    /// <summary>What each of several would be approved with, and what all of them may cost.</summary>
    public static void ApprovalPreviews(this CommandOutput output, IReadOnlyList<BulkPreviewDto> previews, TasksApproveCommand.Choice choice)
    {
        var ready = previews.Where(p => p.Preview is not null).ToList();
        output.Table(
            ["Id", "Score", "Title", "Repository", "Agent", "Budget", "Sandbox", "Tools", "Prompt"],
            ready.Select(p => new[]
            {
                $"{p.Id}", $"{p.Score:0.0}", p.Title, p.Repository, choice.AgentOf(p.Preview!), $"${choice.BudgetOf(p.Preview!):0.00}",
                SandboxOf(p.Preview!, choice.ProgramOf(p.Preview!)), ToolsOf(choice.ToolsOf(p.Preview!), choice.ProgramOf(p.Preview!)), p.Preview!.PromptSha256[..12],
            }));
        foreach (var (agent, program) in ready.Select(p => (choice.AgentOf(p.Preview!), choice.ProgramOf(p.Preview!))).DistinctBy(a => a.Item2?.Sha256))
        {
            output.Say($"{agent} runs: {(program is null ? "nothing known" : program.CommandLine())}");
        }

        foreach (var warning in ready.SelectMany(p => p.Preview!.Warnings).Distinct())
        {
            output.Say($"Warning: {warning}");
        }

        foreach (var refused in previews.Where(p => p.Refusal is not null))
        {
            output.Say($"Left out: {refused.Id}. {refused.Refusal!.Why} {refused.Refusal.Fix}");
        }

        output.Say($"{ready.Count} work items, ${ready.Sum(p => choice.BudgetOf(p.Preview!)):0.00} at most in total. What one would be sent, whole: claude-manager execute --dry-run -t ID");
    }

    private static string SandboxOf(ApprovalPreviewDto preview, AgentProgramDto? program)
        => ManagerJson.Name(preview.Sandbox) + (program is null ? "" : program.Network ? ", with network" : ", no network");

    private static string ToolsOf(IReadOnlyList<string> tools, AgentProgramDto? program)
        => program is { TakesTools: false } ? "whatever the program does" : string.Join(", ", tools);

    public static string StateText(this RunDto run)
        => run.EndReason is { } reason ? $"{ManagerJson.Name(run.State)}: {ManagerJson.Name(reason)}" : ManagerJson.Name(run.State);

    private static string Reason(WorkItemDto item) => item.StateReason is { } reason ? $" ({reason})" : "";
}
