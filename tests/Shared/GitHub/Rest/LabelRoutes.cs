namespace ClaudeManager.Tests.Shared.GitHub.Rest;

internal static class LabelRoutes
{
    private const string OfIssue = "/repos/{owner}/{repo}/issues/{issue_number}/labels";
    private const string Labels = "/repos/{owner}/{repo}/labels";

    public static void Map(RouteTable routes)
    {
        routes.Add("GET", OfIssue, call => OnIssue(call, call.Issue()), "issues");
        routes.Add("POST", OfIssue, Add, "issues");
        routes.Add("PUT", OfIssue, Set, "issues");
        routes.Add("DELETE", OfIssue, Clear, "issues");
        routes.Add("DELETE", OfIssue + "/{name}", Remove, "issues");
        routes.Add("GET", Labels, call => call.Repository() is var repository ? call.Page(repository.Labels, l => call.Shapes.Label(repository, l)) : throw Call.NotFound(), "issues");
        routes.Add("POST", Labels, Create, "issues");
        routes.Add("GET", Labels + "/{name}", call => One(call) is var (repository, label) ? Answer.Json(200, call.Shapes.Label(repository, label)) : throw Call.NotFound(), "issues");
        routes.Add("PATCH", Labels + "/{name}", Change, "issues");
        routes.Add("DELETE", Labels + "/{name}", Delete, "issues");
    }

    /// <summary>Brings the labels of an issue to exactly these.</summary>
    public static void Replace(GitHubIssue issue, string actor, string[] names)
    {
        foreach (var label in issue.Labels.Where(l => !names.Contains(l.Name, StringComparer.OrdinalIgnoreCase)))
        {
            issue.Unlabel(actor, label.Name);
        }

        issue.Label(actor, names);
    }

    private static Answer OnIssue(Call call, GitHubIssue issue) => call.Http.Request.Method == "GET"
        ? call.Page(issue.Labels, l => call.Shapes.Label(issue.Repository, l))
        : Answer.Json(200, issue.Labels.Select(l => call.Shapes.Label(issue.Repository, l)));

    private static Answer Add(Call call) => OnIssue(call, call.Issue(GitHubRole.Triage).Label(call.Actor, IssueRoutes.Labels(call)));

    private static Answer Set(Call call)
    {
        var issue = call.Issue(GitHubRole.Triage);
        Replace(issue, call.Actor, IssueRoutes.Labels(call));
        return OnIssue(call, issue);
    }

    private static Answer Clear(Call call)
    {
        Replace(call.Issue(GitHubRole.Triage), call.Actor, []);
        return Answer.NoContent;
    }

    private static Answer Remove(Call call)
    {
        var issue = call.Issue(GitHubRole.Triage);
        return issue.HasLabel(call.Value("name")) ? OnIssue(call, issue.Unlabel(call.Actor, call.Value("name"))) : Answer.Refused(404, "Label does not exist");
    }

    private static Answer Create(Call call)
    {
        var repository = call.Repository(GitHubRole.Write);
        var name = call.Required("Label", "name");
        if (name.Length > 50)
        {
            return Answer.Invalid("Label", "name", "custom", "name is too long (maximum is 50 characters)");
        }

        if (call.Text("color") is { } color && (color.Length != 6 || !color.All(char.IsAsciiHexDigit)))
        {
            return Answer.Invalid("Label", "color", "invalid");
        }

        return repository.LabelNamed(name) is not null
            ? Answer.Invalid("Label", "name", "already_exists")
            : Answer.Json(201, call.Shapes.Label(repository, repository.AddLabel(name, call.Text("color") ?? "ededed", call.Text("description"))));
    }

    private static (GitHubRepository Repository, GitHubLabel Label) One(Call call, GitHubRole need = GitHubRole.Read)
        => call.Repository(need) is var repository && repository.LabelNamed(call.Value("name")) is { } label ? (repository, label) : throw Call.NotFound();

    private static Answer Change(Call call)
    {
        var (repository, label) = One(call, GitHubRole.Write);
        var changed = label with { Name = call.Text("new_name") ?? label.Name, Color = call.Text("color") ?? label.Color, Description = call.Text("description") ?? label.Description };
        repository.ReplaceLabel(label, changed);
        return Answer.Json(200, call.Shapes.Label(repository, changed));
    }

    private static Answer Delete(Call call)
    {
        var (repository, label) = One(call, GitHubRole.Write);
        repository.ReplaceLabel(label, null);
        return Answer.NoContent;
    }
}
