using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>What an agent's name stands for and how it is contained, as entries of a list of facts.</summary>
public sealed partial class AgentProgram
{
    [Parameter, EditorRequired]
    public AgentProgramDto? Program { get; set; }

    [Parameter, EditorRequired]
    public SandboxLevel Sandbox { get; set; }
}
