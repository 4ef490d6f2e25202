using System.Globalization;
using System.Text.RegularExpressions;
using ClaudeManager.Core.Git;

namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static partial class PullRoutes
{
    private const string Pulls = "/repos/{owner}/{repo}/pulls";
    private const string One = Pulls + "/{pull_number}";

    public static void Map(RouteTable routes)
    {
        routes.Add("GET", Pulls, List, "pull_requests");
        routes.Add("POST", Pulls, CreateAsync, "pull_requests", createsContent: true);
        routes.Add("GET", One, GetAsync, "pull_requests");
        routes.Add("PATCH", One, UpdateAsync, "pull_requests");
        routes.Add("GET", One + "/merge", call => call.Pull().MergedAt is null ? Answer.Refused(404, "Not Found") : Answer.NoContent, "pull_requests");
        routes.Add("PUT", One + "/merge", MergeAsync, "contents");
        routes.Add("GET", One + "/reviews", call => call.Pull() is var pull ? call.Page(pull.Reviews, r => call.Shapes.Review(pull, r)) : throw Call.NotFound(), "pull_requests");
        routes.Add("POST", One + "/reviews", Review, "pull_requests", createsContent: true);
        routes.Add("GET", One + "/comments", call => call.Pull() is var pull ? call.Page(pull.ReviewComments, c => call.Shapes.ReviewComment(pull, c)) : throw Call.NotFound(), "pull_requests");
        routes.Add("POST", One + "/requested_reviewers", RequestReview, "pull_requests");
        routes.Add("GET", One + "/commits", CommitsAsync, "pull_requests");
    }

    private static Answer List(Call call)
    {
        var repository = call.Repository();
        var state = call.Query("state") ?? "open";
        var pulls = repository.Pulls.Where(p => state == "all" || p.Issue.IsOpen == (state == "open"));
        if (call.Query("head") is { } head)
        {
            // owner:branch; GitHub ignores a head without an owner.
            pulls = head.Split(':', 2) is [var owner, var branch] ? pulls.Where(p => owner.Equals(repository.Owner.Login, StringComparison.OrdinalIgnoreCase) && p.Head == branch) : pulls;
        }

        if (call.Query("base") is { } @base)
        {
            pulls = pulls.Where(p => p.Base == @base);
        }

        Func<GitHubPull, IComparable> key = call.Query("sort") == "updated" ? p => p.Issue.UpdatedAt : p => p.Issue.Number;
        var ascending = call.Query("direction") is { } direction ? direction == "asc" : call.Query("sort") is not (null or "created");
        return call.Page([.. ascending ? pulls.OrderBy(key) : pulls.OrderByDescending(key)], p => call.Shapes.Pull(p, call.Credential.RoleIn(repository)));
    }

    private static async Task<Answer> CreateAsync(Call call, CancellationToken ct)
    {
        var repository = call.Repository(GitHubRole.Write);
        var (actor, title, body) = (call.Actor, call.Required("PullRequest", "title"), call.Text("body"));
        var (head, @base) = (call.Required("PullRequest", "head"), call.Required("PullRequest", "base"));
        IssueRoutes.Bounded("PullRequest", title, body);
        if (head.Split(':', 2) is [var owner, var branch])
        {
            head = owner.Equals(repository.Owner.Login, StringComparison.OrdinalIgnoreCase) ? branch : "";
        }

        if (repository.Refs.Read("refs/heads/" + head) is not { } headSha || head is "")
        {
            return Answer.Invalid("PullRequest", "head", "invalid");
        }

        if (repository.Refs.Read("refs/heads/" + @base) is not { } baseSha)
        {
            return Answer.Invalid("PullRequest", "base", "invalid");
        }

        var ahead = await GitCommand.RunAsync(repository.GitDirectory, ["rev-list", "--count", $"{baseSha}..{headSha}"], ct).ConfigureAwait(false);
        if (ahead.Text == "0")
        {
            return Answer.Invalid("PullRequest", "base", "custom", $"No commits between {@base} and {head}");
        }

        GitHubPull pull;
        lock (call.World.Gate)
        {
            if (repository.Pulls.Any(p => p.Issue.IsOpen && p.Head == head && p.Base == @base))
            {
                return Answer.Invalid("PullRequest", "base", "custom", $"A pull request already exists for {repository.Owner.Login}:{head}.");
            }

            var issue = repository.Open(call.User, title, null);
            pull = issue.Pull = new GitHubPull(call.World, issue, head, headSha, @base, baseSha, call.Flag("draft") == true);
            issue.Edit(actor, body: body).ForgetEdit();
        }

        repository.Pushed();
        var figures = await FiguresAsync(pull, ct).ConfigureAwait(false);
        return Answer.Json(201, call.Shapes.FullPull(pull, call.Credential.RoleIn(repository), figures)) with { Headers = new() { ["Location"] = call.Shapes.PullUrl(pull) } };
    }

    private static async Task<Answer> GetAsync(Call call, CancellationToken ct) => await AnswerAsync(call, call.Pull(), ct).ConfigureAwait(false);

    private static async Task<Answer> AnswerAsync(Call call, GitHubPull pull, CancellationToken ct)
    {
        var figures = await FiguresAsync(pull, ct).ConfigureAwait(false);
        lock (call.World.Gate)
        {
            return Answer.Json(200, call.Shapes.FullPull(pull, call.Credential.RoleIn(pull.Issue.Repository), figures), pull.Issue.UpdatedAt);
        }
    }

    private static async Task<PullFigures> FiguresAsync(GitHubPull pull, CancellationToken ct)
    {
        var (repository, head, @base) = (pull.Issue.Repository, pull.HeadSha, pull.BaseSha);
        var mergeable = await repository.MergedTreeAsync(@base, head, ct).ConfigureAwait(false) is not null;
        var commits = await GitCommand.RunAsync(repository.GitDirectory, ["rev-list", "--count", $"{@base}..{head}"], ct).ConfigureAwait(false);
        var changes = await GitCommand.TryAsync(repository.GitDirectory, ["diff", "--numstat", "-z", $"{@base}...{head}"], ct).ConfigureAwait(false);
        var (files, added, deleted) = (0, 0, 0);
        foreach (Match line in Changes().Matches(changes.Text))
        {
            files++;
            added += line.Groups[1].Value is "-" ? 0 : int.Parse(line.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            deleted += line.Groups[2].Value is "-" ? 0 : int.Parse(line.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        }

        return new PullFigures(mergeable, int.Parse(commits.Text, CultureInfo.InvariantCulture), files, added, deleted);
    }

    private static async Task<Answer> UpdateAsync(Call call, CancellationToken ct)
    {
        var pull = call.Pull();
        if (call.Credential.RoleIn(pull.Issue.Repository) < GitHubRole.Write && pull.Issue.Author != call.User)
        {
            return Answer.Refused(403, "Must have write access to Repository.");
        }

        IssueRoutes.Bounded("PullRequest", call.Text("title"), call.Text("body"));
        pull.Issue.Edit(call.Actor, call.Text("title"), call.Text("body"));
        switch (call.Text("state"))
        {
            case "closed":
                pull.Issue.Close(call.Actor);
                break;
            case "open" when pull.MergedAt is not null:
                return Answer.Invalid("PullRequest", "state", "custom", "state cannot be changed. The pull request cannot be reopened.");
            case "open":
                pull.Issue.Reopen(call.Actor);
                break;
            case null:
                break;
            default:
                return Answer.Invalid("PullRequest", "state", "invalid");
        }

        return await AnswerAsync(call, pull, ct).ConfigureAwait(false);
    }

    private static async Task<Answer> MergeAsync(Call call, CancellationToken ct)
    {
        var pull = call.Pull(GitHubRole.Write);
        if (call.Text("sha") is { } sha && sha != pull.HeadSha)
        {
            return Answer.Refused(409, "Head branch was modified. Review and try the merge again.");
        }

        if (!pull.Issue.IsOpen || pull.IsDraft || call.Text("merge_method") is not (null or "merge" or "squash"))
        {
            return Answer.Refused(405, pull.IsDraft ? "Pull Request is still a draft" : "Pull Request is not mergeable");
        }

        if (await pull.Issue.Repository.MergeBranchAsync(pull, call.World.User(call.Actor), call.Text("merge_method") == "squash", ct).ConfigureAwait(false) is not { } merged)
        {
            return Answer.Refused(405, "Pull Request is not mergeable");
        }

        pull.Merged(call.Actor, merged);
        return Answer.Json(200, new { sha = merged, merged = true, message = "Pull Request successfully merged" });
    }

    private static Answer Review(Call call)
    {
        var pull = call.Pull();
        var state = call.Text("event") switch { "APPROVE" => "APPROVED", "REQUEST_CHANGES" => "CHANGES_REQUESTED", "COMMENT" => "COMMENTED", _ => "PENDING" };
        if (state == "APPROVED" && pull.Issue.Author == call.User)
        {
            return Answer.Refused(422, "Unprocessable Entity", "Can not approve your own pull request");
        }

        return Answer.Json(200, call.Shapes.Review(pull, pull.Review(call.Actor, state, call.Text("body") ?? "")));
    }

    private static Answer RequestReview(Call call)
    {
        var pull = call.Pull(GitHubRole.Write);
        foreach (var login in call.Texts("reviewers") ?? [])
        {
            if (!call.World.Users.TryGetValue(login, out var reviewer) || pull.Issue.Repository.RoleOf(reviewer) < GitHubRole.Read)
            {
                return Answer.Refused(422, "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository.");
            }

            if (!pull.RequestedReviewers.Contains(reviewer))
            {
                pull.RequestedReviewers.Add(reviewer);
                pull.Issue.Record("review_requested", call.User, e => e with { Subject = reviewer });
            }
        }

        return Answer.Json(201, call.Shapes.Pull(pull, call.Credential.RoleIn(pull.Issue.Repository)));
    }

    private static async Task<Answer> CommitsAsync(Call call, CancellationToken ct)
    {
        var pull = call.Pull();
        var shas = await GitCommand.RunAsync(pull.Issue.Repository.GitDirectory, ["rev-list", "--reverse", $"{pull.BaseSha}..{pull.HeadSha}"], ct).ConfigureAwait(false);
        var commits = new List<GitCommit>();
        foreach (var sha in shas.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            commits.Add((await GitRoutes.ReadCommitAsync(pull.Issue.Repository, sha, ct).ConfigureAwait(false))!);
        }

        return call.Page(commits, c => call.Shapes.Commit(pull.Issue.Repository, c));
    }

    [GeneratedRegex(@"(\d+|-)\t(\d+|-)\t[^\0]*\0")]
    private static partial Regex Changes();
}
