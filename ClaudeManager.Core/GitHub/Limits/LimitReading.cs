using System.Globalization;
using System.Net;

namespace ClaudeManager.Core.GitHub.Limits;

/// <summary>The primary budget as GitHub's answers told it.</summary>
public sealed record GitHubBudget(string Credential, string Resource, int Limit, int Remaining, DateTimeOffset ResetsAt)
{
    /// <summary>What a lane may spend before the reset; the rest is kept for those before it.</summary>
    public int LeftFor(GitHubLane lane) => Remaining - (Limit - lane.PartOf(Limit));
}

/// <summary>A refusal by a limit.</summary>
/// <param name="Resource">The resource that is used up; <c>*</c> when nothing may be sent at all.</param>
/// <param name="Wait">How long, by GitHub's word; null when it gave none.</param>
internal sealed record LimitRefusal(string Resource, TimeSpan? Wait);

/// <summary>Reads the limits out of an answer. Moments are turned into waits by the answer's own <c>Date</c>, because GitHub's clock is not ours.</summary>
internal static class LimitReading
{
    public const string Everything = "*";

    public static GitHubBudget? Budget(HttpResponseMessage response, string credential, DateTimeOffset now)
        => Text(response, "x-ratelimit-resource") is { Length: <= 64 } resource && Number(response, "x-ratelimit-limit") is { } limit
            && Number(response, "x-ratelimit-remaining") is { } remaining && Number(response, "x-ratelimit-reset") is { } reset
            ? new GitHubBudget(credential, resource, (int)Math.Min(limit, int.MaxValue), (int)Math.Clamp(remaining, 0, int.MaxValue), now + Until(DateTimeOffset.FromUnixTimeSeconds(reset), response, now))
            : null;

    /// <summary>Null when the answer is no refusal by a limit; a plain 403 is none.</summary>
    public static async Task<LimitRefusal?> RefusalAsync(HttpResponseMessage response, DateTimeOffset now, CancellationToken ct)
    {
        var retryAfter = response.Headers.RetryAfter;
        var wait = retryAfter?.Delta ?? (retryAfter?.Date is { } date ? Until(date, response, now) : null);
        if (response.StatusCode is not (HttpStatusCode.Forbidden or HttpStatusCode.TooManyRequests))
        {
            return response.StatusCode == HttpStatusCode.ServiceUnavailable && wait is not null ? new LimitRefusal(Everything, wait) : null;
        }

        if (wait is not null)
        {
            return new LimitRefusal(Everything, wait);
        }

        if (Budget(response, "", now) is { Remaining: 0 } spent)
        {
            return new LimitRefusal(spent.Resource, spent.ResetsAt - now);
        }

        return response.StatusCode == HttpStatusCode.TooManyRequests
            || (await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false)).Contains("secondary rate limit", StringComparison.OrdinalIgnoreCase)
            ? new LimitRefusal(Everything, null)
            : null;
    }

    /// <summary>A second more, because both moments are cut to whole seconds and early is not allowed.</summary>
    private static TimeSpan Until(DateTimeOffset moment, HttpResponseMessage response, DateTimeOffset now)
    {
        var wait = moment - (response.Headers.Date ?? now) + TimeSpan.FromSeconds(1);
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    private static long? Number(HttpResponseMessage response, string header)
        => long.TryParse(Text(response, header), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= 253_402_300_799 ? value : null;

    private static string? Text(HttpResponseMessage response, string header) => response.Headers.TryGetValues(header, out var values) ? values.First() : null;
}
