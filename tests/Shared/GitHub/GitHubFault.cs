using System.IO.Enumeration;

namespace ClaudeManager.Tests.Shared.GitHub;

/// <summary>What goes wrong with a request.</summary>
public abstract record GitHubFault
{
    private GitHubFault()
    {
    }

    /// <summary>Answered so instead, with no effect.</summary>
    public sealed record Answer(int Status, string Body, string ContentType, IReadOnlyDictionary<string, string> Headers) : GitHubFault;

    /// <summary>The connection is reset before anything happened.</summary>
    public sealed record ResetBefore : GitHubFault;

    /// <summary>The request is carried out; its answer never leaves.</summary>
    public sealed record ResetAfter : GitHubFault;

    /// <summary>The request is carried out; half of its answer's body leaves, then the connection is reset.</summary>
    public sealed record Cut : GitHubFault;

    /// <summary>Accepted, and nothing ever comes: the client has to give up by itself.</summary>
    public sealed record BlackHole : GitHubFault;

    /// <summary>Goes on only when <paramref name="Until"/> completes: a slow answer without guessing a delay.</summary>
    /// <param name="AfterEffect">The request is carried out first, so that only the answer is late.</param>
    public sealed record Held(Task Until, bool AfterEffect) : GitHubFault;

    /// <summary>The request is carried out; the answer's status is kept and its body is not JSON.</summary>
    public sealed record Garbage(string Body) : GitHubFault;

    public static GitHubFault Json(int status, string message, params (string Name, string Value)[] headers)
        => new Answer(status, System.Text.Json.JsonSerializer.Serialize(new { message, documentation_url = "https://docs.github.com/rest" }), "application/json; charset=utf-8", headers.ToDictionary(h => h.Name, h => h.Value, StringComparer.OrdinalIgnoreCase));

    /// <summary>What GitHub's front end says when the back end is away: a page, not JSON.</summary>
    public static GitHubFault Html(int status = 502)
        => new Answer(status, "<!DOCTYPE html><html><head><title>Unicorn!</title></head><body><p>We had issues producing the response to your request.</p></body></html>", "text/html; charset=utf-8", new Dictionary<string, string>());

    public static GitHubFault SecondaryLimit(TimeSpan? retryAfter = null, int status = 403)
        => Json(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", retryAfter is { } wait ? [("Retry-After", ((int)wait.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture))] : []);
}

/// <summary>A fault that waits for its request.</summary>
public sealed class GitHubFaultPlan
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waiting;

    internal GitHubFaultPlan(string method, string path, GitHubFault fault, int times)
        => (Method, Path, Fault, Left, _waiting) = (method, path, fault, times, times);

    public string Method { get; }

    /// <summary><c>*</c> stands for anything, slashes included.</summary>
    public string Path { get; }

    public GitHubFault Fault { get; }

    /// <summary>How many requests still meet it.</summary>
    public int Left { get; private set; }

    /// <summary>Completes when the first request is where the fault strikes: for a fault after the effect, the effect is there.</summary>
    public Task Reached => _reached.Task;

    /// <summary>Completes when all of its requests are.</summary>
    public Task ReachedAll => _all.Task;

    /// <summary>It is over; later requests go well.</summary>
    public void Stop() => Left = 0;

    internal bool Takes(string method, string path)
    {
        if (Left == 0 || (Method != "*" && !Method.Equals(method, StringComparison.OrdinalIgnoreCase)) || !FileSystemName.MatchesSimpleExpression(Path, path))
        {
            return false;
        }

        Left--;
        return true;
    }

    internal void Strike()
    {
        _reached.TrySetResult();
        if (Interlocked.Decrement(ref _waiting) == 0)
        {
            _all.TrySetResult();
        }
    }
}
