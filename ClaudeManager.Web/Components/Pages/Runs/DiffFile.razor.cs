using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>One file's change. Nothing of it is in the page before it is opened, and of a large one only the beginning.</summary>
public sealed partial class DiffFile
{
    private const int LinesAtOnce = 400;

    private IReadOnlyList<PatchLine> _lines = [];
    private string? _parsed;
    private int _most = LinesAtOnce;
    private bool _open;

    [Parameter, EditorRequired]
    public required DiffFileDto File { get; set; }

    [Parameter, EditorRequired]
    public bool Split { get; set; }

    [Parameter]
    public bool InitiallyOpen { get; set; }

    private IEnumerable<PatchLine> Shown => _lines.Take(_most);

    protected override void OnInitialized() => _open = InitiallyOpen && File.Added + File.Removed <= LinesAtOnce;

    protected override void OnParametersSet()
    {
        if (_open)
        {
            Parse();
        }
    }

    private void Toggle()
    {
        _open = !_open;
        Parse();
    }

    private void Parse()
    {
        if (_parsed != File.Patch && File.Patch is not null)
        {
            _parsed = File.Patch;
            _lines = PatchText.Parse(File.Patch);
        }
    }

    private void ShowMore() => _most += LinesAtOnce;
}
