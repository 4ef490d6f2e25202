using System.Globalization;
using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.WorkItems;

/// <summary>What an approval would bind, and the decision.</summary>
public sealed partial class ApprovalPanel
{
    private decimal _budget;
    private string? _budgetFor;

    // What the viewer took away; tools the configuration gains or loses meanwhile follow the preview.
    private IReadOnlyList<string> _withoutTools = [];

    [Parameter, EditorRequired]
    public required ApprovalPreviewDto Preview { get; set; }

    [Parameter, EditorRequired]
    public required string Agent { get; set; }

    /// <summary>The item is no longer what the viewer was shown.</summary>
    [Parameter, EditorRequired]
    public bool Outdated { get; set; }

    [Parameter, EditorRequired]
    public bool Busy { get; set; }

    [Parameter, EditorRequired]
    public EventCallback<string> AgentChanged { get; set; }

    [Parameter, EditorRequired]
    public EventCallback Renew { get; set; }

    [Parameter, EditorRequired]
    public EventCallback<ApproveRequest> Approve { get; set; }

    private AgentOptionDto? Chosen => Preview.Agents.FirstOrDefault(agent => agent.Name == Agent);

    private bool BudgetIsValid => _budget > 0 && _budget <= Preview.MaxBudgetUsd;

    private IReadOnlyList<string> Tools => [.. Preview.Tools.Except(_withoutTools, StringComparer.Ordinal)];

    private bool ToolsAreValid => Tools.Count > 0 || Chosen?.Program is not { TakesTools: true };

    protected override void OnParametersSet()
    {
        // A live refresh leaves alone what the viewer has typed; another agent starts from its own default.
        if (_budgetFor != Agent)
        {
            (_budgetFor, _budget, _withoutTools) = (Agent, Preview.DefaultBudgetUsd, []);
        }
    }

    private static string Invariant(decimal amount) => amount.ToString(CultureInfo.InvariantCulture);

    private Task OnAgent(ChangeEventArgs change) => AgentChanged.InvokeAsync((string)change.Value!);

    private void OnBudget(ChangeEventArgs change)
        => _budget = decimal.TryParse(change.Value as string, NumberStyles.Number, CultureInfo.InvariantCulture, out var budget) ? budget : -1;

    private void OnTools(IReadOnlyList<string> tools) => _withoutTools = [.. Preview.Tools.Except(tools, StringComparer.Ordinal)];

    private Task SubmitAsync() => Approve.InvokeAsync(new ApproveRequest(Preview.Version, Preview.PromptSha256, Agent, _budget, Tools, Chosen?.Program?.Sha256));
}
