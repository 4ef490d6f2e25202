using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
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

        var status = exception switch
        {
            BadHttpRequestException bad => bad.StatusCode,
            ValidationException => StatusCodes.Status400BadRequest,
            _ => Failures.Classify(exception) is FailureClass.Transient or FailureClass.Infrastructure && exception is ClaudeManagerException ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status500InternalServerError,
        };
        var problem = new ProblemDetails { Status = status, Title = status < 500 ? "Invalid input" : "Something went wrong here" };
        problem.Detail = exception switch
        {
            ClaudeManagerException ours => ours.Fix is null ? ours.Message : $"{ours.Message} {ours.Fix}",
            BadHttpRequestException bad => bad.Message,
            _ => "The fault is in the log under the trace id.",
        };
        if (exception is ClaudeManagerException known)
        {
            problem.Extensions["code"] = known.Code;
        }

        if (exception is ValidationException field)
        {
            problem.Extensions["errors"] = new Dictionary<string, string[]> { [field.Field] = [field.Message] };
        }

        httpContext.Response.StatusCode = status;
        return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = problem, Exception = exception });
    }

    [LoggerMessage(5001, LogLevel.Error, "A {Method} request failed outside an operation")]
    private static partial void LogFault(ILogger logger, string method, Exception exception);
}
