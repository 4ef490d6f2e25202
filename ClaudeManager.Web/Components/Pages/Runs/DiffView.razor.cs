using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>What a run changed, file by file.</summary>
public sealed partial class DiffView
{
    private const int FilesAtOnce = 100;
    private const int OpenAtMost = 6;

    private int _shown = FilesAtOnce;
    private bool _split;

    [Parameter, EditorRequired]
    public required DiffDto Diff { get; set; }

    private void ShowMore() => _shown += FilesAtOnce;
}
