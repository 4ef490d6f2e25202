using System.Diagnostics;
using System.Globalization;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Resilience;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace ClaudeManager.Api.Errors;

/// <summary>Expected refusals as problem details (RFC 9457) with a stable <c>code</c> of <see cref="ErrorCodes"/>.</summary>
internal static class Problems
{
    private const string ClearsAt = "clearsAt";

    public static ProblemHttpResult ToProblem(this Refusal refusal)
    {
        var (status, title) = refusal.Kind switch
        {
            RefusalKind.NotFound => (StatusCodes.Status404NotFound, "Not found"),
            RefusalKind.Conflict => (StatusCodes.Status409Conflict, "Not possible as things stand"),
            RefusalKind.Invalid => (StatusCodes.Status400BadRequest, "Invalid input"),
            RefusalKind.Reused => (StatusCodes.Status422UnprocessableEntity, "Another request has this key"),
            RefusalKind.TooMany => (StatusCodes.Status429TooManyRequests, "Too many requests"),
            RefusalKind.Unavailable => (StatusCodes.Status503ServiceUnavailable, "Not available here"),
        };
        var problem = new ProblemDetails { Status = status, Title = title, Detail = refusal.Fix is null ? refusal.Message : $"{refusal.Message} {refusal.Fix}" };
        problem.Describe(refusal.ErrorCode, refusal.Fix, refusal.ClearsAt);
        if (refusal.Field is not null)
        {
            problem.Extensions["errors"] = new Dictionary<string, string[]> { [refusal.Field] = [problem.Detail] };
        }

        return TypedResults.Problem(problem);
    }

    public static Results<Ok<T>, ProblemHttpResult> ToResult<T>(this Outcome<T> outcome)
        => outcome.Refusal is { } refusal ? refusal.ToProblem() : TypedResults.Ok(outcome.Value!);

    /// <summary>What every problem says: which one it is, whether trying again can help and when, and what to do.</summary>
    public static void Describe(this ProblemDetails problem, ErrorCode code, string? fix = null, DateTimeOffset? clearsAt = null)
    {
        foreach (var (name, value) in code.ToExtensions(fix))
        {
            problem.Extensions[name] = value;
        }

        if (clearsAt is { } time)
        {
            problem.Extensions[ClearsAt] = time;
        }
    }

    /// <summary>What no endpoint knows of its problem: the trace id, which is the number a person gives to support, and what a status without a code means.</summary>
    public static void Complete(ProblemDetailsContext context)
    {
        var (http, problem) = (context.HttpContext, context.ProblemDetails);
        problem.Extensions["traceId"] = (context.Exception as ClaudeManagerException)?.Context.CorrelationId ?? http.Features.Get<OperationContext>()?.CorrelationId ?? Activity.Current?.TraceId.ToHexString() ?? http.TraceIdentifier;
        if (!problem.Extensions.ContainsKey("code"))
        {
            problem.Describe(problem.Status switch
            {
                StatusCodes.Status403Forbidden => ErrorCodes.Forbidden,
                StatusCodes.Status404NotFound => ErrorCodes.NotFound,
                StatusCodes.Status405MethodNotAllowed => ErrorCodes.MethodNotAllowed,
                StatusCodes.Status413PayloadTooLarge => ErrorCodes.TooLarge,
                StatusCodes.Status415UnsupportedMediaType => ErrorCodes.UnsupportedMediaType,
                < StatusCodes.Status500InternalServerError => ErrorCodes.Invalid,
                _ => ErrorCodes.Internal,
            });
        }

        if (problem.Extensions.TryGetValue(ClearsAt, out var value) && value is DateTimeOffset clears && http.Response.Headers.RetryAfter.Count == 0)
        {
            var wait = clears - http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
            http.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }
    }
}
