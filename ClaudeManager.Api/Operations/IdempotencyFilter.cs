using System.Security.Cryptography;
using System.Text.Json;
using ClaudeManager.Api.Errors;
using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Operations;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ClaudeManager.Api.Operations;

/// <summary>A POST with an <c>Idempotency-Key</c> is carried out once: whoever sends it again gets the first answer, with <c>Idempotency-Replayed: true</c>.</summary>
internal sealed class IdempotencyFilter(IdempotencyKeys keys) : IEndpointFilter
{
    public const string Header = "Idempotency-Key";
    public const string Replayed = "Idempotency-Replayed";
    private const int LongestKey = 255;

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!HttpMethods.IsPost(http.Request.Method) || !http.Request.Headers.TryGetValue(Header, out var values))
        {
            return await next(context);
        }

        if (values is not [{ Length: > 0 and <= LongestKey } key] || key.Any(c => c is < '!' or > '~'))
        {
            return Refusal.Invalid(Header, $"An {Header} is 1 to {LongestKey} visible ASCII characters, once.", "Send a UUID.").ToProblem();
        }

        var operation = http.Operation();
        var claim = await keys.ClaimAsync(operation, key, RequestSha256(operation, context.Arguments), http.RequestAborted);
        if (claim.Refusal is { } refusal)
        {
            return refusal.ToProblem();
        }

        if (claim.Answer is { } answer)
        {
            return new Replay(answer);
        }

        http.Features.Set(operation with { Idempotency = keys.Hold(key) });
        try
        {
            return new Recorded(await next(context), answer => keys.KeepAsync(operation, key, answer, CancellationToken.None), () => keys.FailAsync(operation, key, CancellationToken.None));
        }
        catch
        {
            await keys.FailAsync(operation, key, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Says in the OpenAPI document what every POST takes.</summary>
    public static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken _)
    {
        if (context.Description.HttpMethod == HttpMethods.Post)
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = Header,
                In = ParameterLocation.Header,
                Description = "Carried out once: the same key with the same request gives the first answer again for 24 hours, with another request 422.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = LongestKey },
            });
        }

        return Task.CompletedTask;
    }

    /// <summary>What was bound, not the bytes: the same in another order is the same.</summary>
    private static string RequestSha256(OperationContext operation, IList<object?> arguments)
        => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(
            arguments.Where(a => a is null or string or ValueType and not CancellationToken || a.GetType().Namespace == typeof(ManagerJson).Namespace).Prepend(operation.Name), ManagerJson.Options)));

    private sealed class Replay(KeptAnswer answer) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            (response.StatusCode, response.ContentType, response.ContentLength) = (answer.Status, answer.ContentType, answer.Body.Length);
            response.Headers[Replayed] = "true";
            await response.Body.WriteAsync(answer.Body, httpContext.RequestAborted);
        }
    }

    /// <summary>Keeps what an endpoint answers before anybody gets it. A fault is no answer.</summary>
    private sealed class Recorded(object? result, Func<KeptAnswer, Task> keep, Func<Task> fail) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            var body = response.Body;
            using var recording = new MemoryStream();
            response.Body = recording;
            try
            {
                await (result as IResult ?? Results.Ok(result)).ExecuteAsync(httpContext);
            }
            catch
            {
                await fail();
                throw;
            }
            finally
            {
                response.Body = body;
            }

            if (response.StatusCode >= StatusCodes.Status500InternalServerError)
            {
                await fail();
            }
            else
            {
                await keep(new KeptAnswer(response.StatusCode, response.ContentType, recording.ToArray()));
            }

            recording.Position = 0;
            await recording.CopyToAsync(body, httpContext.RequestAborted);
        }
    }
}
