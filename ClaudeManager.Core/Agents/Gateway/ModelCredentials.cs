using ClaudeManager.Core.Security;

namespace ClaudeManager.Core.Agents.Gateway;

/// <summary>How the model API is reached and paid for. Only the gateway reads the secrets; agents never see them.</summary>
/// <param name="ApiKey"><c>ANTHROPIC_API_KEY</c>; sent as <c>x-api-key</c>.</param>
/// <param name="AuthToken"><c>ANTHROPIC_AUTH_TOKEN</c>; sent as a bearer token, and preferred when both are set.</param>
/// <param name="BaseUrl"><c>ANTHROPIC_BASE_URL</c>, else <see cref="Anthropic"/>.</param>
public sealed record ModelCredentials(SecretString? ApiKey, SecretString? AuthToken, Uri BaseUrl)
{
    public static readonly Uri Anthropic = new("https://api.anthropic.com");

    /// <summary>What is missing to use a model, and how to set it; null when nothing is. A base URL of one's own may ask for no key.</summary>
    public string? Problem => ApiKey is null && AuthToken is null && BaseUrl == Anthropic
        ? "No key for the model API: set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN), or ANTHROPIC_BASE_URL for a gateway of your own, in the environment of the server and start it again."
        : null;
}
