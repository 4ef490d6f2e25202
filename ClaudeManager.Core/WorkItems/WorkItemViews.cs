using System.Text.Json;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence.Entities;

namespace ClaudeManager.Core.WorkItems;

/// <summary>Entities as the wire shows them.</summary>
public static class WorkItemViews
{
    /// <summary>Needs <see cref="WorkItemEntity.Repository"/>; shows the place when <see cref="WorkItemEntity.Finding"/> is loaded.</summary>
    public static WorkItemDto ToDto(this WorkItemEntity item) => new(
        item.Id,
        item.Title,
        item.RepositoryId,
        item.Repository!.Name,
        item.Kind,
        item.State,
        item.Score,
        Ranking.Level(item.Score),
        item.Finding?.Marker,
        item.Finding is { Line: > 0 } ? item.Finding.Path : null,
        item.Finding is { Line: > 0 } ? item.Finding.Line : null,
        item.Pinned,
        item.SnoozedUntil,
        item.StateReason,
        item.LatestRunId,
        item.Repository.IsSample,
        item.Version,
        item.CreatedAt,
        item.UpdatedAt);

    public static FindingDto ToDto(this FindingEntity finding, double score, bool wouldPropose = false) => new(
        finding.Id == 0 ? null : finding.Id,
        finding.Scanner,
        finding.Fingerprint,
        finding.Path,
        finding.Line,
        finding.EndLine,
        finding.Marker,
        finding.Text,
        finding.Symbol,
        finding.Language,
        finding.Context,
        finding.ContextStartLine,
        finding.Owner,
        finding.IssueReference,
        finding.Priority,
        score,
        wouldPropose);

    public static ApprovalDto ToDto(this ApprovalEntity approval) => new(
        approval.Id,
        approval.State,
        approval.Agent,
        approval.BaseCommit,
        approval.PromptSha256,
        approval.BudgetMicroUsd / 1_000_000m,
        approval.Sandbox,
        ApprovalSeal.Approvers(approval),
        approval.ApprovedAt,
        approval.ExpiresAt,
        approval.StateReason);

    public static BulkRefusalDto ToBulk(this Refusal refusal) => new(refusal.Code, refusal.Message, refusal.Fix);

    public static IReadOnlyList<string> LabelList(this WorkItemEntity item) => JsonSerializer.Deserialize<string[]>(item.Labels) ?? [];

    public static IReadOnlyList<ScoreTermDto> Terms(this WorkItemEntity item) => JsonSerializer.Deserialize<ScoreTermDto[]>(item.ScoreTerms, ManagerJson.Options) ?? [];
}
