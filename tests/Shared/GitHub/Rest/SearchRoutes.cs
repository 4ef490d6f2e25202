using System.Text.RegularExpressions;

namespace ClaudeManager.Tests.Shared.GitHub.Rest;

/// <summary>Search over issues with the qualifiers people use. Unlike GitHub's it is never behind; <see cref="LoopbackGitHub.SearchLag"/> makes it so.</summary>
internal static partial class SearchRoutes
{
    private const int MostResults = 1_000;

    public static void Map(RouteTable routes) => routes.Add("GET", "/search/issues", Search);

    private static Answer Search(Call call)
    {
        var query = call.Query("q") ?? "";
        if (query.Length is 0 or > 256)
        {
            return query is "" ? Answer.Invalid("Search", "q", "missing") : Answer.Invalid("Search", "q", "custom", "The search is longer than 256 characters.");
        }

        var lag = call.World.SearchLag;
        var found = call.World.Repositories.Values.Where(r => call.Credential.RoleIn(r) > GitHubRole.None).SelectMany(r => r.Issues).Where(i => !i.IsDeleted && i.UpdatedAt <= call.World.Now - lag);
        foreach (Match term in Term().Matches(query))
        {
            var (key, value) = (term.Groups["key"].Value, term.Groups["value"].Value.Trim('"'));
            found = key.ToLowerInvariant() switch
            {
                "repo" => found.Where(i => i.Repository.FullName.Equals(value, StringComparison.OrdinalIgnoreCase)),
                "user" or "org" => found.Where(i => i.Repository.Owner.Login.Equals(value, StringComparison.OrdinalIgnoreCase)),
                "label" => found.Where(i => i.HasLabel(value)),
                "author" => found.Where(i => value.Equals(i.Author?.Login, StringComparison.OrdinalIgnoreCase)),
                "head" => found.Where(i => i.Pull?.Head == value),
                "is" or "type" or "state" => value.ToLowerInvariant() switch
                {
                    "issue" => found.Where(i => i.Pull is null),
                    "pr" => found.Where(i => i.Pull is not null),
                    "open" => found.Where(i => i.IsOpen),
                    "closed" => found.Where(i => !i.IsOpen),
                    "merged" => found.Where(i => i.Pull?.MergedAt is not null),
                    _ => found,
                },
                "in" or "sort" => found,
                _ => found.Where(i => i.Title.Contains(value, StringComparison.OrdinalIgnoreCase) || (i.Body?.Contains(value, StringComparison.OrdinalIgnoreCase) ?? false)),
            };
        }

        var all = found.OrderByDescending(i => i.CreatedAt).ThenByDescending(i => i.Id).ToArray();
        return call.Page(all.Take(MostResults).ToArray(), i =>
        {
            var shape = call.Shapes.Issue(i);
            shape.Remove("closed_by");
            shape["score"] = 1.0;
            return shape;
        }, page => new { total_count = all.Length, incomplete_results = false, items = page, search_type = "lexical" });
    }

    [GeneratedRegex("""(?:(?<key>[a-z-]+):)?(?<value>"[^"]*"|\S+)""", RegexOptions.IgnoreCase)]
    private static partial Regex Term();
}
