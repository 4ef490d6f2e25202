using ClaudeManager.Core.Contracts;
using ClaudeManager.ServiceDefaults;
using Microsoft.AspNetCore.HostFiltering;

namespace ClaudeManager.Api.Security;

/// <summary>
/// Until sign-in exists, whoever reaches the port is the operator: only loopback names are served (a page elsewhere may point its own name here),
/// and no change is taken that a browser sends for another site. Programs send neither header; Web forwards what its own pages sent.
/// </summary>
internal static class LoopbackRequests
{
    public static WebApplicationBuilder AddLoopbackRequests(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(options => options.AddServerHeader = false);
        builder.Services.AddLoopbackOnly();
        builder.Services.Configure<HostFilteringOptions>(options =>
        {
            options.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"];
            options.AllowEmptyHosts = false;
        });
        return builder;
    }

    public static IApplicationBuilder UseLoopbackRequests(this IApplicationBuilder app)
        => app.Use((context, next) => IsForeign(context.Request) ? RefuseAsync(context) : next(context));

    private static bool IsForeign(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        {
            return false;
        }

        var site = request.Headers["Sec-Fetch-Site"].ToString();
        var origin = request.Headers.Origin.ToString();
        return (site.Length > 0 && site is not ("same-origin" or "none")) || (origin.Length > 0 && !LoopbackOnly.IsLoopback(origin));
    }

    private static Task RefuseAsync(HttpContext context)
        => Results.Problem(title: "Cross-origin request refused", detail: "Changes are taken from the dashboard's own pages and from programs on this machine only.", statusCode: StatusCodes.Status403Forbidden, extensions: ErrorCodes.CrossOrigin.ToExtensions()).ExecuteAsync(context);
}
