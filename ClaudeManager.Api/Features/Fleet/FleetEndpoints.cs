using System.ComponentModel.DataAnnotations;
using ClaudeManager.Api.Errors;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Errors;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.Operations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Fleet;

internal static class FleetEndpoints
{
    public static void MapFleet(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("/fleet").WithTags("Fleet");
        group.MapGet("", ReadAsync).WithOperation(OperationCatalog.GetFleet).WithSummary("What each live process says of itself: limits, circuit breakers, errors");
        group.MapPost("/breakers/isolate", IsolateAsync).WithOperation(OperationCatalog.IsolateBreaker).WithSummary("Nobody calls there until it is reset").ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("/breakers/reset", ResetAsync).WithOperation(OperationCatalog.ResetBreaker).WithSummary("Calls may go there again, from every process").ProducesProblem(StatusCodes.Status404NotFound);
    }

    internal static async Task<Ok<FleetDto>> ReadAsync(InstanceSnapshots snapshots, CancellationToken ct, [Range(0, ErrorTracker.RecentKept)] int recent = 50)
        => TypedResults.Ok(await snapshots.ReadAsync(Math.Clamp(recent, 0, ErrorTracker.RecentKept), ct));

    internal static async Task<Results<Ok<FleetDto>, ProblemHttpResult>> IsolateAsync(IsolateBreakerRequest request, InstanceCommands commands, HttpContext http, CancellationToken ct)
        => (await commands.IsolateAsync(http.Operation(), request, ct)).ToResult();

    internal static async Task<Results<Ok<FleetDto>, ProblemHttpResult>> ResetAsync(ResetBreakerRequest request, InstanceCommands commands, HttpContext http, CancellationToken ct)
        => (await commands.ResetAsync(http.Operation(), request, ct)).ToResult();
}
