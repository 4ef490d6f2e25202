using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>Where the work lies, and what to type to look at it, take it or drop it.</summary>
public sealed partial class BranchPanel
{
    private string? _copied;

    [Inject]
    public required IJSRuntime Js { get; init; }

    [Parameter, EditorRequired]
    public required RunDto Run { get; set; }

    [Parameter, EditorRequired]
    public required string Branch { get; set; }

    private (string What, string Command)[] Commands =>
    [
        ("Look", $"git log -p HEAD..{Quote(Branch)}"),
        ("Take", $"git merge {Quote(Branch)}"),
        ("Drop", $"git branch -D {Quote(Branch)}"),
    ];

    /// <summary>A branch name may hold anything but a few characters, and this is pasted into a shell.</summary>
    private static string Quote(string branch)
        => branch.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.') ? branch : $"'{branch.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private async Task CopyAsync(string command)
    {
        if (await Js.InvokeAsync<bool>("claudeManager.copy", command))
        {
            _copied = command;
        }
    }
}
