using ClaudeManager.Web.Security;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace ClaudeManager.Web.Components;

/// <summary>The document around the dashboard, rendered once per visit.</summary>
public sealed partial class App
{
    // Without prerendering a page is initialised once, and talks to Api once.
    private static readonly InteractiveServerRenderMode s_mode = new(prerender: false);

    [CascadingParameter]
    public required HttpContext HttpContext { get; set; }

    private string Nonce => SecurityHeaders.Nonce(HttpContext);
}
