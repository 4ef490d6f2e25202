using ClaudeManager.Api.Errors;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.WorkItems;
using ClaudeManager.Core.WorkItems.Proposals;
using Microsoft.AspNetCore.Http.HttpResults;
using Answer = Microsoft.AspNetCore.Http.HttpResults.Results<Microsoft.AspNetCore.Http.HttpResults.Ok<ClaudeManager.Core.Contracts.WorkItemDetailDto>, Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult>;
using BulkAnswer = Microsoft.AspNetCore.Http.HttpResults.Results<Microsoft.AspNetCore.Http.HttpResults.Ok<ClaudeManager.Core.Contracts.BulkResultDto>, Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult>;

namespace ClaudeManager.Api.Features.WorkItems;

internal static class WorkItemEndpoints
{
    public static void MapWorkItems(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("/work-items").WithTags("Work items").ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status400BadRequest);
        group.MapGet("", ListAsync).WithOperation(OperationCatalog.ListWorkItems).WithSummary("Work items by state, repository and text, best first");
        group.MapPost("", NewAsync).WithOperation(OperationCatalog.NewWorkItem).WithSummary("A work item written by a person");
        group.MapPost("/issue", TakeIssueAsync).WithOperation(OperationCatalog.TakeIssue).WithSummary("The work item of an issue on GitHub, made from the issue where it is not known, and what its label says");
        group.MapGet("/{id:long}", GetAsync).WithOperation(OperationCatalog.GetWorkItem).WithSummary("One work item with everything about it");
        group.MapGet("/{id:long}/gates", ExplainAsync).WithOperation(OperationCatalog.ExplainWorkItem).WithSummary("Why is it not running?");
        group.MapGet("/{id:long}/approval", PreviewAsync).WithOperation(OperationCatalog.PreviewApproval).WithSummary("Exactly what an approval would bind");
        group.MapPost("/{id:long}/approval", ApproveAsync).WithOperation(OperationCatalog.Approve).WithSummary("Approve exactly what was seen");
        group.MapGet("/approvals", PreviewManyAsync).WithOperation(OperationCatalog.PreviewApprovals).WithSummary("What approving each of several would bind");
        group.MapPost("/approvals", ApproveManyAsync).WithOperation(OperationCatalog.ApproveMany).WithSummary("Approve several, each by itself and exactly as it was seen");
        group.MapPost("/rejections", RejectManyAsync).WithOperation(OperationCatalog.RejectMany).WithSummary("Reject several with one reason, each by itself");
        group.MapPost("/snoozes", SnoozeManyAsync).WithOperation(OperationCatalog.SnoozeMany).WithSummary("Snooze several until one time, each by itself");
        group.MapDelete("/{id:long}/approval", WithdrawAsync).WithOperation(OperationCatalog.WithdrawApproval).WithSummary("Take an approval back before its run starts");
        group.MapPost("/{id:long}/reject", RejectAsync).WithOperation(OperationCatalog.Reject);
        group.MapPost("/{id:long}/snooze", SnoozeAsync).WithOperation(OperationCatalog.Snooze);
        group.MapPost("/{id:long}/pin", PinAsync).WithOperation(OperationCatalog.Pin);
        group.MapPost("/{id:long}/score", ScoreAsync).WithOperation(OperationCatalog.OverrideScore);
        group.MapPost("/{id:long}/reopen", ReopenAsync).WithOperation(OperationCatalog.Reopen).WithSummary("Back to proposed");
    }

    internal static async Task<Results<Ok<Page<WorkItemDto>>, ProblemHttpResult>> ListAsync(WorkItemService items, string[]? state, long? repository, string? search, string? sort, CancellationToken ct, int skip = 0, int take = 50)
    {
        var states = ListQuery.States<WorkItemState>(state);
        if ((states.Refusal ?? ListQuery.Check(skip, take) ?? ListQuery.CheckSort(sort, "score", "updated", "title", "id")) is { } refusal)
        {
            return refusal.ToProblem();
        }

        return TypedResults.Ok(await items.ListAsync(states.Value!, repository, search, sort, skip, take, ct));
    }

    internal static async Task<Answer> GetAsync(WorkItemService items, long id, CancellationToken ct) => (await items.GetAsync(id, ct)).ToResult();

    internal static async Task<Answer> NewAsync(WorkItemService items, HttpContext http, NewWorkItemRequest request, CancellationToken ct) => (await items.NewAsync(http.Operation(), request, ct)).ToResult();

    internal static async Task<Answer> TakeIssueAsync(IssueIntake issues, HttpContext http, TakeIssueRequest request, CancellationToken ct) => (await issues.TakeAsync(http.Operation(), request.Repository, request.Number, ct)).ToResult();

    internal static async Task<Results<Ok<IReadOnlyList<GateDto>>, ProblemHttpResult>> ExplainAsync(WorkItemService items, long id, CancellationToken ct) => (await items.ExplainAsync(id, ct)).ToResult();

    internal static async Task<Results<Ok<ApprovalPreviewDto>, ProblemHttpResult>> PreviewAsync(WorkItemService items, long id, string? agent, CancellationToken ct) => (await items.PreviewApprovalAsync(id, agent, ct)).ToResult();

    internal static async Task<Answer> ApproveAsync(WorkItemService items, HttpContext http, long id, ApproveRequest request, CancellationToken ct) => (await items.ApproveAsync(http.Operation(), id, request, ct)).ToResult();

    internal static async Task<Results<Ok<IReadOnlyList<BulkPreviewDto>>, ProblemHttpResult>> PreviewManyAsync(WorkItemService items, long[] id, string? agent, CancellationToken ct)
        => (await items.PreviewApprovalsAsync(id, agent, ct)).ToResult();

    internal static async Task<BulkAnswer> ApproveManyAsync(WorkItemService items, HttpContext http, BulkApproveRequest request, CancellationToken ct) => (await items.ApproveManyAsync(http.Operation(), request, ct)).ToResult();

    internal static async Task<BulkAnswer> RejectManyAsync(WorkItemService items, HttpContext http, BulkRejectRequest request, CancellationToken ct) => (await items.RejectManyAsync(http.Operation(), request, ct)).ToResult();

    internal static async Task<BulkAnswer> SnoozeManyAsync(WorkItemService items, HttpContext http, BulkSnoozeRequest request, CancellationToken ct) => (await items.SnoozeManyAsync(http.Operation(), request, ct)).ToResult();

    internal static async Task<Answer> WithdrawAsync(WorkItemService items, HttpContext http, long id, CancellationToken ct) => (await items.WithdrawAsync(http.Operation(), id, ct)).ToResult();

    internal static async Task<Answer> RejectAsync(WorkItemService items, HttpContext http, long id, RejectRequest request, CancellationToken ct) => (await items.RejectAsync(http.Operation(), id, request, ct)).ToResult();

    internal static async Task<Answer> SnoozeAsync(WorkItemService items, HttpContext http, long id, SnoozeRequest request, CancellationToken ct) => (await items.SnoozeAsync(http.Operation(), id, request, ct)).ToResult();

    internal static async Task<Answer> PinAsync(WorkItemService items, HttpContext http, long id, PinRequest request, CancellationToken ct) => (await items.PinAsync(http.Operation(), id, request, ct)).ToResult();

    internal static async Task<Answer> ScoreAsync(WorkItemService items, HttpContext http, long id, OverrideScoreRequest request, CancellationToken ct) => (await items.OverrideScoreAsync(http.Operation(), id, request, ct)).ToResult();

    internal static async Task<Answer> ReopenAsync(WorkItemService items, HttpContext http, long id, CancellationToken ct) => (await items.ReopenAsync(http.Operation(), id, ct)).ToResult();
}
