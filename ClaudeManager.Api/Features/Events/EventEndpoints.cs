using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using ClaudeManager.Api.Operations;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Events;
using ClaudeManager.Core.Operations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace ClaudeManager.Api.Features.Events;

internal static class EventEndpoints
{
    public static void MapEvents(this IEndpointRouteBuilder api)
        => api.MapGet("/events", Read).WithTags("Events").WithOperation(OperationCatalog.ReadEvents).WithSummary("The live feed as Server-Sent Events; resumes after Last-Event-ID");

    internal static ServerSentEventsResult<ChangeEventDto> Read(EventFeedReader feed, IHostApplicationLifetime lifetime, [FromHeader(Name = "Last-Event-ID")] string? lastEventId, CancellationToken ct)
        => TypedResults.ServerSentEvents(Items(feed, lastEventId, lifetime.ApplicationStopping, ct));

    /// <summary>Ends by itself when the server stops: an endless answer would hold the stop up.</summary>
    private static async IAsyncEnumerable<SseItem<ChangeEventDto>> Items(EventFeedReader feed, string? lastEventId, CancellationToken stopping, [EnumeratorCancellation] CancellationToken ct)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stopping, ct);
        await using var changes = feed.ReadAsync(lastEventId, both.Token).GetAsyncEnumerator(both.Token);
        while (true)
        {
            try
            {
                if (!await changes.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (OperationCanceledException)
            {
                yield break;
            }

            yield return new SseItem<ChangeEventDto>(changes.Current, changes.Current.Type) { EventId = changes.Current.Id };
        }
    }
}
