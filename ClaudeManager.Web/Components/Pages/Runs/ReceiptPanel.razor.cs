using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>What was run to check the result, and what it said.</summary>
public sealed partial class ReceiptPanel
{
    [Parameter, EditorRequired]
    public required VerificationReceiptDto Receipt { get; set; }

    private string Verdict => Receipt.Verdict switch
    {
        "passed" => "Passed",
        "failed" => "Failed",
        "nothing_to_run" => "Nothing to run",
        "not_comparable" => "Not comparable",
        _ => Receipt.Verdict,
    };

    /// <summary>Only what says outright that it passed is shown as passed.</summary>
    private string Tone => Receipt.Verdict switch
    {
        "passed" => "good",
        "failed" => "bad",
        _ => "warn",
    };
}
