using ClaudeManager.Core.Contracts;
using ClaudeManager.Web.Services;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Overview;

/// <summary>The empty dashboard: exactly two things to do.</summary>
public sealed partial class Welcome
{
    [Parameter, EditorRequired]
    public bool Busy { get; set; }

    [Parameter, EditorRequired]
    public EventCallback Sample { get; set; }

    [Parameter, EditorRequired]
    public EventCallback<RepositoryDto> Added { get; set; }

    [Parameter, EditorRequired]
    public Problem? Problem { get; set; }
}
