using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace ClaudeManager.Api.Errors;

/// <summary>Faults as problem details: a fault of ours says its code and its fix, anything else says nothing of itself. It is logged once, by its operation or here.</summary>
internal sealed partial class FaultHandler(IProblemDetailsService problems, ILogger<FaultHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested)
        {
            return true;
        }

        if (!Operation.WasLogged(exception))
        {
            LogFault(logger, httpContext.Request.Method, exception);
        }

        // In the middle of something the database goes away under another name than when it is asked.
        var fault = exception is not ClaudeManagerException && DatabaseUnavailableException.IsAway(exception) ? new DatabaseUnavailableException(exception) : exception;
        var status = fault switch
        {
            BadHttpRequestException bad => bad.StatusCode,
            ValidationException => StatusCodes.Status400BadRequest,
            _ => Failures.Classify(fault) switch
            {
                FailureClass.Transient => StatusCodes.Status503ServiceUnavailable,
                FailureClass.Infrastructure when fault is ClaudeManagerException => StatusCodes.Status503ServiceUnavailable,
                _ => StatusCodes.Status500InternalServerError,
            },
        };
        var problem = new ProblemDetails { Status = status, Title = status < 500 ? "Invalid input" : status == StatusCodes.Status503ServiceUnavailable ? "Not possible just now" : "Something went wrong here" };
        problem.Detail = fault switch
        {
            ClaudeManagerException ours => ours.Fix is null ? ours.Message : $"{ours.Message} {ours.Fix}",
            BadHttpRequestException bad => bad.Message,
            _ => "The fault is in the log under the trace id.",
        };
        if (fault is ClaudeManagerException known)
        {
            problem.Extensions["code"] = known.Code;
        }

        if (fault is ValidationException field)
        {
            problem.Extensions["errors"] = new Dictionary<string, string[]> { [field.Field] = [field.Message] };
        }

        httpContext.Response.StatusCode = status;
        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = problem, Exception = exception });
    }

    [LoggerMessage(5001, LogLevel.Error, "A {Method} request failed outside an operation")]
    private static partial void LogFault(ILogger logger, string method, Exception exception);
}
