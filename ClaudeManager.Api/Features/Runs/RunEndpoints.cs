using System.Globalization;
using ClaudeManager.Api.Errors;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Runs;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Runs;

internal static class RunEndpoints
{
    public static void MapRuns(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("/runs").WithTags("Runs").ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status400BadRequest);
        group.MapGet("", ListAsync).WithOperation(OperationCatalog.ListRuns);
        group.MapGet("/{id:long}", GetAsync).WithOperation(OperationCatalog.GetRun);
        group.MapGet("/{id:long}/events", EventsAsync).WithOperation(OperationCatalog.ReadRunEvents).WithSummary("What the agent said and did, after a sequence number");
        group.MapGet("/{id:long}/patch", PatchAsync).WithOperation(OperationCatalog.GetPatch).WithSummary("The result as a patch for git am");
        group.MapPost("/{id:long}/cancel", CancelAsync).WithOperation(OperationCatalog.CancelRun);
        group.MapPost("/{id:long}/retry", RetryAsync).WithOperation(OperationCatalog.RetryRun).WithSummary("Again from the base, under the same approval");
        group.MapPost("/{id:long}/resume", ResumeAsync).WithOperation(OperationCatalog.ResumeRun).WithSummary("Go on from the last snapshot and session");
        group.MapPost("/{id:long}/publish", LiftBlockAsync).WithOperation(OperationCatalog.LiftDiffBlock).WithSummary("Let a result through that the diff gate blocked");
    }

    internal static async Task<Results<Ok<Page<RunDto>>, ProblemHttpResult>> ListAsync(RunService runs, string[]? state, long? workItem, CancellationToken ct, int skip = 0, int take = 50)
    {
        var states = ListQuery.States<RunState>(state);
        if ((states.Refusal ?? ListQuery.Check(skip, take)) is { } refusal)
        {
            return refusal.ToProblem();
        }

        return TypedResults.Ok(await runs.ListAsync(states.Value!, workItem, skip, take, ct));
    }

    internal static async Task<Results<Ok<RunDetailDto>, ProblemHttpResult>> GetAsync(RunService runs, long id, CancellationToken ct) => (await runs.GetAsync(id, ct)).ToResult();

    internal static async Task<Results<Ok<IReadOnlyList<RunEventDto>>, ProblemHttpResult>> EventsAsync(RunService runs, long id, CancellationToken ct, long after = 0, int take = 200)
    {
        if (ListQuery.Check(0, take) is { } refusal)
        {
            return refusal.ToProblem();
        }

        return TypedResults.Ok(await runs.EventsAsync(id, after, take, ct));
    }

    internal static async Task<Results<FileContentHttpResult, ProblemHttpResult>> PatchAsync(RunService runs, long id, CancellationToken ct)
        => await runs.PatchAsync(id, ct) is { } patch
            ? TypedResults.File(patch, "text/x-patch; charset=utf-8", string.Create(CultureInfo.InvariantCulture, $"claude-manager-run-{id}.patch"))
            : Refusal.NotFound("patch of run", id).ToProblem();

    internal static async Task<Results<Ok<RunDetailDto>, ProblemHttpResult>> CancelAsync(RunService runs, HttpContext http, long id, CancellationToken ct) => (await runs.CancelAsync(http.Operation(), id, ct)).ToResult();

    internal static Task<Results<Accepted<AcceptedDto>, ProblemHttpResult>> RetryAsync(RunService runs, HttpContext http, long id, CancellationToken ct) => AgainAsync(runs, http, id, resume: false, ct);

    internal static Task<Results<Accepted<AcceptedDto>, ProblemHttpResult>> ResumeAsync(RunService runs, HttpContext http, long id, CancellationToken ct) => AgainAsync(runs, http, id, resume: true, ct);

    internal static async Task<Results<Accepted<AcceptedDto>, ProblemHttpResult>> LiftBlockAsync(RunService runs, HttpContext http, long id, LiftBlockRequest request, CancellationToken ct)
        => ToAccepted(await runs.LiftBlockAsync(http.Operation(), id, request, ct));

    private static async Task<Results<Accepted<AcceptedDto>, ProblemHttpResult>> AgainAsync(RunService runs, HttpContext http, long id, bool resume, CancellationToken ct)
        => ToAccepted(await runs.AgainAsync(http.Operation(), id, resume, ct));

    private static Results<Accepted<AcceptedDto>, ProblemHttpResult> ToAccepted(Outcome<AcceptedDto> outcome)
        => outcome.Refusal is { } refusal ? refusal.ToProblem() : TypedResults.Accepted(outcome.Value!.Location, outcome.Value);
}
