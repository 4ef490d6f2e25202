using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace ClaudeManager.Web.Security;

/// <summary>Puts the browser's own defences on every answer.</summary>
internal sealed class SecurityHeaders(RequestDelegate next)
{
    private static readonly object s_nonceKey = new();

    /// <summary>What a script tag of this answer must carry to run.</summary>
    public static string Nonce(HttpContext context) => (string)context.Items[s_nonceKey]!;

    public Task InvokeAsync(HttpContext context)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        context.Items[s_nonceKey] = nonce;
        context.Response.OnStarting(Write, (context, nonce));
        return next(context);
    }

    private static Task Write(object state)
    {
        var (context, nonce) = ((HttpContext, string))state;
        var headers = context.Response.Headers;
        // MudBlazor writes its theme as a style element and sizes things by style attributes, so styles may be inline; scripts never.
        // 'self' for base-uri, because Blazor needs its <base>.
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
            + "manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), display-capture=(), browsing-topics=()";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (string.IsNullOrEmpty(headers.CacheControl) && context.Response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true)
        {
            headers[HeaderNames.CacheControl] = "no-store";
        }

        return Task.CompletedTask;
    }
}
