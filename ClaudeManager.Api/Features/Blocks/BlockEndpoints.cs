using ClaudeManager.Api.Errors;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.RateLimiting.Inbound;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Blocks;

internal static class BlockEndpoints
{
    public static void MapBlocks(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("/blocks").WithTags("Blocks");
        group.MapGet("", ListAsync).WithOperation(OperationCatalog.ListBlocks).WithSummary("Clients that are shut out now, newest first");
        group.MapDelete("/{id:long}", LiftAsync).WithOperation(OperationCatalog.LiftBlock).WithSummary("Lets a client in again").ProducesProblem(StatusCodes.Status404NotFound);
    }

    internal static async Task<Ok<IReadOnlyList<ClientBlockDto>>> ListAsync(ClientBlocks blocks, CancellationToken ct) => TypedResults.Ok(await blocks.ListAsync(ct));

    internal static async Task<Results<Ok<ClientBlockDto>, ProblemHttpResult>> LiftAsync(long id, ClientBlocks blocks, HttpContext http, CancellationToken ct)
        => (await blocks.LiftAsync(http.Operation(), id, ct)).ToResult();
}
