using System.Diagnostics;
using ClaudeManager.Core.Operations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace ClaudeManager.Api.Errors;

/// <summary>Expected refusals as problem details (RFC 9457) with a stable <c>code</c> and, where there is one, a <c>fix</c>.</summary>
internal static class Problems
{
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
        problem.Extensions["code"] = refusal.Code;
        if (refusal.Fix is not null)
        {
            problem.Extensions["fix"] = refusal.Fix;
        }

        if (refusal.Field is not null)
        {
            problem.Extensions["errors"] = new Dictionary<string, string[]> { [refusal.Field] = [problem.Detail] };
        }

        return TypedResults.Problem(problem);
    }

    public static Results<Ok<T>, ProblemHttpResult> ToResult<T>(this Outcome<T> outcome)
        => outcome.Refusal is { } refusal ? refusal.ToProblem() : TypedResults.Ok(outcome.Value!);

    /// <summary>The number a person gives to support: the trace id.</summary>
    public static void AddTraceId(ProblemDetailsContext context)
    {
        context.ProblemDetails.Extensions["traceId"] = context.HttpContext.Features.Get<OperationContext>()?.CorrelationId ?? Activity.Current?.TraceId.ToHexString() ?? context.HttpContext.TraceIdentifier;
        if (!context.ProblemDetails.Extensions.ContainsKey("code"))
        {
            context.ProblemDetails.Extensions["code"] = context.ProblemDetails.Status switch
            {
                StatusCodes.Status403Forbidden => "forbidden",
                StatusCodes.Status404NotFound => "not_found",
                StatusCodes.Status405MethodNotAllowed => "method_not_allowed",
                StatusCodes.Status413PayloadTooLarge => "too_large",
                StatusCodes.Status415UnsupportedMediaType => "unsupported_media_type",
                < StatusCodes.Status500InternalServerError => "invalid",
                _ => "internal",
            };
        }
    }
}
