using System.Globalization;
using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A pull request with its state and what its checks say.</summary>
public sealed partial class PullRequestLink
{
    [Parameter, EditorRequired]
    public required PullRequestDto PullRequest { get; set; }

    private string Name => string.Create(CultureInfo.InvariantCulture, $"{PullRequest.Repository}#{PullRequest.Number}");

    private string StateTone => PullRequest.State switch
    {
        "merged" => "good",
        "open" => "accent",
        _ => "idle",
    };

    private string ChecksTone => PullRequest.Checks switch
    {
        "passed" => "good",
        "failed" => "bad",
        _ => "busy",
    };
}
