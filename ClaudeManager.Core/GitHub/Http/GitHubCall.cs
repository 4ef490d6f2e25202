namespace ClaudeManager.Core.GitHub.Http;

/// <summary>What the handlers have to know of the call a request belongs to. It travels in the request's options.</summary>
/// <param name="Deadline">Until when the call may wait for its turn. A turn that comes later is refused at once.</param>
/// <param name="IsQuery">A GraphQL query: a POST that changes nothing.</param>
/// <param name="Lane">Whom it lets go before it.</param>
internal sealed record GitHubCall(DateTimeOffset Deadline, bool IsQuery, GitHubLane Lane)
{
    private static readonly HttpRequestOptionsKey<GitHubCall> s_key = new("claude-manager.github-call");

    public static GitHubCall Of(HttpRequestMessage request)
        => request.Options.TryGetValue(s_key, out var call) ? call : throw new InvalidOperationException("The request belongs to no call.");

    /// <summary>Whether an answer that never came may hide a change. A request of no call asks for a token and changes nothing.</summary>
    public static bool MayChange(HttpRequestMessage request) => request.Options.TryGetValue(s_key, out var call) && !call.IsRead(request);

    public void Attach(HttpRequestMessage request) => request.Options.Set(s_key, this);

    /// <summary>Changes nothing at GitHub, so it may be sent again.</summary>
    public bool IsRead(HttpRequestMessage request) => IsQuery || request.Method == HttpMethod.Get || request.Method == HttpMethod.Head;
}
