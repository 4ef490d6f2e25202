namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>A request and its answer, as they are held against GitHub's published description.</summary>
/// <param name="Path">Without a prefix of GitHub Enterprise.</param>
/// <param name="Status">Null where a fault replaced the answer: then only the request is checked.</param>
public sealed record GitHubExchange(string Method, string Path, string Query, string RequestBody, int? Status, string? ContentType, string? ResponseBody);
