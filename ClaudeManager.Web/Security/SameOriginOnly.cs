using ClaudeManager.Core.Contracts;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace ClaudeManager.Web.Security;

/// <summary>
/// Refuses what another site makes a browser send: unsafe methods and everything of the Blazor hub. Without sign-in the browser's reach to loopback
/// is itself the credential, so this is what stands between any open tab and an approval.
/// </summary>
internal sealed class SameOriginOnly(RequestDelegate next, ILogger<SameOriginOnly> logger)
{
    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var harmless = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method);
        var guarded = !harmless || request.Path.StartsWithSegments("/_blazor") || context.Features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect == true || context.WebSockets.IsWebSocketRequest;
        if (!guarded || IsSameOrigin(request))
        {
            return next(context);
        }

        logger.CrossOriginRefused(request.Method);
        return Results.Problem(
            title: "Cross-origin request refused.",
            detail: "The dashboard takes changes from its own pages only.",
            statusCode: StatusCodes.Status403Forbidden,
            extensions: ErrorCodes.CrossOrigin.ToExtensions()).ExecuteAsync(context);
    }

    private static bool IsSameOrigin(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"];
        var origin = request.Headers.Origin;
        if (StringValues.IsNullOrEmpty(site) && StringValues.IsNullOrEmpty(origin))
        {
            // Every browser sends one of the two here; a program that is none (the command line) has only the API to talk to.
            return request.Path.StartsWithSegments("/api");
        }

        return (StringValues.IsNullOrEmpty(site) || site == "same-origin")
            && (StringValues.IsNullOrEmpty(origin) || string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase));
    }
}
