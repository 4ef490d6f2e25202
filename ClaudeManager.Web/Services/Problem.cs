using System.Net;
using ClaudeManager.Core.Contracts;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace ClaudeManager.Web.Services;

/// <summary>A failure as a person needs it: what happened, what to do, and the id to look it up by.</summary>
public sealed record Problem(string Title, string? Detail, string? WhatToDo, string? CorrelationId, bool IsStale = false, bool IsMissing = false)
{
    public static Problem From(Exception exception) => exception switch
    {
        ManagerApiException { Status: HttpStatusCode.NotFound } missing => new(missing.Title, missing.Detail, "It may have been removed. Go back to the list and look again.", missing.TraceId, IsMissing: true),
        ManagerApiException { Code: "stale_version" or "prompt_changed" or "program_changed" } stale => Stale(stale),
        ManagerApiException api => new(api.Title, Details(api), Advice(api), api.TraceId),
        HttpRequestException or BrokenCircuitException or TimeoutRejectedException => new(
            "The manager's API does not answer.", null, "Check that it runs. The page comes back by itself as soon as it does.", null),
        _ => new("Something in the dashboard failed.", exception.Message, "Reload the page. If it happens again, look in the server's log.", System.Diagnostics.Activity.Current?.TraceId.ToHexString()),
    };

    private static Problem Stale(ManagerApiException exception)
        => new("It changed while you were looking at it.", "Nothing was done.", "What you see now is the current state: look again, then decide.", exception.TraceId, IsStale: true);

    private static string? Details(ManagerApiException exception)
        => exception.Errors.Count == 0 ? exception.Detail : string.Join(" ", exception.Errors.SelectMany(field => field.Value));

    /// <summary>A refusal says itself what to do; a failure does not know.</summary>
    private static string? Advice(ManagerApiException exception) => exception.Status switch
    {
        HttpStatusCode.TooManyRequests => "Wait a little, then try again.",
        >= HttpStatusCode.InternalServerError => "Try again. If it happens again, look up the correlation id in the server's log.",
        _ => exception.Detail is null ? "Look at the current state, then try again." : null,
    };
}
