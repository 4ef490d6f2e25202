using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Agents.Gateway;

/// <summary>How the model is reached. Only the gateway holds this; an agent sees a key of its run.</summary>
public sealed record ModelCredentials
{
    public static readonly Uri DefaultBaseUrl = new("https://api.anthropic.com");

    /// <summary>Sent as <c>x-api-key</c>.</summary>
    public SecretString? ApiKey { get; init; }

    /// <summary>Sent as <c>Authorization: Bearer</c>.</summary>
    public SecretString? AuthToken { get; init; }

    public Uri BaseUrl { get; init; } = DefaultBaseUrl;
}
