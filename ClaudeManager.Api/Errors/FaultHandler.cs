using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience;
using ClaudeManager.Core.Security;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace ClaudeManager.Api.Errors;

/// <summary>Faults as problem details: a fault of ours says its code and its fix, anything else says nothing of itself. It is logged once, by its operation or here.</summary>
internal sealed partial class FaultHandler(IProblemDetailsService problems, Redactor redactor, ILogger<FaultHandler> logger) : IExceptionHandler
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
        var known = fault as ClaudeManagerException;
        var (status, title, code) = fault switch
        {
            BadHttpRequestException bad => (bad.StatusCode, "Invalid input", null),
            AuthorizationException => (StatusCodes.Status403Forbidden, "Not allowed", known!.ErrorCode),
            ClaudeManagerException { Failure: FailureClass.Transient or FailureClass.Infrastructure } => (StatusCodes.Status503ServiceUnavailable, "Not available now", known!.ErrorCode),
            _ => (StatusCodes.Status500InternalServerError, "Something went wrong here", known?.ErrorCode ?? ErrorCodes.Internal),
        };
        var problem = new ProblemDetails { Status = status, Title = title };
        problem.Detail = fault switch
        {
            // It may quote git, or whatever else has failed.
            ClaudeManagerException => redactor.Redact(known!.Fix is null ? known.Message : $"{known.Message} {known.Fix}"),
            BadHttpRequestException bad => bad.Message,
            _ => "The fault is in the log under the trace id.",
        };
        if (code is not null)
        {
            problem.Describe(code, known?.Fix, known?.ClearsAt);
        }

        httpContext.Response.StatusCode = status;
        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = problem, Exception = exception });
    }

    [LoggerMessage(5001, LogLevel.Error, "A {Method} request failed outside an operation")]
    private static partial void LogFault(ILogger logger, string method, Exception exception);
}
