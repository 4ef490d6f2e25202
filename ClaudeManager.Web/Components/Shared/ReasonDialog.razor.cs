using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>Asks for the reason that a weighty decision is kept with.</summary>
public sealed partial class ReasonDialog
{
    private ElementReference _field;
    private string _reason = "";

    [CascadingParameter]
    public required IMudDialogInstance Dialog { get; set; }

    [Parameter, EditorRequired]
    public string Title { get; set; } = "";

    [Parameter, EditorRequired]
    public string Question { get; set; } = "";

    [Parameter, EditorRequired]
    public string Confirm { get; set; } = "";

    [Parameter, EditorRequired]
    public string TestId { get; set; } = "";

    /// <summary>Null when the person leaves it.</summary>
    public static async Task<string?> AskAsync(IDialogService dialogs, string title, string question, string confirm, string testId)
    {
        var parameters = new DialogParameters<ReasonDialog> { { d => d.Title, title }, { d => d.Question, question }, { d => d.Confirm, confirm }, { d => d.TestId, testId } };
        var dialog = await dialogs.ShowAsync<ReasonDialog>(null, parameters);
        return await dialog.Result is { Canceled: false, Data: string reason } ? reason : null;
    }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            await _field.FocusAsync();
        }
    }
}
