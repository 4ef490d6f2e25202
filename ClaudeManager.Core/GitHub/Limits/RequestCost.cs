using ClaudeManager.Core.GitHub.Http;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>What one request takes from GitHub's limits, known before it is sent.</summary>
/// <param name="Resource">Whose primary budget it is: <c>core</c>, <c>search</c>, <c>graphql</c>.</param>
/// <param name="Points">Of the secondary limit per minute: 1 to read, 5 to write.</param>
/// <param name="CreatesContent">Issues, comments, reviews and pull requests: 80 a minute, 500 an hour.</param>
internal readonly record struct RequestCost(string Resource, int Points, bool IsWrite, bool CreatesContent)
{
    public const string Core = "core";
    public const string GraphQL = "graphql";
    public const int ReadPoints = 1;
    public const int WritePoints = 5;

    // Writes that notify nobody.
    private static readonly string[] s_quiet = ["/labels", "/reactions", "/access_tokens", "/git/refs"];

    public static RequestCost Of(HttpRequestMessage request)
    {
        var path = request.RequestUri!.AbsolutePath;
        var isWrite = !GitHubCall.Of(request).IsRead(request);
        return new RequestCost(
            path.EndsWith("/graphql", StringComparison.Ordinal) ? GraphQL : path.Contains("/search/", StringComparison.Ordinal) ? "search" : Core,
            isWrite ? WritePoints : ReadPoints,
            isWrite,
            isWrite && request.Method == HttpMethod.Post && !s_quiet.Any(quiet => path.EndsWith(quiet, StringComparison.Ordinal)));
    }
}
