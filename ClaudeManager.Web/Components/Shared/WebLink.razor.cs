using Microsoft.AspNetCore.Components;

namespace ClaudeManager.Web.Components.Shared;

/// <summary>A link out of the product. The address comes from outside: only one of the web becomes a link.</summary>
public sealed partial class WebLink
{
    [Parameter, EditorRequired]
    public required string Url { get; set; }

    [Parameter, EditorRequired]
    public required string Name { get; set; }

    private bool IsWeb => Uri.TryCreate(Url, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp);
}
