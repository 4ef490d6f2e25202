using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Repositories;

public sealed partial class FindingKinds
{
    [Parameter, EditorRequired]
    public required IReadOnlyDictionary<string, int> Findings { get; set; }
}
