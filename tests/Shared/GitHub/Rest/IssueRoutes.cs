using System.Globalization;
using System.Text.Json;

namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static class IssueRoutes
{
    public const int LongestTitle = 256;
    public const int LongestBody = 65_536;
    private const string Issues = "/repos/{owner}/{repo}/issues";
    private const string One = Issues + "/{issue_number}";
    private static readonly string[] s_reactions = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

    public static void Map(RouteTable routes)
    {
        routes.Add("GET", Issues, List, "issues");
        routes.Add("POST", Issues, Create, "issues", createsContent: true);
        routes.Add("GET", One, call => Found(call, call.Issue(pullsToo: false)), "issues");
        routes.Add("PATCH", One, Update, "issues");
        routes.Add("PUT", One + "/lock", Lock, "issues");
        routes.Add("DELETE", One + "/lock", Unlock, "issues");
        routes.Add("GET", One + "/comments", Comments, "issues");
        routes.Add("POST", One + "/comments", Comment, "issues", createsContent: true);
        routes.Add("GET", Issues + "/comments", AllComments, "issues");
        routes.Add("GET", Issues + "/comments/{comment_id}", call => OneComment(call) is var comment ? Answer.Json(200, call.Shapes.Comment(comment), comment.UpdatedAt) : throw Call.NotFound(), "issues");
        routes.Add("PATCH", Issues + "/comments/{comment_id}", EditComment, "issues");
        routes.Add("DELETE", Issues + "/comments/{comment_id}", DeleteComment, "issues");
        routes.Add("GET", One + "/events", call => call.Issue() is var issue ? call.Page([.. issue.Events.Where(e => e.Kind != "cross-referenced")], e => call.Shapes.Event(issue, e)) : throw Call.NotFound(), "issues");
        routes.Add("GET", Issues + "/events", AllEvents, "issues");
        routes.Add("GET", One + "/timeline", Timeline, "issues");
        routes.Add("GET", One + "/reactions", call => Reactions(call, call.Issue().Reactions), "issues");
        routes.Add("POST", One + "/reactions", call => React(call, call.Issue().Reactions), "issues");
        routes.Add("GET", Issues + "/comments/{comment_id}/reactions", call => Reactions(call, OneComment(call).Reactions), "issues");
        routes.Add("POST", Issues + "/comments/{comment_id}/reactions", call => React(call, OneComment(call).Reactions), "issues");
    }

    private static Answer Found(Call call, GitHubIssue issue) => Answer.Json(200, call.Shapes.Issue(issue), issue.UpdatedAt);

    private static Answer List(Call call)
    {
        var repository = call.Repository();
        if (!repository.HasIssues)
        {
            return Answer.Refused(404, "Not Found");
        }

        var (state, labels) = (call.Query("state") ?? "open", call.Query("labels")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? []);
        if (state is not ("open" or "closed" or "all"))
        {
            return Answer.Invalid("Issue", "state", "invalid");
        }

        var found = repository.Issues.Where(i => !i.IsDeleted && (state == "all" || i.IsOpen == (state == "open")) && labels.All(i.HasLabel));
        if (call.Query("since") is { } since)
        {
            if (!DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var from))
            {
                return Answer.Invalid("Issue", "since", "invalid");
            }

            found = found.Where(i => i.UpdatedAt >= from);
        }

        if (call.Query("creator") is { } creator)
        {
            found = found.Where(i => creator.Equals(i.Author?.Login, StringComparison.OrdinalIgnoreCase));
        }

        if (call.Query("assignee") is { } assignee and not "*")
        {
            found = found.Where(i => assignee == "none" ? i.Assignees.Count == 0 : i.Assignees.Exists(a => a.Login.Equals(assignee, StringComparison.OrdinalIgnoreCase)));
        }

        // Ties fall to the number, so that paging is stable.
        Func<GitHubIssue, IComparable> key = call.Query("sort") switch { "updated" => i => i.UpdatedAt, "comments" => i => i.Comments.Count, _ => i => i.CreatedAt };
        var sorted = call.Query("direction") == "asc" ? found.OrderBy(key).ThenBy(i => i.Number) : found.OrderByDescending(key).ThenByDescending(i => i.Number);
        return call.Page([.. sorted], call.Shapes.Issue);
    }

    private static Answer Create(Call call)
    {
        var repository = call.Repository();
        if (!repository.HasIssues)
        {
            return Answer.Refused(410, "Issues has been disabled in this repository.");
        }

        var (actor, title, body) = (call.Actor, call.Required("Issue", "title"), call.Text("body"));
        Bounded("Issue", title, body);
        var issue = repository.Open(call.User, title, body);
        if (call.Credential.RoleIn(repository) >= GitHubRole.Triage)
        {
            // Without the right to, labels and assignees are dropped without a word.
            issue.Label(actor, Labels(call));
            Assign(call, issue);
        }

        return Answer.Json(201, call.Shapes.Issue(issue)) with { Headers = new() { ["Location"] = call.Shapes.IssueUrl(issue) } };
    }

    private static Answer Update(Call call)
    {
        var issue = call.Issue(pullsToo: false);
        var (actor, role) = (call.Actor, call.Credential.RoleIn(issue.Repository));
        var (title, body, state, reason) = (call.Text("title"), call.Text("body"), call.Text("state"), call.Text("state_reason"));
        Bounded("Issue", title, body);
        if (title is not null && string.IsNullOrWhiteSpace(title))
        {
            return Answer.Invalid("Issue", "title", "missing_field");
        }

        if (state is not (null or "open" or "closed") || reason is not (null or "completed" or "not_planned" or "duplicate" or "reopened"))
        {
            return Answer.Invalid("Issue", state is null or "open" or "closed" ? "state_reason" : "state", "invalid");
        }

        if (role < GitHubRole.Triage && issue.Author != call.User)
        {
            return Answer.Refused(403, "Must have admin rights to Repository.");
        }

        if ((title is not null || body is not null) && role < GitHubRole.Write && issue.Author != call.User)
        {
            return Answer.Refused(403, "Must have write access to Repository.");
        }

        issue.Edit(actor, title, body);
        if (state == "closed")
        {
            issue.Close(actor, reason ?? "completed");
        }
        else if (state == "open")
        {
            issue.Reopen(actor);
        }

        if (call.Texts("labels") is not null && role >= GitHubRole.Triage)
        {
            LabelRoutes.Replace(issue, actor, Labels(call));
        }

        Assign(call, issue);
        return Answer.Json(200, call.Shapes.Issue(issue));
    }

    private static Answer Lock(Call call)
    {
        call.Issue(GitHubRole.Write).Lock(call.Actor, call.Text("lock_reason"));
        return Answer.NoContent;
    }

    private static Answer Unlock(Call call)
    {
        call.Issue(GitHubRole.Write).Unlock(call.Actor);
        return Answer.NoContent;
    }

    private static Answer Comments(Call call)
    {
        var comments = call.Issue().Comments;
        return call.Page([.. Since(call, comments)], call.Shapes.Comment);
    }

    private static Answer AllComments(Call call)
    {
        var comments = Since(call, call.Repository().Issues.SelectMany(i => i.Comments));
        Func<GitHubComment, IComparable> key = call.Query("sort") == "updated" ? c => c.UpdatedAt : c => c.Id;
        return call.Page([.. call.Query("direction") == "desc" ? comments.OrderByDescending(key) : comments.OrderBy(key)], call.Shapes.Comment);
    }

    private static IEnumerable<GitHubComment> Since(Call call, IEnumerable<GitHubComment> comments)
        => DateTimeOffset.TryParse(call.Query("since"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var from) ? comments.Where(c => c.UpdatedAt >= from) : comments;

    private static Answer Comment(Call call)
    {
        var issue = call.Issue();
        var (actor, body) = (call.Actor, call.Required("IssueComment", "body"));
        Bounded("IssueComment", null, body);
        if (issue.IsLocked && call.Credential.RoleIn(issue.Repository) < GitHubRole.Write)
        {
            return Answer.Refused(403, "Unable to create comment because issue is locked.");
        }

        var comment = issue.Comment(actor, body);
        var shape = call.Shapes.Comment(comment);
        return Answer.Json(201, shape) with { Headers = new() { ["Location"] = (string)shape["url"]! } };
    }

    private static GitHubComment OneComment(Call call)
    {
        var id = call.Number("comment_id");
        return call.Repository().Issues.SelectMany(i => i.Comments).FirstOrDefault(c => c.Id == id) ?? throw Call.NotFound();
    }

    private static Answer EditComment(Call call)
    {
        var comment = OneComment(call);
        var body = call.Required("IssueComment", "body");
        Bounded("IssueComment", null, body);
        if (comment.Author != call.User && call.Credential.RoleIn(comment.Issue.Repository) < GitHubRole.Write)
        {
            return Answer.Refused(403, "Must have admin rights to Repository.");
        }

        (comment.Body, comment.UpdatedAt) = (body, call.World.Now);
        comment.Issue.Touch();
        return Answer.Json(200, call.Shapes.Comment(comment));
    }

    private static Answer DeleteComment(Call call)
    {
        var comment = OneComment(call);
        if (comment.Author != call.User && call.Credential.RoleIn(comment.Issue.Repository) < GitHubRole.Write)
        {
            return Answer.Refused(403, "Must have admin rights to Repository.");
        }

        comment.Issue.Forget(comment);
        return Answer.NoContent;
    }

    /// <summary>Newest first, unlike the events of one issue.</summary>
    private static Answer AllEvents(Call call)
    {
        var events = call.Repository().Issues.SelectMany(i => i.Events.Where(e => e.Kind != "cross-referenced").Select(e => (Issue: i, Event: e))).OrderByDescending(e => e.Event.Id);
        return call.Page([.. events], e =>
        {
            var shape = call.Shapes.Event(e.Issue, e.Event);
            shape["issue"] = call.Shapes.Issue(e.Issue);
            return shape;
        });
    }

    private static Answer Timeline(Call call)
    {
        var issue = call.Issue();
        var all = issue.Events.Select(e => (e.CreatedAt, e.Id, Shape: (Func<object>)(() => call.Shapes.Event(issue, e, onTimeline: true))))
            .Concat(issue.Comments.Select(c => (c.CreatedAt, c.Id, Shape: (Func<object>)(() => Commented(call, c)))))
            .Concat((issue.Pull?.Reviews ?? []).Select(r => (CreatedAt: r.SubmittedAt, r.Id, Shape: (Func<object>)(() => Reviewed(call, issue.Pull!, r)))))
            .OrderBy(e => e.CreatedAt).ThenBy(e => e.Id);
        return call.Page([.. all], e => e.Shape());
    }

    private static Dictionary<string, object?> Commented(Call call, GitHubComment comment)
    {
        var shape = call.Shapes.Comment(comment);
        shape["event"] = "commented";
        shape["actor"] = shape["user"];
        return shape;
    }

    private static Dictionary<string, object?> Reviewed(Call call, GitHubPull pull, GitHubReview review)
    {
        var shape = JsonSerializer.SerializeToElement(call.Shapes.Review(pull, review)).EnumerateObject().ToDictionary(p => p.Name, object? (p) => p.Value);
        shape["event"] = "reviewed";
        shape["state"] = review.State.ToLowerInvariant();
        return shape;
    }

    private static Answer Reactions(Call call, List<GitHubReaction> reactions)
        => call.Page([.. reactions.Where(r => call.Query("content") is not { } content || r.Content == content)], call.Shapes.Reaction);

    /// <summary>A second reaction of the same kind is the first one again, with 200.</summary>
    private static Answer React(Call call, List<GitHubReaction> reactions)
    {
        var content = call.Required("Reaction", "content");
        var actor = call.World.User(call.Actor);
        if (!s_reactions.Contains(content))
        {
            return Answer.Invalid("Reaction", "content", "invalid");
        }

        if (reactions.Find(r => r.User == actor && r.Content == content) is { } there)
        {
            return Answer.Json(200, call.Shapes.Reaction(there));
        }

        var reaction = new GitHubReaction(call.World.NextId(), actor, content, call.World.Now);
        reactions.Add(reaction);
        return Answer.Json(201, call.Shapes.Reaction(reaction));
    }

    public static void Bounded(string resource, string? title, string? body)
    {
        if (title?.Length > LongestTitle)
        {
            throw new RefusedException(Answer.Invalid(resource, "title", "custom", $"title is too long (maximum is {LongestTitle} characters)"));
        }

        if (body?.Length > LongestBody)
        {
            throw new RefusedException(Answer.Invalid(resource, "body", "custom", $"body is too long (maximum is {LongestBody} characters)"));
        }
    }

    public static string[] Labels(Call call)
    {
        var labels = call.Texts("labels") ?? [];
        return Array.Exists(labels, l => l.Length > 50) ? throw new RefusedException(Answer.Invalid("Label", "name", "custom", "name is too long (maximum is 50 characters)")) : labels;
    }

    private static void Assign(Call call, GitHubIssue issue)
    {
        if (call.Texts("assignees") is not { } assignees)
        {
            return;
        }

        issue.Assignees.Clear();
        issue.Assignees.AddRange(assignees.Select(a => call.World.Users.TryGetValue(a, out var user) ? user : throw new RefusedException(Answer.Invalid("Issue", "assignees", "invalid"))));
    }
}
