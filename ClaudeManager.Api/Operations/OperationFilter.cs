using ClaudeManager.Core.Operations;

namespace ClaudeManager.Api.Operations;

/// <summary>Who sends a request.</summary>
internal delegate Caller Authentication(HttpContext http);

/// <summary>The one way in: every endpoint runs inside <see cref="Operation"/>, as the operation it was mapped with.</summary>
internal sealed class OperationFilter(Operation operation, Authentication authenticate) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var descriptor = http.GetEndpoint()?.Metadata.GetMetadata<OperationDescriptor>()
            ?? throw new InvalidOperationException($"The endpoint {http.Request.Path} was not mapped with an operation.");
        return await operation.RunAsync(descriptor, authenticate(http), async (current, _) =>
        {
            http.Features.Set(current);
            return await next(context);
        }, http.RequestAborted);
    }
}

internal static class OperationOfRequest
{
    private const int LongestAgent = 256;

    /// <summary>Which operation the endpoint is; it is named after it.</summary>
    public static RouteHandlerBuilder WithOperation(this RouteHandlerBuilder endpoint, OperationDescriptor operation) => endpoint.WithName(operation.Name).WithMetadata(operation);

    /// <summary>The operation this request is.</summary>
    public static OperationContext Operation(this HttpContext http)
        => http.Features.Get<OperationContext>() ?? throw new InvalidOperationException("The endpoint is outside the operation filter.");

    /// <summary>Until sign-in exists, whoever reaches the port is the operator.</summary>
    public static Caller LocalPerson(HttpContext http)
        => Caller.LocalPerson(http.Connection.RemoteIpAddress?.ToString(), http.Request.Headers.UserAgent.ToString() is { Length: > 0 } agent ? agent[..Math.Min(agent.Length, LongestAgent)] : null);
}
