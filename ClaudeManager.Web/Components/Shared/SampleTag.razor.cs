using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

public sealed partial class SampleTag
{
    [Parameter, EditorRequired]
    public bool IsSample { get; set; }
}
