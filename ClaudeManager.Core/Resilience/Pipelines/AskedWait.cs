using System.Globalization;
using System.Net;
using Polly;

namespace ClaudeManager.Core.Resilience.Pipelines;

/// <summary>
/// How long an upstream asks us to stay away. Moments are turned into waits by the answer's own <c>Date</c>, because its clock is not ours; no wait ends early by that clock.
/// </summary>
internal static class AskedWait
{
    /// <summary>Of <c>Retry-After</c>, and else of <c>x-ratelimit-reset</c> where nothing remains. Null when the answer asks for nothing.</summary>
    public static TimeSpan? OfAnswer(Outcome<HttpResponseMessage> outcome, DateTimeOffset now)
    {
        if (outcome.Result is not { } response || response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.Forbidden or HttpStatusCode.ServiceUnavailable))
        {
            return null;
        }

        // The answer is younger than its Date, which is cut to the second: counting from there waits at most that second too long.
        var theirs = response.Headers.Date ?? now;
        return response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => NotNegative(date - theirs),
            _ => Header(response, "x-ratelimit-remaining") == 0 && Header(response, "x-ratelimit-reset") is { } reset ? NotNegative(DateTimeOffset.FromUnixTimeSeconds(reset) - theirs) : null,
        };
    }

    /// <summary>Of a fault that knows when it is over.</summary>
    public static TimeSpan? OfFault<T>(Outcome<T> outcome, DateTimeOffset now) => outcome.Exception is ClaudeManagerException { ClearsAt: { } clears } ? NotNegative(clears - now) : null;

    private static TimeSpan NotNegative(TimeSpan wait) => wait > TimeSpan.Zero ? wait : TimeSpan.Zero;

    private static long? Header(HttpResponseMessage response, string name)
        => response.Headers.TryGetValues(name, out var values) && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= 253_402_300_799 ? value : null;
}
