using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Outbox;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Outbox;

internal static class OutboxEndpoints
{
    public static void MapOutbox(this IEndpointRouteBuilder api)
    {
        var group = api.MapGroup("/outbox").WithTags("Outbox");
        group.MapGet("", ReadAsync).WithOperation(OperationCatalog.GetOutbox).WithSummary("What was decided and is not yet done on GitHub, and when it will be");
        group.MapPost("/retry", RetryAsync).WithOperation(OperationCatalog.RetryOutbox).WithSummary("Try at once what is blocked");
    }

    internal static async Task<Ok<OutboxDto>> ReadAsync(OutboxReader outbox, CancellationToken ct) => TypedResults.Ok(await outbox.ReadAsync(ct));

    internal static async Task<Ok<OutboxDto>> RetryAsync(OutboxDispatcher dispatcher, OutboxReader outbox, HttpContext http, CancellationToken ct)
    {
        await dispatcher.RetryBlockedAsync(http.Operation(), ct);
        return TypedResults.Ok(await outbox.ReadAsync(ct));
    }
}
