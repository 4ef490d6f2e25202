using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Outbox;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ClaudeManager.Api.Features.Outbox;

internal static class OutboxEndpoints
{
    public static void MapOutbox(this IEndpointRouteBuilder api)
        => api.MapGroup("/outbox").WithTags("Outbox").MapGet("", ReadAsync).WithName("outbox.get").WithSummary("What was decided and is not yet done on GitHub, and when it will be");

    internal static async Task<Ok<OutboxDto>> ReadAsync(OutboxReader outbox, CancellationToken ct) => TypedResults.Ok(await outbox.ReadAsync(ct));
}
