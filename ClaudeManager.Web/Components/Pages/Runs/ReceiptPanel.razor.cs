using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>What was run to check the result, and what it said.</summary>
public sealed partial class ReceiptPanel
{
    [Parameter, EditorRequired]
    public required VerificationReceiptDto Receipt { get; set; }

    /// <summary>Only what says outright that it passed is shown as passed.</summary>
    private string Tone => Receipt.Verdict switch
    {
        "passed" or "verified" => "good",
        "failed" or "regressed" or "broken" => "bad",
        _ => "warn",
    };
}
