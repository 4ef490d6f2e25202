using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.Runs;

/// <summary>Entities as the wire shows them.</summary>
public static class RunViews
{
    /// <summary>Needs the work item and its repository.</summary>
    public static RunDto ToDto(this RunEntity run, PullRequestDto? pullRequest = null) => new(
        run.Id,
        run.WorkItemId,
        run.WorkItem!.Title,
        run.RepositoryId,
        run.WorkItem.Repository!.Name,
        run.Agent,
        run.State,
        run.EndReason,
        run.EndDetail,
        run.Attempt,
        run.Sandbox,
        run.CreatedAt,
        run.StartedAt,
        run.EndedAt,
        run.LastEventAt,
        run.NotBefore,
        run.CostMicroUsd / 1_000_000m,
        run.InputTokens,
        run.OutputTokens,
        run.Turns,
        run.Branch,
        run.ResultCommit,
        run.CancelRequestedAt is not null,
        run.WorkItem.Repository.IsSample,
        pullRequest);

    public static RunEventDto ToDto(this RunEventEntity e) => new(e.Seq, e.Attempt, e.At, e.Kind, e.Text, e.Data is null ? null : JsonElement.Parse(e.Data));

    public static T? Parse<T>(string? json)
        where T : class
        => json is null ? null : JsonSerializer.Deserialize<T>(json, ManagerJson.Options);
}
