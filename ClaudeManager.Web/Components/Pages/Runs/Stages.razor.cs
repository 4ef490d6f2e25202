using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Pages.Runs;

/// <summary>How far a run has come.</summary>
public sealed partial class Stages
{
    private static readonly RunState[] s_stages = [RunState.Queued, RunState.Preparing, RunState.Running, RunState.Verifying, RunState.Publishing];

    [Parameter, EditorRequired]
    public required RunDto Run { get; set; }

    /// <summary>A run that ended early did not pass the stages behind its end; only a completed one is known to have passed all.</summary>
    private string? Standing(RunState stage) => Run.State switch
    {
        RunState.Ended when Run.EndReason is RunEndReason.Completed => "past",
        RunState.Ended or RunState.Parked => stage is RunState.Queued ? "past" : null,
        _ when stage == Run.State => "now",
        _ => stage < Run.State ? "past" : null,
    };
}
