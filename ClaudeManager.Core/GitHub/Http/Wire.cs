using System.Text.Json;
using System.Text.Json.Serialization;
using Octokit.Internal;

namespace ClaudeManager.Core.GitHub.Http;

// GitHub's answers, as much of them as we use. Octokit's own models do not take what GitHub really sends: an account type or a state it does not know, a review or check run without a date.

internal sealed record WireAccount(long Id, string? Login, string? Type)
{
    /// <summary>Null for a deleted account.</summary>
    public static GitHubAccount? Read(WireAccount? account) => account?.Login is { Length: > 0 } login ? new GitHubAccount(account.Id, login, KindOf(account.Type)) : null;

    public static GitHubAccountKind KindOf(string? type) => type switch
    {
        "User" => GitHubAccountKind.User,
        "Bot" => GitHubAccountKind.Bot,
        "Organization" => GitHubAccountKind.Organization,
        _ => GitHubAccountKind.Other,
    };
}

internal sealed record WireLabel(string? Name);

internal sealed record WireIssue(
    long Id, int Number, string HtmlUrl, string Title, string? Body, string State, string? StateReason, WireAccount? User, IReadOnlyList<WireLabel>? Labels, IReadOnlyList<WireAccount>? Assignees,
    JsonElement? PullRequest, bool Locked, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? ClosedAt)
{
    public GitHubIssue Read() => new(
        Id, Number, new Uri(HtmlUrl), Title, Body ?? "", State == "open", StateReason, WireAccount.Read(User), [.. (Labels ?? []).Select(l => l.Name).OfType<string>()],
        [.. (Assignees ?? []).Select(a => a.Login).OfType<string>()], PullRequest is { ValueKind: JsonValueKind.Object }, Locked, CreatedAt, UpdatedAt, ClosedAt);
}

internal sealed record WireRename(string? From, string? To);

internal sealed record WireIssueReference(int Number);

internal sealed record WireIssueEvent(long Id, string Event, WireAccount? Actor, WireLabel? Label, WireRename? Rename, WireIssueReference? Issue, DateTimeOffset CreatedAt)
{
    /// <param name="issue">Of a listing that does not say it.</param>
    public GitHubIssueEvent Read(int issue) => new(Id, Event, Issue?.Number ?? issue, WireAccount.Read(Actor), Label?.Name, Rename?.To, CreatedAt);
}

internal sealed record WireReferring(int Number, string RepositoryUrl, WireAccount? User, JsonElement? PullRequest);

internal sealed record WireSource(WireReferring? Issue);

internal sealed record WireTimelineEvent(string? Event, WireSource? Source, DateTimeOffset? CreatedAt)
{
    /// <summary>Null for everything else that happens on an issue.</summary>
    public GitHubReference? ReadReference()
        => this is { Event: "cross-referenced", Source.Issue: { } issue, CreatedAt: { } at } && RepositoryName.TryParse(string.Join('/', issue.RepositoryUrl.Split('/')[^2..]), out var repository)
            ? new GitHubReference(repository, issue.Number, issue.PullRequest is { ValueKind: JsonValueKind.Object }, WireAccount.Read(issue.User), at)
            : null;
}

internal sealed record WireComment(long Id, string HtmlUrl, string? Body, WireAccount? User, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public GitHubComment Read() => new(Id, new Uri(HtmlUrl), Body ?? "", WireAccount.Read(User), CreatedAt, UpdatedAt);
}

internal sealed record WirePermission(string? Permission, string? RoleName);

internal sealed record WireBranch(string Ref, string Sha);

internal sealed record WirePullRequest(
    long Id, int Number, string HtmlUrl, string Title, string? Body, string State, bool? Draft, bool? Merged, WireBranch Head, WireBranch Base, WireAccount? User,
    string? MergeCommitSha, bool? Mergeable, string? MergeableState, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? ClosedAt, DateTimeOffset? MergedAt)
{
    public GitHubPullRequest Read()
    {
        var isMerged = Merged == true || MergedAt is not null;
        // Before the merge GitHub puts the commit of a trial there.
        return new GitHubPullRequest(Id, Number, new Uri(HtmlUrl), Title, Body ?? "", State == "open", Draft == true, isMerged, Head.Ref, Head.Sha, Base.Ref, WireAccount.Read(User),
            isMerged ? MergeCommitSha : null, Mergeable, MergeableState, CreatedAt, UpdatedAt, ClosedAt, MergedAt);
    }
}

internal sealed record WireReview(long Id, string State, string? Body, WireAccount? User, string? CommitId, DateTimeOffset? SubmittedAt);

internal sealed record WireReviewComment(long Id, string Path, int? Line, string? Body, WireAccount? User, DateTimeOffset CreatedAt)
{
    public GitHubReviewComment Read() => new(Id, Path, Line, Body ?? "", WireAccount.Read(User), CreatedAt);
}

internal sealed record WireCheckOutput(string? Title, string? Summary, string? Text);

internal sealed record WireCheckRun(string Name, string Status, string? Conclusion, string? HtmlUrl, WireCheckOutput? Output)
{
    public GitHubCheck Read() => new(Name, Status != "completed" ? GitHubCheckState.Pending : Conclusion is "success" or "neutral" or "skipped" ? GitHubCheckState.Passed : GitHubCheckState.Failed,
        Conclusion ?? Status, Uri.TryCreate(HtmlUrl, UriKind.Absolute, out var url) ? url : null, string.Join('\n', new[] { Output?.Title, Output?.Summary, Output?.Text }.Where(text => !string.IsNullOrWhiteSpace(text))));
}

internal sealed record WireCheckRuns(int TotalCount, IReadOnlyList<WireCheckRun> CheckRuns);

internal sealed record WireStatus(string Context, string State, string? TargetUrl, string? Description)
{
    public GitHubCheck Read() => new(Context, State switch { "success" => GitHubCheckState.Passed, "pending" => GitHubCheckState.Pending, _ => GitHubCheckState.Failed },
        State, Uri.TryCreate(TargetUrl, UriKind.Absolute, out var url) ? url : null, Description ?? "");
}

internal sealed record WireStatuses(int TotalCount, IReadOnlyList<WireStatus> Statuses);

internal sealed record WireReaction(long Id, string Content, WireAccount? User, DateTimeOffset? CreatedAt);

internal sealed record WireAnswer(JsonElement Data, IReadOnlyList<WireQueryError>? Errors);

internal sealed record WireQueryError(string? Type, string? Message, IReadOnlyList<JsonElement>? Path);

/// <summary>Lets Octokit read and write with the framework's reader.</summary>
internal sealed class WireSerializer : IJsonSerializer
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = false,
    };

    public string Serialize(object item) => JsonSerializer.Serialize(item, s_options);

    public T Deserialize<T>(string json) => JsonSerializer.Deserialize<T>(json, s_options) ?? throw new JsonException("null");
}
