using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A dry run: what a scan would propose, file by file.</summary>
public sealed partial class ScanPreview
{
    private const int FilesAtOnce = 30;
    private const int MostProblems = 50;

    private int _filesShown = FilesAtOnce;

    [Parameter, EditorRequired]
    public required ScanPreviewDto Preview { get; set; }

    private IReadOnlyList<IGrouping<string, FindingDto>> Files { get; set; } = [];

    protected override void OnParametersSet()
        => Files = [.. Preview.Findings.GroupBy(finding => finding.Path, StringComparer.Ordinal).OrderByDescending(file => file.Max(finding => finding.Score)).ThenBy(file => file.Key, StringComparer.Ordinal)];

    private void ShowMore() => _filesShown += FilesAtOnce;
}
