using ClaudeManager.Core.Configuration;
using ClaudeManager.Core.Fleet;
using ClaudeManager.Core.GitHub.Credentials;
using ClaudeManager.Core.GitHub.Http;
using ClaudeManager.Core.GitHub.Limits;
using ClaudeManager.Core.GitHub.Mirrors;
using ClaudeManager.Core.Network;
using ClaudeManager.Core.Persistence;
using ClaudeManager.Core.Resilience.Pipelines;
using ClaudeManager.Core.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ClaudeManager.Core.GitHub;

public static class GitHubRegistration
{
    /// <summary>The GitHub side, as the account whose token this is. Without one everything is registered and every call says what is missing.</summary>
    public static IServiceCollection AddGitHub(this IServiceCollection services, SecretString? token)
    {
        services.AddSingleton<GitHubCredential>(new TokenCredential(token));
        services.AddSingleton<GitHubLimits>();
        services.AddSingleton(p => new GitHubHttp(
            p.GetRequiredService<GitHubCredential>(),
            p.GetRequiredService<GitHubLimits>(),
            OutboundTransport.Create(p.GetRequiredService<CurrentConfiguration>().Value.Network),
            p.GetRequiredService<CurrentConfiguration>(),
            p.GetRequiredService<UpstreamPipelines>(),
            p.GetRequiredService<Store>(),
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<ILogger<GitHubHttp>>()));
        services.AddSingleton(p => new GitHubGateway(
            p.GetRequiredService<GitHubHttp>(),
            p.GetRequiredService<GitHubLimits>(),
            p.GetRequiredService<GitHubCredential>(),
            p.GetRequiredService<CurrentConfiguration>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(p => new GitHubRemote(
            p.GetRequiredService<GitHubCredential>(), p.GetRequiredService<InstanceIdentity>(), p.GetRequiredService<CurrentConfiguration>(), p.GetRequiredService<UpstreamPipelines>()));
        services.AddSingleton<GitHubMirrors>();
        return services;
    }
}
