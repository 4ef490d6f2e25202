using System.Net;
using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Contracts;

namespace ClaudeManager.Cli;

/// <summary>A fault in words on standard error, and the exit code a script can act on.</summary>
internal static class Failure
{
    public static int Report(Exception fault, Invocation invocation)
    {
        var (code, message) = fault switch
        {
            CommandFailedException failed => (failed.ExitCode, failed.Message),
            ManagerApiException answer => (ExitCodeOf(answer.Status), Describe(answer)),
            ConfigurationException => (ExitCode.Configuration, fault.Message),
            HttpRequestException => (ExitCode.Unavailable, $"The server cannot be reached: {fault.Message}"),
            OperationCanceledException => (ExitCode.Unavailable, "The server did not answer in time."),
            _ => (ExitCode.Failed, $"{fault.GetType().Name}: {fault.Message}"),
        };
        invocation.Output.Problem(message);
        if (invocation.IsDebug)
        {
            invocation.Output.Problem(fault.ToString());
        }

        return code;
    }

    private static int ExitCodeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity => ExitCode.Usage,
        HttpStatusCode.NotFound => ExitCode.NotFound,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ExitCode.Denied,
        HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed => ExitCode.Conflict,
        HttpStatusCode.TooManyRequests => ExitCode.RateLimited,
        HttpStatusCode.ServiceUnavailable => ExitCode.TryLater,
        HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => ExitCode.Unavailable,
        _ => ExitCode.Failed,
    };

    private static string Describe(ManagerApiException answer)
    {
        var fields = answer.Errors.SelectMany(field => field.Value.Select(message => $"\n  {field.Key}: {message}"));
        var trace = answer.TraceId is null ? "" : $" (correlation {answer.TraceId})";
        return answer.Message + string.Concat(fields) + trace;
    }
}
