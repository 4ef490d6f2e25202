using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;
using MudBlazor;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>Says of each item why it was refused, when not all were done.</summary>
public sealed partial class OutcomesDialog
{
    [CascadingParameter]
    public required IMudDialogInstance Dialog { get; set; }

    [Parameter, EditorRequired]
    public string Title { get; set; } = "";

    [Parameter, EditorRequired]
    public BulkResultDto Result { get; set; } = new(0, 0, []);

    public static Task ShowAsync(IDialogService dialogs, string title, BulkResultDto result)
        => dialogs.ShowAsync<OutcomesDialog>(null, new DialogParameters<OutcomesDialog> { { d => d.Title, title }, { d => d.Result, result } });
}
