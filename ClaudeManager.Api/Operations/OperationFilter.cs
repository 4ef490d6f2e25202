using ClaudeManager.Core.Operations;

namespace ClaudeManager.Api.Operations;

/// <summary>The one way in: every endpoint runs inside <see cref="Operation"/>, named after the endpoint.</summary>
internal sealed class OperationFilter(Operation operation) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var name = http.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName
            ?? throw new InvalidOperationException($"The endpoint {http.Request.Path} has no name, so it cannot be an operation.");
        var caller = new Caller(LocalPerson.Name, http.Connection.RemoteIpAddress?.ToString(), http.Request.Headers.UserAgent.ToString() is { Length: > 0 } agent ? agent[..Math.Min(agent.Length, 256)] : null);
        return await operation.RunAsync(name, caller, async (current, _) =>
        {
            http.Features.Set(current);
            return await next(context);
        }, http.RequestAborted);
    }
}

internal static class OperationOfRequest
{
    /// <summary>The operation this request is.</summary>
    public static OperationContext Operation(this HttpContext http)
        => http.Features.Get<OperationContext>() ?? throw new InvalidOperationException("The endpoint is outside the operation filter.");
}

/// <summary>Who acts until sign-in exists: whoever sits at this machine, since nothing but loopback is open.</summary>
internal static class LocalPerson
{
    public static readonly string Name = "local:" + Environment.UserName;
}
