namespace ClaudeManager.Core.GitHub;

/// <summary>Where one GitHub answers: github.com's three hosts, or GitHub Enterprise Server's one.</summary>
/// <param name="Api">REST; ends in a slash.</param>
/// <param name="GraphQL">The one address of GraphQL.</param>
/// <param name="Web">Pages and git; ends in a slash.</param>
public sealed record GitHubAddress(Uri Api, Uri GraphQL, Uri Web)
{
    private const string EnterprisePath = "/api/v3/";

    /// <param name="baseUrl"><c>github.baseUrl</c>.</param>
    public static GitHubAddress Of(Uri baseUrl)
    {
        var api = new Uri(baseUrl.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/");
        if (api.Host.StartsWith("api.", StringComparison.Ordinal) && (api.Host == "api.github.com" || api.Host.EndsWith(".ghe.com", StringComparison.Ordinal)))
        {
            return new GitHubAddress(api, new Uri(api, "graphql"), new Uri("https://" + api.Host["api.".Length..] + "/"));
        }

        return api.AbsolutePath.EndsWith(EnterprisePath, StringComparison.Ordinal)
            ? new GitHubAddress(api, new Uri(api, "../graphql"), new Uri(api, "../../"))
            : new GitHubAddress(api, new Uri(api, "graphql"), api);
    }

    public Uri Git(RepositoryName repository) => new(Web, $"{repository}.git");
}
