using ClaudeManager.Cli.Output;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli.Commands;

/// <summary>How people read what a scan found, or would propose.</summary>
internal static class ScanPrinter
{
    public static void Preview(this CommandOutput output, ScanPreviewDto preview)
    {
        output.Say($"{preview.Repository}, {preview.Branch} at {preview.Commit[..Math.Min(12, preview.Commit.Length)]}: {preview.FilesListed} files, {preview.FilesRead} read in {preview.Seconds:0.00} s");
        foreach (var file in preview.Findings.GroupBy(finding => finding.Path))
        {
            output.Say(file.Key);
            foreach (var finding in file)
            {
                output.Say($"  {(finding.WouldPropose ? '+' : ' ')} {finding.Line,5}  {finding.Score,4:0.0}  {PrintableText.Line(finding.Text)}");
            }
        }

        var calls = preview.ExpectedAllThereAt is { } at ? $" as issues by {preview.ExpectedGitHubCalls} GitHub calls ({preview.ExpectedGitHubPoints} points), all there by {output.Time(at)}" : "";
        output.Say($"{preview.Findings.Count} findings; {preview.ExpectedIssues} would be proposed now (+){calls}.");
        output.Problems(preview.Problems);
        foreach (var explanation in preview.Explanations ?? [])
        {
            output.Say($"{explanation.Path}:{explanation.Line}  {explanation.Marker}  {explanation.Verdict}  {PrintableText.Line(explanation.Text)}");
        }
    }

    public static void Scanned(this CommandOutput output, ScanResultDto result)
    {
        output.Say(result.Error is { } error
            ? $"{result.Repository}: {error}"
            : $"{result.Repository}: {result.Found} found, {result.New} new, {result.Closed} gone, {result.Reopened} back, {result.Proposed} proposed; {result.FilesRead} files read in {result.Seconds:0.00} s");
        output.Problems(result.Problems);
    }

    private static void Problems(this CommandOutput output, IReadOnlyList<ScanProblemDto> problems)
    {
        foreach (var problem in problems)
        {
            output.Say($"  problem: {(problem.Path is { } path ? path + ": " : "")}{problem.Reason}: {problem.Detail}");
        }
    }
}
